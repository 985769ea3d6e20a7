// SPDX-License-Identifier: Apache-2.0
// weft::stay: one thread, and nobody in between at fork points.
#include <weft/sched/stay.hpp>

#include <atomic>
#include <set>
#include <thread>

#include <unistd.h>

#include "sched/guests.hpp"
#include "sched/scheduler.hpp"
#include "support/gate.hpp"
#include "support/runtimes.hpp"
#include "task/runtime_core.hpp"
#include "unit/greenlet/greenlet_support.hpp"

using namespace std::chrono_literals;
using weft::testing::gate;
using weft::testing::leak_fixture;
using weft::testing::over_workers;

namespace {

/// The same with every wait resuming elsewhere where it may (the checked builds do so anyway).
template <class Body>
void over_migrating_workers(Body body) {
    const unsigned workers = GENERATE(1U, 2U, 4U);
    CAPTURE(workers);
    leak_fixture nothing_leaks;
    weft::run({.workers = workers, .debug = true}, body);
}

/// Waits of all kinds; on which threads they resumed.
std::set<pid_t> threads_over_waits(int rounds) {
    std::set<pid_t> threads;
    weft::event e;
    weft::channel<int> c;
    for (int i = 0; i < rounds; ++i) {
        weft::yield();
        threads.insert(gettid());
        weft::sleep_for(1us);
        threads.insert(gettid());
        auto other = weft::create_task([&] {
            e.set();
            c.send(1);
        });
        e.wait();
        e.clear();
        threads.insert(gettid());
        c.recv();
        threads.insert(gettid());
        weft::await(other);
        threads.insert(gettid());
    }
    return threads;
}

void until(auto condition) {
    while (!condition()) std::this_thread::yield();
}

} // namespace

TEST_CASE("TSK-16: a task that stays resumes on its thread after each wait", "[sched]") {
    over_migrating_workers([] {
        std::atomic<int> strayed{0};
        weft::with_task_group([&](weft::task_group& g) {
            for (int i = 0; i < 8; ++i)
                g.create_task([&] {
                    const weft::stay here;
                    strayed += threads_over_waits(20) != std::set{gettid()};
                });
        });
        CHECK(strayed == 0);
    });
}

TEST_CASE("a task that does not stay moves where it is made to", "[sched]") {
    leak_fixture nothing_leaks;
    weft::run({.workers = 2, .debug = true, .max_spares = 0},
              [] { CHECK(threads_over_waits(20).size() == 2); });
}

TEST_CASE(
    "TSK-16: a pinned task, with a stack or without, runs on one thread from its first step on",
    "[sched]") {
    over_migrating_workers([] {
        std::vector<weft::task<bool>> tasks;
        for (int i = 0; i < 4; ++i)
            tasks.push_back(weft::create_task(
                {.pinned = true}, [] { return threads_over_waits(20) == std::set{gettid()}; }));
        auto coroutine = []() -> weft::co_task<bool> {
            std::set<pid_t> threads;
            for (int i = 0; i < 20; ++i) {
                threads.insert(gettid());
                co_await weft::create_task([] { weft::yield(); });
            }
            co_return threads.size() == 1;
        };
        for (int i = 0; i < 4; ++i)
            tasks.push_back(weft::create_task({.pinned = true}, coroutine()));
        for (bool stayed : weft::gather(tasks)) CHECK(stayed);
    });
}

TEST_CASE("stay: forks are calls on this thread, in order", "[sched]") {
    over_workers([] {
        const weft::stay here;
        const pid_t me = gettid();
        std::vector<int> order;
        int strayed = 0;
        const auto note = [&](int i) {
            order.push_back(i);
            strayed += gettid() != me;
        };
        weft::gather([&] { note(0); }, [&] { weft::gather([&] { note(1); }, [&] { note(2); }); },
                     [&] { note(3); });
        weft::parallel_for(4, 1000, note);
        CHECK(strayed == 0);
        CHECK(order.size() == 1000);
        CHECK(std::is_sorted(order.begin(), order.end()));
    });
}

TEST_CASE("stay: nobody gets in between at fork points", "[sched]") {
    leak_fixture nothing_leaks;
    weft::run({.workers = 1, .max_spares = 0}, [] { // nobody else serves the others meanwhile
        std::atomic<bool> other_ran{false};
        const auto forks = [] {
            weft::gather([] {}, [] {});
            weft::parallel_for(0, 100, [](int) {});
        };
        {
            const weft::stay here;
            auto other = weft::create_task([&] { other_ran = true; });
            const auto end = weft::clock::now() + 5ms; // many times as long as between two looks
            while (weft::clock::now() < end) forks();
            CHECK_FALSE(other_ran);
            weft::await(other); // at a wait it may
            CHECK(other_ran);
        }
        other_ran = false;
        auto other = weft::create_task([&] { other_ran = true; });
        while (!other_ran) forks(); // after the brace, too
        weft::await(other);
    });
}

