// SPDX-License-Identifier: Apache-2.0
// Threads of others that compute beside the workers: as many of these stand down.
#include "sched/guests.hpp"

#include <atomic>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

#include "sched/scheduler.hpp"
#include "support/runtimes.hpp"
#include "task/runtime_core.hpp"

using namespace std::chrono_literals;
using weft::detail::guests;
using weft::testing::leak_fixture;

namespace {

void until(auto condition) {
    while (!condition()) std::this_thread::yield();
}

struct some_guests {
    explicit some_guests(unsigned n) : count(n) {
        for (unsigned i = 0; i < n; ++i) guests::enter();
    }
    ~some_guests() { guests::leave(count); }
    unsigned count;
};

/// Tasks that keep a runtime busy and count how many of them run at a time.
class crowd {
public:
    explicit crowd(weft::runtime& rt, int tasks) {
        for (int i = 0; i < tasks; ++i) tasks_.push_back(rt.spawn([this] { run(); }));
    }
    ~crowd() {
        stop_ = true;
        for (auto& t : tasks_) t.get();
    }
    /// Until so many have been seen running at once.
    void await_running(int n) {
        until([&] { return running_ >= n; });
    }
    /// The most that run at once while each of so many steps is taken.
    int most_running(int steps) {
        most_ = 0;
        const int end = steps_ + steps;
        until([&] { return steps_ >= end; });
        return most_;
    }

private:
    void run() {
        while (!stop_) {
            const int now = ++running_;
            for (int most = most_; most < now && !most_.compare_exchange_weak(most, now);) {}
            for (int i = 0; i < 20; ++i) std::this_thread::yield(); // the others, too
            --running_;
            ++steps_;
            weft::yield();
        }
    }
    std::atomic<bool> stop_{false};
    std::atomic<int> running_{0}, most_{0}, steps_{0};
    std::vector<weft::task<void>> tasks_;
};

} // namespace

TEST_CASE("for each guest a worker stands down, but never the last one", "[sched]") {
    leak_fixture nothing_leaks;
    // No spares: who takes the place of a worker that is slow on a busy machine would be one more that runs.
    weft::runtime rt({.workers = 4, .max_spares = 0});
    weft::detail::scheduler& s = rt.core().sched();
    crowd busy(rt, 16);
    busy.await_running(4);
    {
        const some_guests two(2);
        until([&] { return s.standing_down() == 2; });
        CHECK(busy.most_running(200) <= 2);
        const some_guests ten(10);
        until([&] { return s.standing_down() == 3; });
        CHECK(busy.most_running(200) == 1);
    }
    busy.await_running(4); // when the guests have gone, all are back
    CHECK(s.standing_down() == 0);
}

TEST_CASE("a worker stands down only if awake ones and guests are more than cores", "[sched]") {
    leak_fixture nothing_leaks;
    weft::runtime rt({.workers = 4});
    weft::detail::scheduler& s = rt.core().sched();
    until([&] { return s.sleeping_workers() == 4; });
    const auto places = [&](unsigned of_guests) {
        const some_guests there(of_guests);
        const weft::detail::guest_place a(s.worker_at(0)), b(s.worker_at(1)), c(s.worker_at(2)),
            d(s.worker_at(3));
        const unsigned kept = 0U + a.kept() + b.kept() + c.kept() + d.kept();
        CHECK(s.standing_down() == kept);
        return s.standing_down();
    };
    CHECK(places(0) == 0);
    CHECK(places(4) == 0); // all workers sleep: there is room for four
    CHECK(places(5) == 1);
    CHECK(places(6) == 2);
    CHECK(places(100) == 3); // one always serves
    CHECK(s.standing_down() == 0);
}

TEST_CASE("what a worker that stands down is told of is served by the others", "[sched]") {
    leak_fixture nothing_leaks;
    weft::runtime rt({.workers = 2});
    weft::detail::scheduler& s = rt.core().sched();
    crowd busy(rt, 4);
    busy.await_running(2);
    const some_guests one(1);
    until([&] { return s.standing_down() == 1; });
    // Timers and descriptors of both reactors, calls from outside.
    int ends[2];
    REQUIRE(::pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0);
    for (int i = 0; i < 100; ++i) {
        auto reader = rt.spawn([&] {
            weft::wait_readable(ends[0]);
            char c = 0;
            return ::read(ends[0], &c, 1) == 1;
        });
        auto sleeper = rt.spawn([] { weft::sleep_for(1us); });
        auto writer = rt.spawn([&] { return ::write(ends[1], "x", 1) == 1; });
        CHECK(writer.get());
        sleeper.get();
        CHECK(reader.get());
    }
    ::close(ends[0]);
    ::close(ends[1]);
}

TEST_CASE("a runtime ends while workers stand down", "[sched]") {
    leak_fixture nothing_leaks;
    const some_guests many(100);
    for (int i = 0; i < 20; ++i) {
        weft::runtime rt({.workers = 4});
        crowd busy(rt, 8);
        until([&] { return rt.core().sched().standing_down() > 0; });
    }
}
