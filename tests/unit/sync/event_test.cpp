// SPDX-License-Identifier: Apache-2.0
#include "unit/sync/crew.hpp"

#include <catch2/catch.hpp>

using namespace weft::testing;
using namespace std::chrono_literals;

TEST_CASE("a wait for an event that is set returns at once", "[sync]") {
    weft::event e;
    CHECK_FALSE(e.is_set());
    CHECK_FALSE(e.wait_for(0s));
    CHECK_FALSE(e.wait_for(1ms));
    CHECK_FALSE(e.wait_until(std::chrono::steady_clock::now()));
    e.set();
    e.set();
    CHECK(e.is_set());
    e.wait();
    CHECK(e.wait_for(0s));
    e.clear();
    e.clear();
    CHECK_FALSE(e.is_set());
}

TEST_CASE("an event that was set before the guard was held ends the wait", "[sync]") {
    weft::event e;
    e.set();
    CHECK(probe::second_look(e));
    CHECK(e.is_set());
}

TEST_CASE("EVT-01: set wakes all who wait, in the order of their arrival", "[sync]") {
    weft::event e;
    std::vector<int> order;
    crew c({1});
    for (int i = 0; i < 5; ++i) {
        c.start([&, i] {
            e.wait();
            order.push_back(i);
        });
        until([&] { return probe::waiting(e) == static_cast<std::size_t>(i) + 1; });
    }
    e.set();
    CHECK(e.is_set());
    c.join();
    CHECK(order == std::vector{0, 1, 2, 3, 4});
    CHECK(e.wait_for(0s));
}

TEST_CASE("EVT-02: a clear right after the set takes nothing from those who waited", "[sync]") {
    const setting s = GENERATE(WEFT_EVERY_SETTING);
    CAPTURE(s);
    const int waiters = s.workers == 0 || s.mixed ? 50 : GENERATE(1, 100, 1000);
    CAPTURE(waiters);
    weft::event e;
    std::atomic<int> woken{0};
    crew c(s);
    for (int i = 0; i < waiters; ++i)
        c.start([&] {
            e.wait();
            ++woken;
        });
    until([&] { return probe::waiting(e) == static_cast<std::size_t>(waiters); });
    e.set();
    e.clear();
    c.join();
    CHECK(woken == waiters);
    CHECK_FALSE(e.is_set());
}

TEST_CASE("EVT-03: a cancelled waiter leaves the line, and set still wakes the others", "[sync]") {
    const setting s = GENERATE(WEFT_TASK_SETTINGS);
    CAPTURE(s);
    weft::event e;
    std::atomic<int> woken{0};
    crew c(s);
    std::vector<weft::task_handle> tasks;
    for (int i = 0; i < 3; ++i)
        tasks.push_back(c.start([&] {
            e.wait();
            ++woken;
        }));
    until([&] { return probe::waiting(e) == 3; });
    tasks[1].cancel();
    tasks[1].wait();
    CHECK(tasks[1].cancelled());
    CHECK(probe::waiting(e) == 2);
    e.set();
    c.join();
    CHECK(woken == 2);
}

TEST_CASE("what was written before set is seen after wait", "[sync]") {
    const setting s = GENERATE(WEFT_EVERY_SETTING);
    CAPTURE(s);
    int good = 0;
    crew c(s);
    for (int round = 0; round < 300; ++round) {
        weft::event e;
        int value = 0, seen = 0; // plain
        c.start([&] {
            e.wait();
            seen = value;
        });
        c.start([&] {
            value = 7;
            e.set();
        });
        c.join();
        good += seen == 7;
    }
    CHECK(good == 300);
}

TEST_CASE("sets that race with time-outs and cancels end every wait", "[sync]") {
    const setting s = GENERATE(WEFT_TASK_SETTINGS);
    CAPTURE(s);
    crew c(s);
    std::atomic<int> ended{0};
    for (int round = 0; round < 300; ++round) {
        weft::event e;
        auto patient = c.start([&] {
            e.wait();
            ++ended;
        });
        auto hasty = c.start([&, round] {
            e.wait_for(std::chrono::microseconds(1 + round % 50));
            ++ended;
        });
        auto victim = c.start([&] { e.wait(); }); // may be cancelled before its first step
        until([&] { return victim.done() || probe::waiting(e) >= 2; });
        c.start([&] { victim.cancel(); });
        e.set();
        c.join();
    }
    CHECK(ended == 600);
}

TEST_CASE("an event in a frame may die as soon as it was set", "[sync]") {
    const setting s = GENERATE(WEFT_EVERY_SETTING);
    CAPTURE(s);
    weft::channel<weft::event*> to_do;
    std::atomic<int> rounds{0};
    crew c(s);
    c.start([&] {
        for (weft::event* e : to_do) e->set();
    });
    c.start([&] {
        for (int i = 0; i < 2000; ++i) {
            weft::event done;
            to_do.send(&done);
            if (i % 2 == 0)
                done.wait();
            else
                until([&] { return done.is_set(); });
            ++rounds;
        }
        to_do.close();
    });
    c.join();
    CHECK(rounds == 2000);
}
