// SPDX-License-Identifier: Apache-2.0
// Waits of weft in TBB tasks leave their thread; both libraries share the cores.
#include <atomic>
#include <thread>

#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/task_group.h>

#include "support/gate.hpp"
#include "task/runtime_core.hpp"
#include "unit/tbb/support.hpp"

using weft::tbb_executor;
using weft::testing::gate;
using weft::testing::tbb_session;

namespace {

// TSAN can't follow oneTBB's change of stacks: there a wait blocks its thread.
constexpr bool k_can_leave = !weft::detail::k_tsan;

} // namespace

TEST_CASE("tbb: a TBB task that waits for a weft future does not hold its thread", "[tbb]") {
    if (!k_can_leave) return;
    tbb_session session;
    tbb::task_arena arena(1, 0); // one thread
    tbb_executor tbb(arena);
    weft::promise<int> p;
    auto result = p.get_future();
    std::vector<weft::future<int>> waiting;
    for (int i = 0; i < 50; ++i)
        waiting.push_back(tbb.submit([result, i] { return result.get() + i; }));
    // The only thread is free to run what ends those waits.
    tbb.submit([&] { p.set_value(100); }).get();
    for (int i = 0; i < 50; ++i) CHECK(waiting[static_cast<std::size_t>(i)].get() == 100 + i);
}

TEST_CASE("tbb: all of weft's waits leave the thread of their TBB task", "[tbb]") {
    if (!k_can_leave) return;
    tbb_session session;
    weft::run({.workers = 2}, [] {
        tbb::task_arena arena(1, 0);
        tbb_executor tbb(arena);
        weft::mutex m;
        weft::channel<int> to_tbb, from_tbb;
        weft::event e;
        m.lock();
        auto locks = tbb.submit([&] {
            m.lock();
            m.unlock();
        });
        auto echoes = tbb.submit([&] {
            for (int x : to_tbb) from_tbb.send(x + 1);
        });
        auto waits = tbb.submit([&] { e.wait(); });
        auto awaits = tbb.submit([&] { return weft::await(waits), 5; });
        for (int i = 0; i < 100; ++i) {
            to_tbb.send(i);
            CHECK(from_tbb.recv() == i + 1);
        }
        to_tbb.close();
        weft::await(echoes);
        e.set();
        CHECK(weft::await(awaits) == 5);
        m.unlock();
        weft::await(locks);
    });
}

TEST_CASE("tbb: bodies of an algorithm wait for weft's tasks", "[tbb]") {
    tbb_session session;
    weft::run({.workers = 2}, [] {
        tbb::task_arena arena(2, 0);
        tbb_executor tbb(arena);
        std::vector<weft::promise<int>> promises(64);
        std::vector<weft::future<int>> futures;
        for (auto& p : promises) futures.push_back(p.get_future());
        std::atomic<int> sum{0};
        auto call = tbb.submit([&] {
            tbb::parallel_for(std::size_t{0}, futures.size(),
                              [&](std::size_t i) { sum += futures[i].get(); });
        });
        for (int i = 63; i >= 0; --i) {
            weft::yield();
            promises[static_cast<std::size_t>(i)].set_value(i);
        }
        weft::await(call);
        CHECK(sum == 64 * 63 / 2);
    });
}

