// SPDX-License-Identifier: Apache-2.0
// gather, wait, limits: what asyncio promises beyond the basics of combine_test.cpp.
#include <functional>
#include <string>

#include "support/runtimes.hpp"

using namespace std::chrono_literals;
using namespace weft::testing;

namespace {

template <class T>
concept can_wait = requires(T t) {
    weft::wait(t);
};

} // namespace

TEST_CASE("GTH-05 GTH-06: gather of none is empty; the same task twice runs once", "[task]") {
    in_virtual_time([] {
        CHECK(weft::gather(std::vector<weft::task<int>>{}).empty());
        int runs = 0;
        auto t = weft::create_task([&] { return ++runs; });
        CHECK(weft::gather(std::vector{t, t}) == std::vector{1, 1});
    });
}

TEST_CASE("GTH-08: a child that somebody else cancels: gather throws that, its caller is not "
          "cancelled",
          "[task]") {
    in_virtual_time([] {
        auto child = sleeper(1h, 1);
        auto other = sleeper(1h, 2);
        auto canceller = weft::create_task([child] {
            weft::sleep_for(1s);
            child.cancel();
        });
        CHECK_THROWS_AS(weft::gather(child, other), weft::cancelled_error);
        CHECK(weft::current_task().cancelling() == 0);
        CHECK(other.cancelled());
        weft::await(canceller);
    });
}

TEST_CASE("GTH-10: gather_settled does not swallow the caller's own cancel", "[task]") {
    in_virtual_time([] {
        int rounds = 0;
        auto t = weft::create_task([&] {
            for (;;) {
                ++rounds;
                weft::gather_settled(std::vector{sleeper(1s, 1), sleeper(1s, 2)});
            }
        });
        weft::sleep_for(2500ms);
        t.cancel();
        CHECK_THROWS_AS(weft::await(t), weft::cancelled_error);
        CHECK(rounds == 3);
    });
}

TEST_CASE("WAI-03: all that are done when the waiter runs are in done, whoever woke it", "[task]") {
    weft::run({.workers = 1}, [] {
        weft::promise<int> a, b, never;
        std::vector futures{a.get_future(), b.get_future(), never.get_future()};
        std::size_t done_count = 0;
        auto waiter = weft::create_task([&] {
            auto [done, pending] = weft::wait(futures, {.return_when = weft::first_completed});
            done_count = done.size();
        });
        weft::yield();
        a.set_value(1);
        b.set_value(2);
        weft::await(waiter);
        CHECK(done_count == 2);
        never.set_value(0);
    });
}

TEST_CASE("WAI-05: a cancelled one is no exception to first_exception", "[task]") {
    in_virtual_time([] {
        auto cancelled = sleeper(1h, 1);
        std::vector tasks{cancelled, sleeper(2s, 2)};
        auto canceller = weft::create_task([cancelled] {
            weft::sleep_for(1s);
            cancelled.cancel();
        });
        const auto start = weft::clock::now();
        auto [done, pending] = weft::wait(tasks, {.return_when = weft::first_exception});
        CHECK(weft::clock::now() - start == 2s);
        CHECK(done.size() == 2);
        weft::await(canceller);
    });
}

TEST_CASE("WAI-10 WAI-11: duplicates count once; callables are no handles", "[task]") {
    in_virtual_time([] {
        auto t = sleeper(1s, 1);
        auto [done, pending] = weft::wait(std::vector{t, t, t});
        CHECK(done.size() == 1);
        CHECK(pending.empty());
    });
    static_assert(!can_wait<std::vector<std::function<void()>>>);
    static_assert(can_wait<std::vector<weft::task<int>>>);
}

