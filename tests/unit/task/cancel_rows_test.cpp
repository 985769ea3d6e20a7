// SPDX-License-Identifier: Apache-2.0
// Cancellation and shields: what asyncio promises beyond the basics of cancel_test.cpp.
#include <string>

#include "support/runtimes.hpp"

using namespace std::chrono_literals;
using namespace weft::testing;

TEST_CASE("CAN-03: a cancelled task may look at it and pass it on; who awaits it sees it, too",
          "[task]") {
    over_workers([] {
        std::string log;
        auto t = begun([&] {
            try {
                weft::sleep_for(1h);
            } catch (const weft::cancelled_error&) {
                log = "seen";
                throw;
            }
        });
        t.cancel();
        CHECK_THROWS_AS(weft::await(t), weft::cancelled_error);
        CHECK(log == "seen");
    });
}

TEST_CASE("CAN-12: of two requests before the task runs, the one that ended its wait is delivered; "
          "of two to a "
          "running one, the last",
          "[task]") {
    weft::run({.workers = 1}, [] {
        std::string seen;
        auto waits = [&seen] {
            try {
                weft::sleep_for(1h);
            } catch (const weft::cancelled_error& e) { seen = e.what(); }
        };
        auto suspended = weft::create_task(waits);
        weft::yield();
        suspended.cancel("first");
        suspended.cancel("second");
        weft::await(suspended);
        CHECK(seen == "first");
        weft::await(weft::create_task([&] {
            weft::current_task().cancel("first");
            weft::current_task().cancel("second");
            waits();
        }));
        CHECK(seen == "second");
        // By way of the inner one, which cleans up when the second request comes.
        auto outer = weft::create_task([&] {
            try {
                weft::await(weft::create_task([] {
                    try {
                        weft::sleep_for(1h);
                    } catch (const weft::cancelled_error&) {
                        const weft::mask_cancel mask;
                        weft::yield();
                        throw;
                    }
                }));
            } catch (const weft::cancelled_error& e) { seen = e.what(); }
        });
        weft::yield();
        weft::yield();
        outer.cancel("first");
        outer.cancel("second");
        weft::await(outer);
        CHECK(seen == "first");
    });
}

TEST_CASE("CAN-04 CAN-13: until the task has ended it is neither done nor cancelled; requests and "
          "uncancels are counted",
          "[task]") {
    over_workers([] {
        weft::event cleaning, go_on;
        auto t = begun([&] {
            try {
                weft::sleep_for(1h);
            } catch (const weft::cancelled_error&) {
                const weft::mask_cancel m;
                cleaning.set();
                go_on.wait();
            }
        });
        t.cancel();
        cleaning.wait();
        CHECK_FALSE(t.done());
        CHECK_FALSE(t.cancelled());
        CHECK(t.cancelling() == 1);
        t.cancel();
        CHECK(t.cancelling() == 2);
        CHECK(t.uncancel() == 1);
        CHECK(t.uncancel() == 0);
        CHECK(t.uncancel() == 0); // not below
        go_on.set();
        weft::await(t);
        CHECK_FALSE(t.cancelled());
        CHECK(t.uncancel() == 0);
    });
}

TEST_CASE(
    "CAN-10: who waits for a future that is cancelled sees that; both at once is one delivery",
    "[task]") {
    over_workers([] {
        weft::promise<int> p;
        auto f = p.get_future();
        auto t = weft::create_task([&] { weft::await(f); });
        weft::yield();
        f.cancel();
        CHECK_THROWS_AS(weft::await(t), weft::cancelled_error);
        CHECK(t.cancelled());
    });
    weft::run({.workers = 1}, [] {
        weft::promise<int> p;
        auto f = p.get_future();
        int seen = 0;
        auto t = weft::create_task([&] {
            try {
                weft::await(f);
            } catch (const weft::cancelled_error&) { ++seen; }
        });
        weft::yield();
        t.cancel();
        f.cancel();
        weft::wait(std::vector{t});
        CHECK(seen == 1);
    });
}

TEST_CASE(
    "CAN-11: a cancel that comes between completion and the waiter's turn is not lost, nor is "
    "the value",
    "[task]") {
    weft::run({.workers = 1}, [] {
        weft::promise<int> p;
        auto f = p.get_future();
        int got = 0;
        bool later = false;
        auto t = weft::create_task([&] {
            got = weft::await(f);
            try {
                weft::sleep_for(1h);
            } catch (const weft::cancelled_error&) { later = true; }
        });
        weft::yield();
        p.set_value(4);
        CHECK(t.cancel());
        weft::await(t);
        CHECK(got == 4); // the completed operation keeps its effect
        CHECK(later);
        CHECK(weft::await(f) == 4);
    });
}

TEST_CASE("CAN-15: a limit written by hand, with uncancel, leaves nothing behind", "[task]") {
    in_virtual_time([] {
        auto t = weft::create_task([] {
            auto me = weft::current_task();
            auto timer = weft::create_task([me] {
                weft::sleep_for(1s);
                me.cancel();
            });
            bool timed_out = false;
            try {
                weft::sleep_for(1h);
            } catch (const weft::cancelled_error&) { timed_out = me.uncancel() == 0; }
            weft::await(timer);
            weft::sleep_for(1s); // unharmed
            return timed_out && me.cancelling() == 0;
        });
        CHECK(weft::await(t));
        CHECK_FALSE(t.cancelled());
    });
}