TEST_CASE("tbb: many waits end and begin at once", "[tbb]") {
    tbb_session session;
    weft::run({.workers = 2}, [] {
        tbb::task_arena arena(4, 0);
        tbb_executor tbb(arena);
        weft::channel<int> there(1), back(1);
        auto echo = tbb.submit([&] {
            tbb::task_group g;
            for (int i = 0; i < 2; ++i)
                g.run([&] {
                    for (int x : there) back.send(x);
                });
            g.wait();
            back.close();
        });
        const int n = weft::testing::many(20'000);
        auto sender = weft::create_task([&] {
            for (int i = 0; i < n; ++i) there.send(i);
            there.close();
        });
        long sum = 0;
        for (int x : back) sum += x;
        weft::await(sender);
        weft::await(echo);
        CHECK(sum == long{n} * (n - 1) / 2);
    });
}

TEST_CASE("tbb: a wait in a handler of an exception, or with a limit, keeps its thread", "[tbb]") {
    tbb_session session;
    tbb::task_arena arena(2, 0);
    tbb_executor tbb(arena);
    weft::event e;
    auto handles = tbb.submit([&] {
        const auto before = std::this_thread::get_id();
        try {
            throw std::runtime_error("outer");
        } catch (const std::runtime_error& error) {
            e.wait();
            return std::this_thread::get_id() == before && std::string(error.what()) == "outer";
        }
    });
    weft::promise<void> never;
    auto limited = tbb.submit([f = never.get_future()] {
        return f.wait_for(std::chrono::microseconds(1)) == std::future_status::timeout;
    });
    CHECK(limited.get());
    never.set_value();
    e.set();
    CHECK(handles.get());
}

TEST_CASE("tbb: outside a TBB task a wait blocks its thread as ever", "[tbb]") {
    tbb_session session;
    tbb_executor tbb;
    gate g;
    auto call = tbb.submit([&] {
        g.pass();
        return 3;
    });
    std::thread opens([&] {
        g.await_waiting(1);
        g.open();
    });
    CHECK(call.get() == 3);
    opens.join();
}

TEST_CASE("tbb: weft's workers make room for those of an arena, all but one", "[tbb]") {
    tbb_session session;
    // No spares: who takes the place of a worker that is slow on a busy machine would be one more that runs.
    weft::runtime rt({.workers = 4, .max_spares = 0});
    weft::detail::scheduler& s = rt.core().sched();
    const auto until = [](auto condition) {
        while (!condition()) std::this_thread::yield();
    };
    // Both libraries have enough to do for four cores each; who runs is counted.
    std::atomic<bool> stop{false};
    std::atomic<int> ours{0}, theirs{0}, most{0}, steps{0};
    const auto count = [&] {
        const int now = ours + theirs;
        for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {}
    };
    std::vector<weft::task<void>> tasks;
    for (int i = 0; i < 8; ++i)
        tasks.push_back(rt.spawn([&] {
            while (!stop) {
                ++ours;
                count();
                for (int k = 0; k < 20; ++k) std::this_thread::yield();
                --ours;
                ++steps;
                weft::yield();
            }
        }));
    until([&] { return ours == 4; });
    {
        tbb_executor tbb({.max_concurrency = 4}); // one of them for who calls: three workers
        std::atomic<bool> leave{false};
        std::vector<weft::future<void>> calls;
        for (int i = 0; i < 3; ++i)
            calls.push_back(tbb.submit([&] {
                ++theirs;
                while (!leave) {
                    count();
                    std::this_thread::yield();
                }
                --theirs;
            }));
        until([&] { return theirs == 3 && s.standing_down() == 3; });
        most = 0;
        const int end = steps + 200;
        until([&] { return steps >= end; });
        CHECK(most == 4); // three of theirs and one of ours
        leave = true;
        for (auto& call : calls) call.get();
        until([&] { return ours == 4; }); // they come back
    }
    CHECK(s.standing_down() == 0);
    stop = true;
    for (auto& t : tasks) t.get();
}

TEST_CASE("tbb: an executor that shares no cores leaves weft's workers alone", "[tbb]") {
    tbb_session session;
    weft::runtime rt({.workers = 2});
    tbb_executor tbb({.max_concurrency = 4, .share_cores = false});
    gate g;
    std::vector<weft::future<void>> calls;
    for (int i = 0; i < 3; ++i) calls.push_back(tbb.submit([&] { g.pass(); }));
    g.await_waiting(3);
    rt.block_on([] {
        for (int i = 0; i < 500; ++i) weft::yield();
    });
    CHECK(rt.core().sched().standing_down() == 0);
    CHECK_FALSE(weft::detail::guests::any());
    g.open();
    for (auto& call : calls) call.get();
}