TEST_CASE("TMO-03 TMO-22: a limit of nothing: a done future gives its value, a callable is not "
          "begun, a running task is cancelled",
          "[task]") {
    in_virtual_time([] {
        weft::promise<int> p;
        p.set_value(1);
        CHECK(weft::wait_for(0s, p.get_future()) == 1);
        CHECK(weft::wait_for(-1s, p.get_future()) == 1);
        bool began = false;
        CHECK_THROWS_AS(weft::wait_for(0s, [&] { began = true; }), weft::timeout_error);
        CHECK_FALSE(began);
        auto t = sleeper(1h, 1);
        weft::yield();
        CHECK_THROWS_AS(weft::wait_for(-1s, t), weft::timeout_error);
        CHECK(t.cancelled());
    });
}

TEST_CASE(
    "TMO-04 TMO-05: an inner one that ends otherwise when its limit passes: its error, or its "
    "value",
    "[task]") {
    in_virtual_time([] {
        const auto ends_with = [](auto end) {
            return weft::create_task([end] {
                try {
                    weft::sleep_for(1h);
                } catch (const weft::cancelled_error&) {}
                return end();
            });
        };
        auto fails = ends_with([]() -> int { throw std::runtime_error("other"); });
        CHECK_THROWS_AS(weft::wait_for(1s, fails), std::runtime_error);
        auto gives = ends_with([] { return 5; });
        try {
            CHECK(weft::wait_for(1s, gives) == 5);
        } catch (const weft::timeout_error&) { CHECK(false); }
    });
}

TEST_CASE("TMO-10 TMO-11 TMO-18: a block that lasts too long throws at its end; one in time does "
          "not, nor one without a limit",
          "[task]") {
    in_virtual_time([] {
        bool inside = false, expired = false;
        try {
            weft::timeout(10ms, [&](weft::timeout_scope& scope) {
                try {
                    weft::sleep_for(1h);
                } catch (const weft::cancelled_error&) {
                    inside = true;
                    expired = scope.expired();
                    throw;
                }
            });
            CHECK(false);
        } catch (const weft::timeout_error&) {}
        CHECK(inside);
        CHECK(expired);
        CHECK(weft::current_task().cancelling() == 0);
        weft::sleep_for(1s); // the task itself is not cancelled
        CHECK(weft::timeout(2s, [](weft::timeout_scope& scope) {
                  weft::sleep_for(1s);
                  return scope.expired();
              }) == false);
        weft::timeout(1s, [](weft::timeout_scope& scope) {
            scope.reschedule({});
            weft::sleep_for(1h);
            CHECK_FALSE(scope.expired());
        });
    });
}

TEST_CASE("TMO-13: the inner limit first; the outer one has its turn at the next wait", "[task]") {
    weft::run({.workers = 1}, [] {
        std::string order;
        try {
            weft::timeout(1h, [&](weft::timeout_scope& outer) {
                try {
                    weft::timeout(2ms, [&](auto&) {
                        const auto until = std::chrono::steady_clock::now() + 10ms;
                        while (std::chrono::steady_clock::now() < until) {}
                        weft::sleep_for(1h);
                    });
                } catch (const weft::timeout_error&) { order += "inner "; }
                outer.reschedule(weft::clock::now());
                weft::sleep_for(1h);
            });
        } catch (const weft::timeout_error&) { order += "outer"; }
        CHECK(order == "inner outer");
        CHECK(weft::current_task().cancelling() == 0);
    });
}

TEST_CASE("TMO-14: under a limit of nothing the first wait throws, also a yield", "[task]") {
    in_virtual_time([] {
        bool passed = false;
        CHECK_THROWS_AS(weft::timeout(0s,
                                      [&](auto&) {
                                          weft::yield();
                                          passed = true;
                                      }),
                        weft::timeout_error);
        CHECK_THROWS_AS(weft::timeout(-1s, [](auto&) { weft::sleep_for(1s); }),
                        weft::timeout_error);
        CHECK_FALSE(passed);
        CHECK(weft::timeout(0s, [](auto&) { return 3; }) == 3); // it did not wait
    });
}