TEST_CASE("stay: it nests, and after the last brace all is as before", "[sched]") {
    over_migrating_workers([] {
        const auto may_fork = [] { return weft::detail::current_stack()->forks.allows_forks(); };
        CHECK(may_fork());
        {
            const weft::stay outer;
            {
                const weft::stay inner;
                CHECK_FALSE(may_fork());
            }
            CHECK_FALSE(may_fork());
            CHECK(threads_over_waits(5) == std::set{gettid()});
        }
        CHECK(may_fork());
        weft::event e;
        weft::gather([&] { e.wait(); }, [&] { e.set(); });
    });
}

TEST_CASE("stay: a cancelled task leaves it like any scope", "[sched]") {
    over_workers([] {
        weft::event begun, never;
        auto t = weft::create_task([&] {
            try {
                const weft::stay here;
                begun.set();
                never.wait();
            } catch (const weft::cancelled_error&) {
                return weft::detail::current_fiber()->stays == 0;
            }
            return false;
        });
        begun.wait();
        t.cancel();
        CHECK(weft::await(t));
    });
}

TEST_CASE("stay: in greenlets and generators of a task", "[sched]") {
    weft::testing::warm_up_stacks();
    over_migrating_workers([] {
        weft::generator<pid_t> g([](auto& yield) {
            const weft::stay here;
            for (int i = 0; i < 20; ++i) {
                weft::yield();
                weft::gather([] { weft::yield(); }, [] {});
                yield(gettid());
            }
        });
        std::set<pid_t> threads;
        for (pid_t t : g) threads.insert(t);
        CHECK(threads.size() == 1);
    });
}

TEST_CASE("stay: on a plain thread it does nothing", "[sched]") {
    const weft::stay here;
    weft::gather([] {}, [] {});
    weft::yield();
}

TEST_CASE("stay: a task waits for its thread while that is stuck; the others do not", "[sched]") {
    leak_fixture nothing_leaks;
    weft::runtime rt({.workers = 1});
    std::atomic<bool> release{false}, stuck{false}, waits{false};
    weft::event e;
    auto stays = rt.spawn([&] {
        const weft::stay here;
        const pid_t me = gettid();
        waits = true;
        e.wait();
        // Its worker has no permit any more: it goes on all the same.
        return gettid() == me && threads_over_waits(20) == std::set{me};
    });
    until([&] { return waits.load(); });
    auto hog = rt.spawn([&] {
        stuck = true;
        while (!release) {}
    });
    until([&] { return stuck.load(); });
    for (int i = 0; i < 50; ++i) CHECK(rt.spawn([i] { return i; }).get() == i);
    e.set();
    for (int i = 0; i < 50; ++i) rt.spawn([] { weft::yield(); }).get();
    CHECK_FALSE(stays.done());
    release = true;
    CHECK(stays.get());
    hog.get();
}

TEST_CASE("stay: after an announced call that blocked, the task is still there", "[sched]") {
    leak_fixture nothing_leaks;
    weft::runtime rt({.workers = 1});
    for (int i = 0; i < 10; ++i) {
        gate g;
        auto stays = rt.spawn([&] {
            const weft::stay here;
            const pid_t me = gettid();
            weft::blocking([&] { g.pass(); });
            return gettid() == me && threads_over_waits(5) == std::set{me};
        });
        g.await_waiting(1);
        rt.spawn([&] { g.open(); }).get(); // served by another thread
        CHECK(stays.get());
    }
}

TEST_CASE("stay: a worker that stands down comes back for its task", "[sched]") {
    leak_fixture nothing_leaks;
    weft::runtime rt({.workers = 2});
    weft::detail::scheduler& s = rt.core().sched();
    std::atomic<bool> stop{false};
    std::vector<weft::task<void>> busy;
    for (int i = 0; i < 4; ++i)
        busy.push_back(rt.spawn([&] {
            while (!stop) weft::yield();
        }));
    weft::detail::guests::enter();
    std::vector<weft::task<bool>> stay;
    for (int i = 0; i < 8; ++i)
        stay.push_back(rt.spawn([] {
            const weft::stay here;
            return threads_over_waits(20) == std::set{gettid()};
        }));
    until([&] { return s.standing_down() == 1; });
    for (auto& t : stay) CHECK(t.get());
    weft::detail::guests::leave();
    stop = true;
    for (auto& t : busy) t.get();
}
