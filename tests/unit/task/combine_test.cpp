// SPDX-License-Identifier: Apache-2.0
// wait, wait_for, timeout, shield, gather of futures.
#include <string>
#include <thread>

#include "support/runtimes.hpp"

using namespace std::chrono_literals;
using weft::testing::in_virtual_time;
using weft::testing::over_workers;

namespace {

auto sleeper(std::chrono::nanoseconds d, int value) {
    return weft::create_task([d, value] {
        weft::sleep_for(d);
        return value;
    });
}

auto failing(std::chrono::nanoseconds d, std::string what) {
    return weft::create_task([d, what] {
        weft::sleep_for(d);
        throw std::runtime_error(what);
    });
}

} // namespace

TEST_CASE("WAI-01: wait: all_completed gives everything done, and again at once", "[task]") {
    in_virtual_time([] {
        std::vector tasks{sleeper(3s, 1), sleeper(1s, 2), sleeper(2s, 3)};
        for (int i = 0; i < 2; ++i) {
            auto [done, pending] = weft::wait(tasks);
            CHECK(done.size() == 3);
            CHECK(pending.empty());
        }
    });
}

TEST_CASE("WAI-02: wait: first_completed returns with the first, the others go on", "[task]") {
    in_virtual_time([] {
        std::vector tasks{sleeper(3s, 1), sleeper(1s, 2), sleeper(2s, 3), sleeper(1s, 4)};
        tasks.push_back(tasks[1]); // a duplicate counts once
        const auto start = weft::clock::now();
        auto [done, pending] = weft::wait(tasks, {.return_when = weft::first_completed});
        CHECK(weft::clock::now() - start == 1s);
        CHECK(done.size() >= 1);
        CHECK(done[0].result() == 2);
        CHECK(done.size() + pending.size() == 4);
        for (auto& t : tasks) weft::await(t);
        CHECK(weft::clock::now() - start == 3s);
    });
}

TEST_CASE("WAI-04 WAI-06: wait: first_exception returns at the first failure, else when all are "
          "done; it never "
          "throws their errors",
          "[task]") {
    in_virtual_time([] {
        const auto start = weft::clock::now();
        std::vector tasks{failing(5s, "late"), failing(2s, "early")};
        tasks.push_back(weft::create_task([] { weft::sleep_for(1s); }));
        auto [done, pending] = weft::wait(tasks, {.return_when = weft::first_exception});
        CHECK(weft::clock::now() - start == 2s);
        CHECK(done.size() == 2);
        CHECK(pending.size() == 1);
        auto rest = weft::wait(pending, {.return_when = weft::first_exception});
        CHECK(weft::clock::now() - start == 5s);
        for (auto& t : tasks) {
            try {
                weft::await(t);
            } catch (const std::runtime_error&) {}
        }
    });
}

TEST_CASE("WAI-07: wait: the time-out returns what is done, cancels nobody", "[task]") {
    in_virtual_time([] {
        std::vector tasks{sleeper(1s, 1), sleeper(1h, 2)};
        auto [done, pending] = weft::wait(tasks, {.timeout = 2s});
        CHECK(done.size() == 1);
        REQUIRE(pending.size() == 1);
        CHECK(pending[0].cancelling() == 0);
        pending[0].cancel();
    });
}

TEST_CASE("WAI-09: wait: for none returns at once, for the first of none throws", "[task]") {
    in_virtual_time([] {
        std::vector<weft::task<int>> none;
        CHECK(weft::wait(none).done.empty());
        CHECK_THROWS_AS(weft::wait(none, {.return_when = weft::first_completed}),
                        std::invalid_argument);
        CHECK(weft::gather(none).empty());
    });
}

TEST_CASE("WAI-08: wait: a cancelled waiter leaves the tasks alone", "[task]") {
    in_virtual_time([] {
        std::vector tasks{sleeper(5s, 1), sleeper(5s, 2)};
        auto waiter = weft::create_task([&] { weft::wait(tasks); });
        weft::sleep_for(1s);
        waiter.cancel();
        CHECK_THROWS_AS(weft::await(waiter), weft::cancelled_error);
        CHECK(weft::gather(tasks) == std::vector{1, 2});
    });
}

TEST_CASE(
    "WAI-12: wait: for a hundred futures that threads complete at random wakes once and sees all",
    "[task]") {
    over_workers([] {
        for (int round = 0; round < 20; ++round) {
            std::vector<weft::promise<int>> promises(100);
            std::vector<weft::future<int>> futures;
            for (auto& p : promises) futures.push_back(p.get_future());
            std::vector<std::thread> threads;
            for (std::size_t t = 0; t < 2; ++t)
                threads.emplace_back([&promises, t] { // 37 is prime to 100: all over the place
                    for (std::size_t i = t; i < 100; i += 2) promises[i * 37 % 100].set_value(1);
                });
            auto [done, pending] = weft::wait(futures);
            for (auto& t : threads) t.join();
            REQUIRE(done.size() == 100);
            REQUIRE(pending.empty());
        }
    });
}