TEST_CASE("TMO-15: another error passes, in time and after the expiry", "[task]") {
    in_virtual_time([] {
        CHECK_THROWS_AS(weft::timeout(1s, [](auto&) { throw std::runtime_error("in time"); }),
                        std::runtime_error);
        std::string what;
        try {
            weft::timeout(1s, [](auto&) {
                try {
                    weft::sleep_for(1h);
                } catch (const weft::cancelled_error&) { throw std::logic_error("late"); }
            });
        } catch (const std::exception& e) { what = e.what(); }
        CHECK(what == "late");
        CHECK(weft::current_task().cancelling() == 0);
    });
}

TEST_CASE("TMO-20: clean-up after the expiry may have a limit of its own", "[task]") {
    in_virtual_time([] {
        bool inner = false;
        CHECK_THROWS_AS(weft::timeout(1s,
                                      [&](auto&) {
                                          try {
                                              weft::sleep_for(1h);
                                          } catch (const weft::cancelled_error&) {
                                              try {
                                                  weft::timeout(1s,
                                                                [](auto&) { weft::sleep_for(1h); });
                                              } catch (const weft::timeout_error&) { inner = true; }
                                              throw;
                                          }
                                      }),
                        weft::timeout_error);
        CHECK(inner);
    });
}

TEST_CASE("TMO-09: an item that comes at the instant of the limit is returned, or still there",
          "[task]") {
    over_workers([] {
        weft::queue<int> q;
        int got = 0, put = 0;
        for (int i = 0; i < many(500); ++i) {
            auto putter = weft::create_task([&] {
                weft::sleep_for(20us);
                q.put(1);
            });
            ++put;
            try {
                got += weft::wait_for(20us, [&] { return q.get(); });
            } catch (const weft::timeout_error&) {}
            weft::await(putter);
        }
        while (!q.empty()) got += q.get();
        CHECK(got == put);
    });
}

TEST_CASE("GTH-09: a cancel that finds all children done, and gather's caller not yet gone on: the "
          "results are delivered, and the cancel at the next wait",
          "[task]") {
    weft::run({.workers = 1}, [] {
        weft::promise<int> a, b;
        std::vector futures{a.get_future(), b.get_future()};
        std::vector<int> got;
        bool later = false;
        auto t = weft::create_task([&] {
            got = weft::gather(futures);
            try {
                weft::yield();
            } catch (const weft::cancelled_error&) { later = true; }
        });
        weft::yield();
        a.set_value(1);
        b.set_value(2);
        t.cancel();
        weft::await(t);
        CHECK(got == std::vector{1, 2});
        CHECK(later);
    });
}

TEST_CASE("TMO-07: the inner one completes and the outer one is cancelled in the same moment: the "
          "value, and the outer one still ends cancelled",
          "[task]") {
    const bool cancel_first = GENERATE(false, true);
    CAPTURE(cancel_first);
    in_virtual_time([&] {
        weft::promise<int> p;
        auto f = p.get_future();
        int got = 0;
        bool ran_on = false;
        auto outer = weft::create_task([&] {
            got = weft::wait_for(1h, f);
            weft::sleep_for(1h);
            ran_on = true;
        });
        weft::yield();
        if (cancel_first) outer.cancel();
        p.set_value(3);
        if (!cancel_first) outer.cancel();
        CHECK_THROWS_AS(weft::await(outer), weft::cancelled_error);
        CHECK(got == (cancel_first ? 0 : 3));
        CHECK_FALSE(ran_on);
    });
}

TEST_CASE("TMO-08: an inner one that resists its cancel: wait_for ends cancelled when that has "
          "ended, its value is still there",
          "[task]") {
    in_virtual_time([] {
        auto inner = weft::create_task([] {
            const auto until = weft::clock::now() + 10s;
            while (weft::clock::now() < until) try {
                    weft::sleep_until(until);
                } catch (const weft::cancelled_error&) {}
            return 4;
        });
        auto outer = weft::create_task([&] { weft::wait_for(1h, inner); });
        weft::sleep_for(1s);
        for (int i = 0; i < 2; ++i) {
            outer.cancel();
            weft::sleep_for(1s);
            CHECK_FALSE(outer.done()); // it joins what it owns
        }
        CHECK_THROWS_AS(weft::await(outer), weft::cancelled_error);
        CHECK(weft::await(inner) == 4);
    });
}

