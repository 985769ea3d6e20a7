// SPDX-License-Identifier: Apache-2.0
// Callbacks and timers: order, turns, handles.
#include <thread>
#include <vector>

#include "loop/loop_core.hpp"
#include "support/party.hpp"
#include "unit/loop/loop_support.hpp"

using namespace std::chrono_literals;
using namespace weft::testing;
using weft::event_loop;

TEST_CASE("LOOP-01: callbacks run in the order of the calls, each once, with their arguments",
          "[loop]") {
    leak_fixture nothing_leaks;
    event_loop l;
    notes log;
    auto note = [&](const char* a, const std::string& b) { log(a + b); };
    l.call_soon(note, "a", "1");
    l.call_soon(log.of("b"));
    l.call_soon(note, "c", std::string("3"));
    run_turns(l, 3);
    CHECK(log.take() == "a1 b c3");
}

TEST_CASE("LOOP-01: the loop of each core calls one callback at a time, in order, on any number of "
          "workers",
          "[loop]") {
    over_workers([] {
        constexpr int k_calls = 300;
        weft::loop& l = weft::get_running_loop();
        int expected = 0, inside = 0;
        bool in_order = true;
        weft::promise<void> all;
        for (int i = 0; i < k_calls; ++i)
            l.call_soon([&, i] { // on whatever worker: no lock guards these
                in_order = in_order && i == expected++ && inside++ == 0;
                if (i % 50 == 0) weft::yield(); // one that waits keeps its turn
                --inside;
                if (i == k_calls - 1) all.set_value();
            });
        all.get_future().await();
        CHECK(in_order);
        CHECK(expected == k_calls);
    });
}

TEST_CASE("LOOP-02: what a callback schedules runs in the next turn, after all that was ready",
          "[loop]") {
    event_loop l;
    notes log;
    l.call_soon([&] {
        log("a");
        l.call_soon(log.of("c"));
    });
    l.call_soon(log.of("b"));
    run_turns(l);
    CHECK(log.take() == "a b");
    run_turns(l);
    CHECK(log.take() == "c");
}

TEST_CASE("LOOP-02: IO is looked at before what a callback schedules is called again", "[loop]") {
    leak_fixture nothing_leaks;
    event_loop l;
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    notes log;
    l.add_reader(ends[0], [&] {
        char byte = 0;
        CHECK(read(ends[0], &byte, 1) == 1);
        log("io");
    });
    int rounds = 0;
    std::function<void()> again = [&] { // would keep IO away for ever
        log(std::to_string(++rounds));
        if (rounds == 2) CHECK(write(ends[1], "x", 1) == 1);
        if (rounds < 5)
            l.call_soon(again);
        else
            l.stop();
    };
    l.call_soon(again);
    l.run_forever();
    CHECK(log.take() == "1 2 3 io 4 5");
    l.remove_reader(ends[0]);
    close(ends[0]);
    close(ends[1]);
}

TEST_CASE("LOOP-01 LOOP-02: tasks and callbacks take their turns in one order", "[loop]") {
    event_loop l;
    notes log;
    l.call_soon(log.of("c1"));
    l.create_task([&] {
        log("t1");
        weft::yield();
        log("t1'");
    });
    l.call_soon(log.of("c2"));
    l.create_task(log.of("t2"));
    run_turns(l, 2);
    CHECK(log.take() == "c1 t1 c2 t2 t1'");
}

TEST_CASE("LOOP-03 LOOP-33: timers run in the order of their deadlines, after what is ready",
          "[loop]") {
    timeless_loop l;
    notes log;
    l.call_later(200ms, [&] { log("1"); });
    l.call_later(100ms, [&] { log("2"); });
    l.call_soon(log.of("3"));
    l.call_later(201ms, [&] { l.stop(); });
    const auto began = l.time();
    l.run_forever();
    CHECK(log.take() == "3 2 1");
    CHECK(l.time() - began == 201ms); // time went from deadline to deadline, no further
}

TEST_CASE("LOOP-04: a timer is never early, and the clock never goes backwards", "[loop]") {
    event_loop l;
    std::vector<std::chrono::nanoseconds> early;
    weft::clock::time_point last = l.time();
    for (int i = 0; i < 20; ++i) {
        const auto when = l.time() + i * 100us;
        l.call_at(when, [&, when, i] {
            if (l.time() < when || l.time() < last) early.push_back(when - l.time());
            last = l.time();
            if (i == 19) l.stop();
        });
    }
    // Another clock's time is a distance from its now.
    l.call_at(std::chrono::steady_clock::now() + 1ms, [] {});
    l.run_forever();
    CHECK(early.empty());
}

TEST_CASE("LOOP-05: deadlines in the past run in the next turn, the earliest first", "[loop]") {
    event_loop l;
    notes log;
    l.call_later(-1s, [&] { log("a"); });
    l.call_later(-2s, [&] { log("b"); });
    l.call_later(std::chrono::nanoseconds::min(), [&] { log("c"); });
    l.call_soon(log.of("d"));
    run_turns(l);
    CHECK(log.take() == "d c b a");
    // ... also when a task never lets the loop sleep
    l.run_until_complete([&] {
        l.call_later(0s, log.of("t"));
        weft::yield();
        log("1");
        weft::yield();
        log("2");
    });
    CHECK(log.take() == "1 t 2");
}

TEST_CASE("LOOP-06: equal deadlines run in the order they were set", "[loop]") {
    timeless_loop l;
    notes log;
    std::string expected;
    const auto when = l.time() + 1s;
    for (int i = 0; i < 20; ++i) {
        l.call_at(when, log.of(std::to_string(i)));
        expected += std::to_string(i) + " ";
    }
    l.call_at(when, [&] { l.stop(); });
    l.run_forever();
    CHECK(log.take() + " " == expected);
}