TEST_CASE("GTH-01: gather: results come in the order of the arguments, void as monostate, whoever "
          "ends first",
          "[task]") {
    in_virtual_time([] {
        auto nothing = weft::create_task([] { weft::sleep_for(1s); });
        auto text = weft::create_task([] { return std::string("t"); });
        auto [a, v, t] = weft::gather(sleeper(2s, 1), nothing, text);
        CHECK(a == 1);
        CHECK(std::is_same_v<decltype(v), std::monostate>);
        CHECK(t == "t");
        std::vector<weft::task<int>> many;
        for (int i = 0; i < 50; ++i) many.push_back(sleeper(std::chrono::milliseconds(100 - i), i));
        const std::vector<int> values = weft::gather(many);
        for (int i = 0; i < 50; ++i) CHECK(values[static_cast<std::size_t>(i)] == i);
        CHECK(weft::gather(std::vector{many[3], many[3]}) == std::vector{3, 3});
    });
}

TEST_CASE("GTH-02 GTH-03: gather: the first failure is thrown as soon as it happens, after the "
          "rest was cancelled "
          "and has ended",
          "[task]") {
    in_virtual_time([] {
        const auto start = weft::clock::now();
        bool cleaned = false;
        auto slow = weft::create_task([&] {
            try {
                weft::sleep_for(1h);
            } catch (const weft::cancelled_error&) {
                weft::sleep_for(1s);
                cleaned = true;
                throw;
            }
        });
        auto bad = failing(2s, "first");
        CHECK_THROWS_WITH(weft::gather(slow, bad), "first");
        CHECK(cleaned);
        CHECK(slow.cancelled());
        CHECK(weft::clock::now() - start == 3s);
    });
}

TEST_CASE(
    "GTH-07: gather: a cancel of the caller reaches all children, which have ended when it throws",
    "[task]") {
    in_virtual_time([] {
        int cleaned = 0;
        const auto cleans_up = [&] {
            return weft::create_task([&] {
                try {
                    weft::sleep_for(1h);
                } catch (const weft::cancelled_error&) {
                    weft::sleep_for(1s);
                    ++cleaned;
                    throw;
                }
            });
        };
        const std::vector children{cleans_up(), cleans_up()};
        auto parent = weft::create_task([&] {
            try {
                weft::gather(children);
            } catch (const weft::cancelled_error&) {
                CHECK(children[0].cancelled());
                CHECK(children[1].cancelled());
                throw;
            }
        });
        weft::sleep_for(1s);
        parent.cancel("down");
        CHECK_THROWS_AS(weft::await(parent), weft::cancelled_error);
        CHECK(cleaned == 2);
    });
}

TEST_CASE("GTH-04: gather_settled: every outcome at its place, nothing thrown", "[task]") {
    in_virtual_time([] {
        std::vector<weft::task<int>> tasks{
            sleeper(1s, 1), weft::create_task([]() -> int { throw std::runtime_error("x"); }),
            sleeper(1h, 3)};
        weft::yield();
        tasks[2].cancel("gone");
        auto outcomes = weft::gather_settled(tasks);
        CHECK(outcomes[0].value() == 1);
        CHECK_FALSE(outcomes[1].has_value());
        CHECK(weft::describe(outcomes[1].exception()) == "std::runtime_error: x");
        CHECK(outcomes[2].cancelled());
    });
}

TEST_CASE("TMO-01: wait_for: a callable runs here, in the calling task, and is cut at the limit",
          "[task]") {
    in_virtual_time([] {
        const auto me = weft::this_task::id();
        CHECK(weft::wait_for(2s, [me] { return weft::this_task::id() == me; }));
        const auto start = weft::clock::now();
        CHECK_THROWS_AS(weft::wait_for(2s, [] { weft::sleep_for(1h); }), weft::timeout_error);
        CHECK(weft::clock::now() - start == 2s);
        CHECK(weft::current_task().cancelling() == 0);
        weft::sleep_for(1s); // no cancel is left behind
        bool started = false;
        CHECK_THROWS_AS(weft::wait_for(0s, [&] { started = true; }), weft::timeout_error);
        CHECK_FALSE(started);
        CHECK_THROWS_WITH(weft::wait_for(1s,
                                         [] {
                                             try {
                                                 weft::sleep_for(1h);
                                             } catch (const weft::cancelled_error&) {
                                                 throw std::runtime_error("clean-up failed");
                                             }
                                         }),
                          "clean-up failed");
    });
}

