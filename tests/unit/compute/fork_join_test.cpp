// SPDX-License-Identifier: Apache-2.0
// Who runs a fork: demanded, robbed, on a fresh stack.
#include <array>
#include <thread>

#include "sched/scheduler.hpp"
#include "support/runtimes.hpp"

using namespace std::chrono_literals;
using weft::testing::counted;
using weft::testing::over_workers;

namespace {

/// Runs with so many workers that a fork can be taken by another one.
template <class Body>
void with_idle_workers(Body body) {
    const unsigned workers = GENERATE(2U, 4U);
    CAPTURE(workers);
    weft::testing::leak_fixture nothing_leaks;
    weft::run({.workers = workers}, body);
}

/// Computes without a fork point.
void spin(std::chrono::nanoseconds d) {
    const auto end = std::chrono::steady_clock::now() + d;
    while (std::chrono::steady_clock::now() < end) {}
}

long list(long n) {
    if (n == 0) return 0;
    auto [rest, one] = weft::gather([=] { return list(n - 1); }, [] { return 1L; });
    return rest + one;
}

} // namespace

TEST_CASE("a fork: one that spins on a flag ends when its sibling sets it, on another worker",
          "[compute]") {
    with_idle_workers([] {
        for (int i = 0; i < 20; ++i) {
            std::atomic<bool> flag{false};
            weft::gather(
                [&] {
                    while (!flag.load()) {}
                },
                [&] { flag = true; });
        }
    });
}

TEST_CASE("a fork: two coarse callables without a fork point inside run at the same time",
          "[compute]") {
    with_idle_workers([] {
        for (int i = 0; i < 20; ++i) {
            std::atomic<int> inside{0};
            const auto both = [&] {
                ++inside;
                while (inside < 2) {} // each until the other one has begun
                return std::this_thread::get_id();
            };
            auto [a, b] = weft::gather([&] { return both(); }, [&] { return both(); });
            CHECK(a != b);
        }
    });
}

TEST_CASE("a fork: an outer one is robbed while a callee spins, however deep it lies",
          "[compute]") {
    with_idle_workers([] {
        for (int i = 0; i < 10; ++i) {
            std::atomic<int> taken{0};
            auto take = [&] { ++taken; };
            weft::gather(
                [&] {
                    weft::gather(
                        [&] {
                            weft::gather(
                                [&] {
                                    while (taken.load() != 3) {}
                                },
                                take);
                        },
                        take);
                },
                take);
            CHECK(taken == 3);
        }
    });
}

TEST_CASE("a fork: what is asked for between two coarse ones is given at a join", "[compute]") {
    weft::testing::leak_fixture nothing_leaks;
    weft::run({.workers = 1}, [] {
        const auto asked = [] { return weft::detail::worker::current()->forks_demanded(); };
        bool given = false;
        weft::gather(
            [&] {
                weft::gather([&] { weft::detail::worker::current()->demand_forks(); },
                             [&] { given = !asked(); });
            },
            [] {});
        CHECK(given);
    });
}

TEST_CASE(
    "a fork: taken or robbed, it has its creator's context variables, and changes only its own",
    "[compute]") {
    static weft::task_local<int> number(0);
    with_idle_workers([] {
        for (int i = 1; i <= 20; ++i) {
            number.set(i);
            std::atomic<int> seen{0};
            weft::gather(
                [&] {
                    while (seen.load() == 0) number.set(i);
                },
                [&] {
                    const int mine = number.get();
                    number.set(-1);
                    seen = mine;
                });
            CHECK(seen == i);
            CHECK(number.get() == i);
        }
    });
}

TEST_CASE("a fork: a coarse tree gives the right sum while its parts are robbed all the time",
          "[compute]") {
    over_workers([] {
        std::function<long(int)> tree = [&tree](int depth) -> long {
            if (depth == 0) {
                spin(60us);
                return 1;
            }
            auto [a, b] =
                weft::gather([&] { return tree(depth - 1); }, [&] { return tree(depth - 1); });
            return a + b;
        };
        for (int i = 0; i < 4; ++i) CHECK(tree(7) == 128);
    });
}

TEST_CASE("a fork: recursion in the form of a list is limited by memory alone", "[compute]") {
    constexpr long depth = weft::detail::k_asan || weft::detail::k_tsan ? 20'000 : 1'000'000;
    over_workers([&] { CHECK(list(depth) == depth); });
}

TEST_CASE("a fork: what throws on a fresh stack is thrown below", "[compute]") {
    over_workers([] {
        std::function<int(int)> deep = [&deep](int n) -> int {
            if (n == 0) throw std::runtime_error("bottom");
            const counted c;
            auto [a, b] = weft::gather([&] { return deep(n - 1); }, [] { return 0; });
            return a + b;
        };
        CHECK_THROWS_WITH(deep(weft::testing::many(20'000)), "bottom");
        CHECK(counted::alive == 0);
    });
}

TEST_CASE("a fork: temporaries are moved into the frame, others are referred to", "[compute]") {
    over_workers([] {
        struct adder {
            std::unique_ptr<int> n = std::make_unique<int>(1);
            int calls = 0;
            int operator()() { return ++calls + *n; }
        };
        adder mine;
        auto [a, b] = weft::gather(adder{}, mine);
        auto [c, d] = weft::gather(mine, adder{});
        CHECK(a == 2);
        CHECK(b == 2);
        CHECK(c == 3);
        CHECK(d == 2);
        CHECK(mine.calls == 2);
    });
}

TEST_CASE("a fork: in callbacks and on plain threads it is a call", "[compute]") {
    over_workers([] {
        std::thread::id in_callback{};
        auto t = weft::create_task([] {});
        weft::event called;
        t.add_done_callback([&] {
            auto [x, y] = weft::gather([] { return std::this_thread::get_id(); },
                                       [] { return std::this_thread::get_id(); });
            in_callback = x == y ? x : std::thread::id{};
            called.set();
        });
        called.wait();
        CHECK(in_callback != std::thread::id{});
    });
}

TEST_CASE("a fork: callables and futures are mixed, in and outside of tasks", "[compute]") {
    over_workers([] {
        auto t = weft::create_task([] { return std::string("task"); });
        auto [a, b, c, d] = weft::gather([] { return 1; }, t, [] {}, [] { return 2.5; });
        CHECK(a == 1);
        CHECK(b == "task");
        CHECK(std::is_same_v<decltype(c), std::monostate>);
        CHECK(d == 2.5);
        auto slow = weft::create_task([] { weft::sleep_for(1h); });
        CHECK_THROWS_WITH(weft::gather([] { throw std::runtime_error("call"); }, slow), "call");
        CHECK(slow.cancelled());
    });
    weft::runtime rt({.workers = 1});
    auto t = rt.spawn([] { return 5; });
    auto [five, six] = weft::gather(t, [] { return 6; });
    CHECK(five + six == 11);
}