TEST_CASE("SHD-04: a shield of a gather keeps the cancel from all of it; a gather of shields ends "
          "those, and not what they keep",
          "[task]") {
    in_virtual_time([] {
        std::vector inner{sleeper(5s, 1), sleeper(5s, 2)};
        auto both = weft::create_task([&] { return weft::gather(inner); });
        auto shielded = weft::create_task([&] { weft::await(weft::shield(both)); });
        weft::sleep_for(1s);
        shielded.cancel();
        CHECK_THROWS_AS(weft::await(shielded), weft::cancelled_error);
        CHECK(weft::await(both) == std::vector{1, 2});

        std::vector again{sleeper(5s, 3), sleeper(5s, 4)};
        std::vector shields{weft::shield(again[0]), weft::shield(again[1])};
        auto gathers = weft::create_task([&] { weft::gather(shields); });
        weft::sleep_for(1s);
        gathers.cancel();
        CHECK_THROWS_AS(weft::await(gathers), weft::cancelled_error);
        for (auto& s : shields) CHECK(s.cancelled());
        CHECK(weft::gather(again) == std::vector{3, 4});
    });
}

TEST_CASE("CRO-03 CRO-05 CRO-06: tasks that were created first overlap: the time of one, and with "
          "one thread 1 3 then 2 4",
          "[task]") {
    in_virtual_time([] {
        std::vector<int> order;
        const auto prints = [&](int first, int second) {
            return weft::create_task([&order, first, second] {
                order.push_back(first);
                weft::sleep_for(2s);
                order.push_back(second);
            });
        };
        const auto start = weft::clock::now();
        auto a = prints(1, 2), b = prints(3, 4);
        weft::await(a);
        weft::await(b);
        CHECK(order == std::vector{1, 3, 2, 4});
        CHECK(weft::clock::now() - start == 2s);
    });
}

TEST_CASE("CRO-04: two calls in a row take the time of both and do not interleave", "[task]") {
    in_virtual_time([] {
        std::vector<int> order;
        const auto prints = [&](int first, int second) {
            order.push_back(first);
            weft::sleep_for(2s);
            order.push_back(second);
        };
        const auto start = weft::clock::now();
        prints(1, 2);
        prints(3, 4);
        CHECK(order == std::vector{1, 2, 3, 4});
        CHECK(weft::clock::now() - start == 4s);
    });
}

TEST_CASE("LOOP-22 LOOP-23: a yield lets everything that is ready run first, once", "[task]") {
    weft::run({.workers = 1}, [] {
        std::string order;
        const auto says = [&](const char* name) {
            return weft::create_task([&order, name] {
                order.append(name).append("A ");
                weft::yield();
                order.append(name).append("B ");
            });
        };
        auto one = says("1"), two = says("2");
        weft::await(one);
        weft::await(two);
        CHECK(order == "1A 2A 1B 2B ");
    });
}

TEST_CASE("LOOP-24 LOOP-32: a sleep is never short, and one beyond all time can be cancelled",
          "[task]") {
    over_workers([] {
        for (auto d : {10us, 300us, 1500us}) {
            const auto start = std::chrono::steady_clock::now();
            weft::sleep_for(d);
            CHECK(std::chrono::steady_clock::now() - start >= d);
        }
        auto t = weft::create_task([] { weft::sleep_until(weft::clock::time_point::max()); });
        auto u = weft::create_task([] { weft::sleep_for(std::chrono::hours::max()); });
        weft::sleep_for(1ms);
        CHECK_FALSE(t.done());
        CHECK_FALSE(u.done());
        t.cancel();
        u.cancel();
        CHECK_THROWS_AS(weft::await(t), weft::cancelled_error);
        CHECK_THROWS_AS(weft::await(u), weft::cancelled_error);
    });
}
