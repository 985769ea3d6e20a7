// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <thread>

#include "support/runtimes.hpp"

using namespace std::chrono_literals;
using weft::testing::counted;
using weft::testing::in_virtual_time;
using weft::testing::many;
using weft::testing::over_workers;

namespace {

std::string message_of(const weft::task<void>& t) {
    try {
        weft::await(t);
    } catch (const weft::cancelled_error& e) {
        return std::string("cancelled:") + e.what();
    } catch (const std::exception& e) { return e.what(); }
    return "value";
}

} // namespace

TEST_CASE("CAN-01 CAN-12: cancel: a sleeping task ends at once, cancelled, with the message, and a "
          "later cancel "
          "is refused",
          "[task]") {
    over_workers([] {
        auto t = weft::create_task([c = counted()] { weft::sleep_for(1h); });
        weft::yield();
        CHECK(t.cancel("why"));
        CHECK(message_of(t) == "cancelled:why");
        CHECK(t.cancelled());
        CHECK_FALSE(t.cancel());
        CHECK(counted::alive == 0);
    });
}

TEST_CASE("CAN-02: cancel: before the first step the body never runs", "[task]") {
    in_virtual_time([] {
        bool ran = false;
        auto t = weft::create_task([&] { ran = true; });
        t.cancel();
        CHECK(message_of(t) == "cancelled:");
        CHECK_FALSE(ran);
    });
}

TEST_CASE("CAN-05 CAN-06: cancel: who catches it and returns has not been cancelled, and one "
          "request is delivered once",
          "[task]") {
    over_workers([] {
        std::atomic<bool> waiting{false};
        auto t = weft::create_task([&] {
            try {
                waiting = true;
                weft::sleep_for(1h);
            } catch (const weft::cancelled_error&) {
                weft::sleep_for(1us); // works
                return 42;
            }
            return 0;
        });
        while (!waiting) weft::yield();
        CHECK(t.cancel());
        CHECK(weft::await(t) == 42);
        CHECK(t.cancelling() == 1);
    });
}

TEST_CASE("CAN-07 CAN-08: cancel: oneself, then the next wait throws; ending without a wait ends "
          "cancelled",
          "[task]") {
    over_workers([] {
        auto waits = weft::create_task([] {
            weft::current_task().cancel("me");
            weft::sleep_for(1h);
        });
        CHECK(message_of(waits) == "cancelled:me");
        auto ends = weft::create_task([] { weft::current_task().cancel("late"); });
        CHECK(message_of(ends) == "cancelled:late");
    });
}

TEST_CASE("CAN-17: cancel: no handler for std::exception swallows it", "[task]") {
    over_workers([] {
        auto t = weft::create_task([] {
            try {
                weft::current_task().cancel();
                weft::yield();
            } catch (const std::exception&) { throw std::logic_error("swallowed"); }
        });
        CHECK(message_of(t) == "cancelled:");
    });
}

TEST_CASE(
    "CAN-09: cancel: of the only waiter goes to the inner task first, whose clean-up runs first",
    "[task]") {
    over_workers([] {
        std::string log; // inner first, then outer: one after the other
        weft::promise<void> started;
        auto ready = started.get_future();
        auto outer = weft::create_task([&] {
            auto inner = weft::create_task([&] {
                try {
                    started.set_value();
                    weft::sleep_for(1h);
                } catch (const weft::cancelled_error&) {
                    weft::sleep_for(1ms);
                    log += "inner ";
                    throw;
                }
            });
            try {
                weft::await(inner);
            } catch (const weft::cancelled_error& e) {
                log += "outer:";
                log += e.what();
                throw;
            }
        });
        ready.await();
        CHECK(outer.cancel("down"));
        CHECK(message_of(outer) == "cancelled:down");
        CHECK(log == "inner outer:down"); // also if outer had not begun to wait for inner
    });
}

TEST_CASE(
    "CAN-09: cancel: a request that comes before the wait goes inwards like one that comes in it",
    "[task]") {
    in_virtual_time([] {
        std::string log;
        auto outer = weft::create_task([&] {
            auto inner = weft::create_task([&] {
                try {
                    weft::sleep_for(1h);
                } catch (const weft::cancelled_error& e) {
                    weft::sleep_for(1s);
                    log += std::string("inner:") + e.what() + " ";
                    throw;
                }
            });
            weft::yield(); // it sleeps
            weft::current_task().cancel("down");
            try {
                weft::await(inner);
            } catch (const weft::cancelled_error& e) {
                log += std::string("outer:") + e.what();
                throw;
            }
        });
        CHECK(message_of(outer) == "cancelled:down");
        CHECK(log == "inner:down outer:down");
        CHECK(outer.cancelling() == 1);
        // Somebody else waits for it, too: then only the own wait ends.
        log.clear();
        auto shared = weft::create_task([] { weft::sleep_for(1h); });
        auto other = weft::create_task([&] { weft::await(shared); });
        weft::yield();
        auto third = weft::create_task([&] {
            weft::current_task().cancel("me");
            weft::await(shared);
        });
        CHECK(message_of(third) == "cancelled:me");
        CHECK_FALSE(shared.done());
        other.cancel();
        CHECK(message_of(other) == "cancelled:");
    });
}