TEST_CASE("TMO-02: wait_for: a task that runs out of time is cancelled and has ended", "[task]") {
    in_virtual_time([] {
        auto slow = weft::create_task([] {
            try {
                weft::sleep_for(1h);
            } catch (const weft::cancelled_error&) {
                weft::sleep_for(1s);
                throw;
            }
            return 1;
        });
        CHECK_THROWS_AS(weft::wait_for(1s, slow), weft::timeout_error);
        CHECK(slow.cancelled());
        auto stubborn = weft::create_task([] {
            try {
                weft::sleep_for(1h);
            } catch (const weft::cancelled_error&) {}
            return 9;
        });
        CHECK(weft::wait_for(1s, stubborn) == 9);
        CHECK(weft::wait_for(0s, stubborn) == 9); // done: no limit matters
        CHECK_THROWS_WITH(weft::wait_for(1s, failing(0s, "own error")), "own error");
    });
}

TEST_CASE("TMO-06: wait_for: a cancel of the caller cancels the task and waits for its end, and is "
          "no time-out",
          "[task]") {
    in_virtual_time([] {
        auto inner = sleeper(1h, 1);
        auto other = weft::create_task([&] { weft::await(inner); }); // not the only waiter
        auto outer = weft::create_task([&] { weft::wait_for(1h, inner); });
        weft::sleep_for(1s);
        outer.cancel();
        CHECK_THROWS_AS(weft::await(outer), weft::cancelled_error);
        CHECK(inner.cancelled());
        CHECK_THROWS_AS(weft::await(other), weft::cancelled_error);
    });
}

TEST_CASE("TMO-12: timeout: nested limits end where they belong, and the count of requests returns "
          "to zero",
          "[task]") {
    in_virtual_time([] {
        bool inner_expired = false, outer_expired = false;
        CHECK_THROWS_AS(weft::timeout(1s,
                                      [&](weft::timeout_scope& outer) {
                                          try {
                                              weft::timeout(1s, [&](weft::timeout_scope& inner) {
                                                  try {
                                                      weft::sleep_for(1h);
                                                  } catch (...) {
                                                      inner_expired = inner.expired();
                                                      throw;
                                                  }
                                              });
                                          } catch (...) {
                                              outer_expired = outer.expired();
                                              throw;
                                          }
                                      }),
                        weft::timeout_error);
        CHECK(inner_expired);
        CHECK(outer_expired);
        CHECK(weft::current_task().cancelling() == 0);
        weft::sleep_for(1s);
    });
}

TEST_CASE("TMO-19: timeout: a deadline can be read, moved and removed while it is in force",
          "[task]") {
    in_virtual_time([] {
        const auto start = weft::clock::now();
        CHECK_THROWS_AS(weft::timeout(1s,
                                      [&](weft::timeout_scope& t) {
                                          CHECK(t.when() == start + 1s);
                                          t.reschedule(start + 5s);
                                          weft::sleep_for(3s);
                                          t.reschedule({});
                                          weft::sleep_for(10s);
                                          t.reschedule(start + 20s);
                                          weft::sleep_for(1h);
                                      }),
                        weft::timeout_error);
        CHECK(weft::clock::now() - start == 20s);
    });
}

TEST_CASE("TMO-16 TMO-17: timeout: a cancel from elsewhere stays a cancel; together with the "
          "expiry it wins",
          "[task]") {
    in_virtual_time([] {
        for (auto limit : {10s, 1s}) {
            auto t = weft::create_task(
                [&] { weft::timeout(limit, [](weft::timeout_scope&) { weft::sleep_for(1h); }); });
            weft::sleep_for(1s);
            t.cancel("outside");
            CHECK_THROWS_AS(weft::await(t), weft::cancelled_error);
        }
    });
}

TEST_CASE("timeout: limits race with completion over many workers and nothing is lost", "[task]") {
    over_workers([] {
        int values = 0, timeouts = 0;
        for (int i = 0; i < 500; ++i) {
            try {
                weft::wait_for(50us, [&] { weft::sleep_for(std::chrono::microseconds(i % 100)); });
                ++values;
            } catch (const weft::timeout_error&) { ++timeouts; }
        }
        CHECK(values + timeouts == 500);
        CHECK(weft::current_task().cancelling() == 0);
        weft::yield();
    });
}

TEST_CASE("SHD-01 SHD-02: shield: keeps a cancel out, lets results and errors through", "[task]") {
    in_virtual_time([] {
        auto inner = sleeper(5s, 4);
        auto outer = weft::create_task([&] { return weft::await(weft::shield(inner)); });
        weft::sleep_for(1s);
        outer.cancel();
        CHECK_THROWS_AS(weft::await(outer), weft::cancelled_error);
        CHECK(inner.cancelling() == 0);
        CHECK(weft::await(weft::shield(inner)) == 4);
        CHECK_THROWS_AS(weft::wait_for(1s, weft::shield(sleeper(5s, 1))), weft::timeout_error);
        CHECK_THROWS_WITH(weft::await(weft::shield(failing(1s, "through"))), "through");
    });
}