TEST_CASE("CAN-16 ACM-02: clean-up may wait, in a catch block and in a destructor that unwinds; "
          "others throw meanwhile",
          "[task]") {
    over_workers([] {
        std::atomic<int> begun{0}, cleaned{0};
        const auto body = [&] {
            ++begun;
            struct cleans {
                std::atomic<int>& n;
                ~cleans() {
                    weft::sleep_for(100us); // masked: the task unwinds
                    if (std::uncaught_exceptions() == 1) ++n;
                }
            } outer{cleaned};
            try {
                weft::sleep_for(1h);
            } catch (const weft::cancelled_error&) {
                weft::sleep_for(100us);
                ++cleaned;
                throw;
            }
        };
        std::vector<weft::task<void>> tasks;
        for (int i = 0; i < 10; ++i) tasks.push_back(weft::create_task(body));
        while (begun < 10) weft::yield();
        for (auto& t : tasks) t.cancel();
        for (auto& t : tasks) CHECK_THROWS_AS(weft::await(t), weft::cancelled_error);
        CHECK(cleaned == 20);
    });
}

TEST_CASE("CAN-19: clean-up that throws something else makes that the outcome", "[task]") {
    over_workers([] {
        auto t = begun([] {
            try {
                weft::sleep_for(1h);
            } catch (const weft::cancelled_error&) { throw std::runtime_error("cleanup"); }
        });
        t.cancel();
        CHECK_THROWS_AS(weft::await(t), std::runtime_error);
        CHECK_FALSE(t.cancelled());
    });
}

TEST_CASE("CAN-21 LOOP-25: a cancelled sleeper ends at once and releases what it captured",
          "[task]") {
    over_workers([] {
        auto captured = std::make_shared<int>(1);
        const std::weak_ptr<int> watch = captured;
        auto t = begun([c = std::move(captured)] { weft::sleep_for(100s); });
        t.cancel();
        weft::wait(std::vector{t}, {.timeout = 10s});
        CHECK(t.cancelled());
        CHECK(watch.expired());
    });
}

TEST_CASE("CAN-22: what need not suspend is no cancel point at once; checkpoint asks", "[task]") {
    weft::run({.workers = 1}, [] {
        weft::mutex m;
        weft::queue<int> q;
        std::string seen;
        auto t = weft::create_task([&] {
            weft::current_task().cancel();
            m.lock();
            m.unlock();
            q.put(1);
            if (q.get() == 1) seen = "through";
            try {
                weft::checkpoint();
            } catch (const weft::cancelled_error&) { seen += " checkpoint"; }
        });
        weft::await(t);
        CHECK(seen == "through checkpoint");
    });
}

TEST_CASE("CAN-23: cancel returns at once; waiting for the end is another step, also of one that "
          "never began, also twice",
          "[task]") {
    over_workers([] {
        auto t = weft::create_task([] { weft::sleep_for(1h); });
        t.cancel();
        t.cancel();
        weft::wait(std::vector{t});
        CHECK(t.cancelled());
        weft::wait(std::vector{t});
        CHECK_FALSE(t.cancel());
    });
}

TEST_CASE("SHD-03: shield of what is done is that", "[task]") {
    weft::promise<int> p;
    p.set_value(2);
    auto f = p.get_future();
    CHECK(weft::shield(f).core() == f.core());
}

TEST_CASE("SHD-05: a shielded task outlives the limit of who waited, and has its result later",
          "[task]") {
    in_virtual_time([] {
        weft::task<int> t = weft::create_task([] {
            weft::sleep_for(2s);
            return 9;
        });
        CHECK_THROWS_AS(weft::wait_for(1s, weft::shield(t)), weft::timeout_error);
        CHECK_FALSE(t.done());
        CHECK(weft::await(t) == 9);
    });
}

TEST_CASE("SHD-06 SHD-07: behind a shield that was cancelled the inner task runs on, whoever holds "
          "it; its failure is reported",
          "[task]") {
    std::atomic<int> reports{0};
    std::atomic<bool> ran{false};
    weft::run({.workers = 2, .exception_handler = [&](const auto&) { ++reports; }}, [&] {
        weft::event cancelled;
        auto outer = begun([&] {
            weft::await(weft::shield(weft::create_task([&] {
                cancelled.wait();
                ran = true;
                throw std::runtime_error("unseen");
            })));
        });
        outer.cancel();
        CHECK_THROWS_AS(weft::await(outer), weft::cancelled_error);
        cancelled.set();
        while (reports == 0) weft::sleep_for(1ms);
    });
    CHECK(ran);
    CHECK(reports == 1);
}

TEST_CASE("TSK-08: a task that can't be created is disposed of, captures and all", "[task]") {
    weft::runtime rt({.workers = 1});
    rt.shutdown(10s);
    const int before = counted::alive;
    CHECK_THROWS_AS(rt.spawn([c = counted()] {}), weft::runtime_closed);
    CHECK(counted::alive == before);
}

TEST_CASE("TSK-13: a thread that gives up waiting cancels, and no task stays behind", "[task]") {
    weft::runtime rt({.workers = 2});
    auto t = rt.spawn([] { weft::sleep_for(1h); });
    CHECK(t.wait_for(0ms) == std::future_status::timeout);
    t.cancel();
    CHECK_THROWS_AS(t.get(), weft::cancelled_error);
    CHECK(rt.block_on([] { return weft::all_tasks().size(); }) == 1);
}

TEST_CASE("TSK-14: whatever a task throws while it is cancelled is its outcome, and harms nobody",
          "[task]") {
    over_workers([] {
        struct odd {};
        auto t = begun([] {
            try {
                weft::sleep_for(1h);
            } catch (...) { throw odd(); }
        });
        t.cancel();
        CHECK_THROWS_AS(weft::await(t), odd);
        CHECK(weft::await(weft::create_task([] { return 1; })) == 1);
    });
}
