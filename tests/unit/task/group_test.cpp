// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <vector>

#include "support/runtimes.hpp"

using namespace std::chrono_literals;
using weft::testing::counted;
using weft::testing::in_virtual_time;
using weft::testing::over_workers;

namespace {
void fail_after(std::chrono::nanoseconds d, const char* what) {
    weft::sleep_for(d);
    throw std::runtime_error(what);
}
} // namespace

TEST_CASE("TGR-01: group: leaving the braces waits for all, also those that children add",
          "[task]") {
    over_workers([] {
        std::atomic<int> ended{0};
        weft::with_task_group([&](weft::task_group& g) {
            for (int i = 0; i < 20; ++i)
                g.create_task([&] {
                    g.create_task([&] {
                        weft::yield();
                        ++ended;
                    });
                    ++ended;
                });
        });
        CHECK(ended == 40);
    });
}

TEST_CASE(
    "TGR-02: group: the first failure cancels siblings and body; all failures come out together",
    "[task]") {
    in_virtual_time([] {
        const auto start = weft::clock::now();
        try {
            weft::with_task_group([&](weft::task_group& g) {
                g.create_task([] { fail_after(1s, "one"); });
                g.create_task([] {
                    try {
                        weft::sleep_for(1h);
                    } catch (const weft::cancelled_error&) { fail_after(1s, "two"); }
                });
                weft::sleep_for(1h);
            });
            FAIL("no task_errors");
        } catch (const weft::task_errors& e) {
            REQUIRE(e.exceptions().size() == 2);
            CHECK(weft::describe(e.exceptions()[0]) == "std::runtime_error: one");
            CHECK(weft::describe(e.exceptions()[1]) == "std::runtime_error: two");
        }
        CHECK(weft::clock::now() - start == 2s);
        CHECK(weft::current_task().cancelling() == 0);
        weft::sleep_for(1s);
    });
}

TEST_CASE("TGR-03: group: a child cancelled on its own is no failure", "[task]") {
    in_virtual_time([] {
        weft::task_group g;
        auto a = g.create_task([] { weft::sleep_for(1h); });
        auto b = g.create_task([] {
            weft::sleep_for(1s);
            return 5;
        });
        weft::yield();
        a.cancel();
        g.join();
        CHECK(b.result() == 5);
        CHECK_THROWS_AS(g.create_task([] {}), weft::group_closed);
    });
}

TEST_CASE(
    "TGR-06: group: the body's own error is among the failures; children that never began are gone",
    "[task]") {
    in_virtual_time([] {
        try {
            weft::with_task_group([](weft::task_group& g) {
                g.create_task([c = counted()] { weft::sleep_for(1h); });
                throw std::runtime_error("body");
            });
            FAIL("no task_errors");
        } catch (const weft::task_errors& e) {
            REQUIRE(e.exceptions().size() == 1);
            CHECK(weft::describe(e.exceptions()[0]) == "std::runtime_error: body");
        }
        CHECK(counted::alive == 0);
    });
}

TEST_CASE("TGR-04: group: children are cancelled in the order of their creation", "[task]") {
    in_virtual_time([] {
        std::vector<int> order;
        auto owner = weft::create_task([&] {
            weft::with_task_group([&](weft::task_group& g) {
                for (int i = 0; i < 50; ++i)
                    g.create_task([&, i] {
                        try {
                            weft::sleep_for(1h);
                        } catch (...) {
                            order.push_back(i);
                            throw;
                        }
                    });
            });
        });
        weft::sleep_for(1s);
        owner.cancel();
        weft::wait(std::vector{owner});
        CHECK(order.size() == 50);
        CHECK(std::ranges::is_sorted(order));
    });
}

TEST_CASE("TGR-04 TGR-05: group: a cancel of the owner reaches all children; a failing clean-up "
          "has priority, and "
          "the cancel is not lost",
          "[task]") {
    in_virtual_time([] {
        int cleaned = 0;
        auto owner = weft::create_task([&] {
            weft::with_task_group([&](weft::task_group& g) {
                for (int i = 0; i < 5; ++i)
                    g.create_task([&] {
                        try {
                            weft::sleep_for(1h);
                        } catch (...) {
                            weft::sleep_for(1s);
                            ++cleaned;
                            throw;
                        }
                    });
            });
        });
        weft::sleep_for(1s);
        owner.cancel();
        CHECK_THROWS_AS(weft::await(owner), weft::cancelled_error);
        CHECK(cleaned == 5);

        bool errors = false;
        auto second = weft::create_task([&] {
            try {
                weft::with_task_group([](weft::task_group& g) {
                    g.create_task([] {
                        try {
                            weft::sleep_for(1h);
                        } catch (...) { throw std::runtime_error("clean-up"); }
                    });
                });
            } catch (const weft::task_errors&) { errors = true; }
            weft::sleep_for(1h);
        });
        weft::sleep_for(1s);
        second.cancel();
        CHECK_THROWS_AS(weft::await(second), weft::cancelled_error);
        CHECK(errors);
    });
}