TEST_CASE("LOOP-07: a cancelled callback never runs, and says whether it was in time", "[loop]") {
    leak_fixture nothing_leaks;
    weft::handle outlives;
    {
        event_loop l;
        notes log;
        auto soon = l.call_soon([c = counted(), &log] { log("soon"); });
        auto later = l.call_later(1ns, [c = counted(), &log] { log("later"); });
        CHECK_FALSE(soon.cancelled());
        CHECK(counted::alive == 2);
        CHECK(soon.cancel());
        CHECK(later.cancel());
        CHECK(counted::alive == 0); // at once
        CHECK(soon.cancelled());
        CHECK(later.cancelled());
        CHECK_FALSE(soon.cancel());
        auto runs = l.call_soon(log.of("runs"));
        weft::handle by_itself;
        by_itself = l.call_soon([&] { CHECK_FALSE(by_itself.cancel()); });
        auto dropped = l.call_soon(log.of("also runs"));
        dropped = {};
        CHECK_FALSE(dropped.cancel());
        run_turns(l, 2);
        CHECK(log.take() == "runs also runs");
        CHECK_FALSE(runs.cancel());
        CHECK_FALSE(runs.cancelled());
        outlives = l.call_later(1h, [] {});
    }
    CHECK_FALSE(outlives.cancel());
    CHECK(outlives.cancelled()); // by close
}

TEST_CASE("LOOP-07: one callback cancels another that is due in the same turn", "[loop]") {
    event_loop l;
    notes log;
    weft::handle second, third;
    l.call_soon([&] {
        CHECK(second.cancel());
        CHECK(third.cancel());
    });
    second = l.call_soon(log.of("second"));
    third = l.call_later(-1s, log.of("third"));
    run_turns(l, 2);
    CHECK(log.take() == "");
}

TEST_CASE("LOOP-08: a million cancelled timers leave nothing behind", "[loop]") {
    leak_fixture nothing_leaks;
    event_loop l;
    int most = 0;
    for (int i = 0; i < many(1'000'000); ++i) {
        auto h = l.call_later(1h, [c = counted()] {});
        most = std::max(most, counted::alive.load());
        h.cancel();
    }
    CHECK(most == 1);
    CHECK(counted::alive == 0);
    CHECK(l.core().home().next_deadline() == weft::detail::k_never);
}

TEST_CASE("LOOP-09: the loop does not wake for a timer that was cancelled", "[loop]") {
    timeless_loop l;
    l.call_later(1s, [] {}).cancel();
    l.call_later(2s, [&] { l.stop(); });
    const auto& counters = l.core().runtime().sched().worker_at(0).counters();
    const auto began = l.time();
    const auto before = counters.sleeps.load();
    l.run_forever();
    CHECK(l.time() - began == 2s);
    CHECK(counters.sleeps - before == 1);
}

TEST_CASE("LOOP-10 LOOP-12: any thread may call any entry, and wakes the loop", "[loop]") {
    leak_fixture nothing_leaks;
    event_loop l;
    notes log;
    bool slept = false;
    std::thread other([&] {
        const auto asleep = [&] { return l.core().runtime().sched().sleeping_workers() == 1; };
        slept = eventually(asleep);
        l.call_soon_threadsafe(log.of("soon"));
        l.call_later(0s, log.of("later"));
        slept = eventually(asleep) && slept; // it has run them, and sleeps again
        l.call_soon(log.of("soon"));
        l.call_at(l.time() + 1us, [&] {
            log("at");
            l.stop();
        });
    });
    l.run_forever();
    other.join();
    CHECK(slept);
    CHECK_THAT(log.take(),
               Catch::Equals("soon later soon at") || Catch::Equals("later soon soon at"));
}

TEST_CASE("LOOP-11: call_soon and call_soon_threadsafe keep one order", "[loop]") {
    event_loop l;
    notes log;
    l.call_soon_threadsafe(log.of("1"));
    l.call_soon(log.of("2"));
    l.call_soon_threadsafe(log.of("3"));
    run_turns(l);
    l.call_soon([&] {
        l.call_soon_threadsafe(log.of("4"));
        l.call_soon(log.of("5"));
        l.call_soon_threadsafe(log.of("6"));
    });
    run_turns(l, 2);
    CHECK(log.take() == "1 2 3 4 5 6");
}

TEST_CASE("LOOP-12: threads call callbacks of one core's loop, set timers and cancel them at the "
          "same time",
          "[loop]") {
    over_workers([] {
        constexpr int k_threads = 3, k_calls = 200;
        weft::loop& l = weft::get_running_loop();
        int count = 0; // by one callback at a time
        std::atomic<int> prevented{0};
        weft::promise<void> all;
        std::vector<std::thread> threads;
        for (int t = 0; t < k_threads; ++t)
            threads.emplace_back([&] {
                for (int i = 0; i < k_calls; ++i) {
                    l.call_soon_threadsafe([&] { ++count; });
                    auto h = l.call_later(std::chrono::microseconds(i % 7), [&] { ++count; });
                    if (i % 2 == 0 && h.cancel()) ++prevented;
                }
            });
        weft::run_in_executor([&] {
            for (auto& t : threads) t.join();
        }).await();
        // Each runs, or was prevented, but not both: else this never ends.
        std::function<void()> look = [&] {
            if (count + prevented == 2 * k_threads * k_calls)
                all.set_value();
            else
                l.call_later(1us, look);
        };
        l.call_soon(look);
        all.get_future().await();
        CHECK(count + prevented == 2 * k_threads * k_calls);
    });
}