TEST_CASE("CAN-09: cancel: with one worker the inner task's clean-up always comes first",
          "[task]") {
    in_virtual_time([] {
        std::string log;
        weft::task<void> inner;
        auto outer = weft::create_task([&] {
            inner = weft::create_task([&] {
                try {
                    weft::sleep_for(1h);
                } catch (const weft::cancelled_error& e) {
                    weft::sleep_for(1s);
                    log += std::string("inner:") + e.what() + " ";
                    throw;
                }
            });
            try {
                weft::await(inner);
            } catch (const weft::cancelled_error& e) {
                log += std::string("outer:") + e.what();
                throw;
            }
        });
        weft::sleep_for(1s);
        outer.cancel("down");
        CHECK(inner.cancelling() == 1);
        CHECK(outer.cancelling() == 1);
        CHECK_FALSE(outer.done());
        CHECK(message_of(outer) == "cancelled:down");
        CHECK(log == "inner:down outer:down");
        CHECK(inner.cancelled());
    });
}

TEST_CASE("cancel: an inner task that swallows it gives its value, and the outer's request waits "
          "for its next wait",
          "[task]") {
    in_virtual_time([] {
        std::string log;
        auto outer = weft::create_task([&] {
            auto inner = weft::create_task([] {
                try {
                    weft::sleep_for(1h);
                } catch (const weft::cancelled_error&) {}
                return 7;
            });
            log += std::to_string(weft::await(inner));
            weft::sleep_for(1h);
            log += "never";
        });
        weft::sleep_for(1s);
        outer.cancel();
        CHECK(message_of(outer) == "cancelled:");
        CHECK(log == "7");
    });
}

TEST_CASE(
    "CAN-24: cancel: one of two waiters only ends that wait; a bare promise only loses its waiter",
    "[task]") {
    in_virtual_time([] {
        auto shared = weft::create_task([] { weft::sleep_for(10s); });
        auto a = weft::create_task([&] { weft::await(shared); });
        auto b = weft::create_task([&] { weft::await(shared); });
        weft::sleep_for(1s);
        a.cancel();
        CHECK(message_of(a) == "cancelled:");
        CHECK_FALSE(shared.done());
        CHECK(message_of(b) == "value");

        weft::promise<int> p;
        auto c = weft::create_task([f = p.get_future()] { f.await(); });
        weft::sleep_for(1s);
        c.cancel();
        CHECK(message_of(c) == "cancelled:");
        CHECK(p.set_value(1));
    });
}

TEST_CASE("CAN-14: cancel: uncancel to zero withdraws a request that was not delivered", "[task]") {
    over_workers([] {
        auto t = weft::create_task([] {
            auto me = weft::current_task();
            me.cancel();
            me.cancel();
            if (me.uncancel() != 1) return false;
            if (me.uncancel() != 0) return false;
            weft::yield();
            return me.cancelling() == 0;
        });
        CHECK(weft::await(t));
    });
}

TEST_CASE("cancel: mask_cancel holds it back until the first wait after", "[task]") {
    over_workers([] {
        std::string log;
        auto t = weft::create_task([&] {
            weft::current_task().cancel();
            {
                weft::mask_cancel mask;
                weft::sleep_for(1us);
                log += "masked";
            }
            weft::yield();
            log += "never";
        });
        CHECK(message_of(t) == "cancelled:");
        CHECK(log == "masked");
    });
}

TEST_CASE("cancel: a destructor that waits while the task unwinds is not interrupted", "[task]") {
    over_workers([] {
        struct waits_at_end {
            bool& finished;
            ~waits_at_end() {
                weft::sleep_for(1us);
                finished = true;
            }
        };
        bool finished = false;
        auto t = weft::create_task([&] {
            waits_at_end w{finished};
            weft::current_task().cancel("first");
            try {
                weft::yield();
            } catch (...) {
                weft::current_task().cancel("second");
                throw;
            }
        });
        CHECK(message_of(t).starts_with("cancelled:"));
        CHECK(finished);
    });
}

TEST_CASE("CAN-20: cancel: racing with completion ends in exactly one of value and cancelled, from "
          "any thread",
          "[task]") {
    over_workers([] {
        for (int round = 0; round < 300; ++round) {
            weft::promise<int> p;
            auto t = weft::create_task([f = p.get_future()] { return f.await(); });
            std::thread canceller([t] { t.cancel(); });
            auto setter = weft::create_task([&p] { p.set_value(1); });
            bool value = false, cancelled = false;
            try {
                value = weft::await(t) == 1;
            } catch (const weft::cancelled_error&) { cancelled = true; }
            canceller.join();
            weft::await(setter);
            REQUIRE(value != cancelled);
        }
    });
}

TEST_CASE("cancel: a storm against thousands of waiting tasks loses none", "[task]") {
    over_workers([] {
        std::vector<weft::task<void>> tasks;
        for (int i = 0; i < many(2000); ++i)
            tasks.push_back(weft::create_task([c = counted()] { weft::sleep_for(1h); }));
        auto one = weft::create_task([&] {
            for (auto& t : tasks) t.cancel("a");
        });
        auto two = weft::create_task([&] {
            for (auto& t : tasks) t.cancel("b");
        });
        weft::await(one);
        weft::await(two);
        int cancelled = 0;
        for (auto& t : tasks) cancelled += message_of(t).starts_with("cancelled:");
        CHECK(cancelled == many(2000));
        CHECK(counted::alive == 0);
    });
}