TEST_CASE("TGR-08: group: failures of an inner group come out of the outer one as that group",
          "[task]") {
    in_virtual_time([] {
        try {
            weft::with_task_group([](weft::task_group& outer) {
                outer.create_task([] {
                    weft::with_task_group([](weft::task_group& inner) {
                        inner.create_task([] { fail_after(1s, "deep"); });
                    });
                });
            });
            FAIL("no task_errors");
        } catch (const weft::task_errors& e) {
            REQUIRE(e.exceptions().size() == 1);
            CHECK_THROWS_AS(std::rethrow_exception(e.exceptions()[0]), weft::task_errors);
        }
        CHECK(weft::current_task().cancelling() == 0);
    });
}

TEST_CASE(
    "TGR-09: group: a child of an inner and a child of the outer group fail together: the inner "
    "errors are handled inside, the outer's cancel is not lost, and no request is left",
    "[task]") {
    in_virtual_time([] {
        bool handled = false, ran_on = false;
        std::vector<std::string> errors;
        try {
            weft::with_task_group([&](weft::task_group& outer) {
                outer.create_task([] { fail_after(1s, "outer"); });
                try {
                    weft::with_task_group([](weft::task_group& inner) {
                        inner.create_task([] { fail_after(1s, "inner"); });
                        weft::sleep_for(1h);
                    });
                } catch (const weft::task_errors& e) {
                    handled = weft::describe(e.exceptions()[0]) == "std::runtime_error: inner";
                }
                weft::sleep_for(1h);
                ran_on = true;
            });
        } catch (const weft::task_errors& e) {
            for (const auto& x : e.exceptions()) errors.push_back(weft::describe(x));
        }
        CHECK(handled);
        CHECK_FALSE(ran_on);
        CHECK(errors == std::vector<std::string>{"std::runtime_error: outer"});
        CHECK(weft::current_task().cancelling() == 0);
        weft::sleep_for(1s);
    });
}

TEST_CASE("TGR-15: group: a limit holds, whoever waits for a place gets one, and a failing member "
          "frees its own",
          "[task]") {
    over_workers([] {
        std::atomic<int> alive{0}, most{0}, ran{0};
        weft::task_group g(3);
        for (int i = 0; i < 60; ++i)
            g.create_task([&] {
                const int now = ++alive;
                int seen = most;
                while (seen < now && !most.compare_exchange_weak(seen, now)) {}
                weft::yield();
                --alive;
                ++ran;
            });
        g.join();
        CHECK(ran == 60);
        CHECK(most <= 3);

        weft::event go;
        weft::task_group one(1);
        auto member = one.create_task([] { weft::sleep_for(1h); });
        auto opens = weft::create_task([&] {
            member.cancel(); // this frees its place
            go.set();
        });
        one.create_task([&] {
            go.wait();
            throw std::runtime_error("member");
        });
        CHECK(member.done());
        bool refused = false; // no place comes any more, and nobody waits for one
        try {
            one.create_task([] {});
        } catch (const weft::group_closed&) {
            refused = true;
        } catch (const weft::cancelled_error&) { refused = true; }
        CHECK(refused);
        CHECK_THROWS_AS(one.join(), weft::task_errors);
        weft::await(opens);
    });
}

TEST_CASE("TSK-10: group: its destructor cancels and joins, also while an exception passes",
          "[task]") {
    over_workers([] {
        try {
            weft::task_group g;
            for (int i = 0; i < 10; ++i) g.create_task([c = counted()] { weft::sleep_for(1h); });
            throw 1;
        } catch (int) {}
        CHECK(counted::alive == 0);
    });
}

TEST_CASE("group: a storm of failing children is one error group and leaves nothing", "[task]") {
    over_workers([] {
        for (int round = 0; round < 50; ++round) {
            std::size_t failures = 0;
            try {
                weft::with_task_group([](weft::task_group& g) {
                    for (int i = 0; i < 20; ++i) g.create_task([c = counted()] { throw 1; });
                });
            } catch (const weft::task_errors& e) {
                failures = e.exceptions().size();
            } catch (const weft::group_closed&) {
                FAIL("create_task's group_closed is the body's error, inside task_errors");
            }
            REQUIRE(failures >= 1);
        }
        CHECK(counted::alive == 0);
        CHECK(weft::current_task().cancelling() == 0);
    });
}
