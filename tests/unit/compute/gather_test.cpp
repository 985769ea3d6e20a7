// SPDX-License-Identifier: Apache-2.0
// gather of callables: forks, here or elsewhere.
#include <string>

#include "support/runtimes.hpp"

using namespace std::chrono_literals;
using weft::testing::counted;
using weft::testing::in_virtual_time;
using weft::testing::over_workers;

namespace {
long fib(int n) {
    if (n < 2) return n;
    auto [a, b] = weft::gather([=] { return fib(n - 1); }, [=] { return fib(n - 2); });
    return a + b;
}
} // namespace

TEST_CASE("gather of callables: results by value in order, void as monostate, references through",
          "[compute]") {
    over_workers([] {
        int x = 3;
        auto [a, v, r] = weft::gather([] { return std::make_unique<int>(1); }, [] {},
                                      [&x]() -> int& { return x; });
        CHECK(*a == 1);
        CHECK(std::is_same_v<decltype(v), std::monostate>);
        CHECK(r == &x);
        CHECK(fib(18) == 2584);
    });
}

TEST_CASE("gather of callables: on a plain thread they run in order, here", "[compute]") {
    std::string log;
    auto [a, b] = weft::gather(
        [&] {
            log += "a";
            return 1;
        },
        [&] {
            log += "b";
            return 2;
        });
    CHECK(log == "ab");
    CHECK(a + b == 3);
    CHECK_THROWS_WITH(
        weft::gather([] { throw std::runtime_error("first"); }, [&] { log += "never"; }), "first");
    CHECK(log == "ab");
    std::vector<std::function<int()>> many{[] { return 1; }, [] { return 2; }};
    CHECK(weft::gather(many) == std::vector{1, 2});
}

TEST_CASE("gather of callables: one may await what its sibling does, with a single worker",
          "[compute]") {
    over_workers([] {
        weft::promise<int> p;
        auto f = p.get_future();
        auto [a, b] = weft::gather([&] { return f.await(); },
                                   [&] {
                                       p.set_value(8);
                                       return 1;
                                   });
        CHECK(a == 8);
        CHECK(b == 1);
    });
}

TEST_CASE("gather of callables: the first failure is thrown; siblings not begun are dropped",
          "[compute]") {
    in_virtual_time([] {
        // A look at the fork, each 100 us, lets the sibling begin first.
        int begun = 0;
        for (int i = 0; i < 20; ++i)
            CHECK_THROWS_WITH(
                weft::gather([] { throw std::runtime_error("one"); }, [&] { ++begun; }), "one");
        CHECK(begun < 20);
    });
}

TEST_CASE("gather of callables: a failure ends siblings that wait, also the one that runs here",
          "[compute]") {
    in_virtual_time([] {
        const auto start = weft::clock::now();
        CHECK_THROWS_WITH(weft::gather([] { weft::sleep_for(1h); },
                                       [] {
                                           weft::sleep_for(1s);
                                           throw std::runtime_error("late");
                                       },
                                       [c = counted()] { weft::sleep_for(1h); }),
                          "late");
        CHECK(weft::clock::now() - start == 1s);
        CHECK(weft::current_task().cancelling() == 0);
        weft::sleep_for(1s);
    });
    CHECK(counted::alive == 0);
}

TEST_CASE("gather of callables: a cancel of the parent reaches all of them", "[compute]") {
    over_workers([] {
        std::atomic<int> waiting{0}, ended{0};
        auto child = [&] {
            try {
                ++waiting;
                weft::sleep_for(1h);
            } catch (const weft::cancelled_error&) {
                ++ended;
                throw;
            }
        };
        auto parent = weft::create_task([&] { weft::gather(child, child, child); });
        while (waiting < 3) weft::yield();
        CHECK(parent.cancel());
        CHECK_THROWS_AS(weft::await(parent), weft::cancelled_error);
        CHECK(ended == 3);
    });
}

TEST_CASE("gather of callables: records pending in callers' frames while the task waits, moves and "
          "returns",
          "[compute]") {
    over_workers([] {
        std::function<long(int)> tree = [&tree](int depth) -> long {
            if (depth == 0) {
                weft::yield();
                return 1;
            }
            auto [a, b, c] = weft::gather([&] { return tree(depth - 1); },
                                          [&] {
                                              weft::yield();
                                              return tree(depth - 1);
                                          },
                                          [&] { return 1L; });
            return a + b + c;
        };
        for (int i = 0; i < 10; ++i) CHECK(tree(7) == 255);
    });
}

TEST_CASE("gather of callables: from many tasks at once, with failures everywhere, nothing is lost "
          "or left",
          "[compute]") {
    over_workers([] {
        std::vector<weft::task<int>> tasks;
        for (int t = 0; t < 16; ++t)
            tasks.push_back(weft::create_task([t] {
                int failures = 0;
                for (int i = 0; i < 50; ++i) {
                    try {
                        weft::gather(
                            [&] {
                                weft::yield();
                                if (i % 3 == 0) throw t;
                            },
                            [&] {
                                if (i % 5 == 0) throw t;
                            },
                            [c = counted()] { weft::yield(); });
                    } catch (int) { ++failures; }
                }
                return failures;
            }));
        for (auto& t : tasks) CHECK(weft::await(t) == 23);
        CHECK(counted::alive == 0);
    });
}

TEST_CASE("gather: callables and futures mixed; a failing callable cancels and joins the futures",
          "[compute]") {
    in_virtual_time([] {
        auto t = weft::create_task([] {
            weft::sleep_for(1s);
            return 2;
        });
        auto [a, b] = weft::gather([] { return 1; }, t);
        CHECK(a == 1);
        CHECK(b == 2);
        auto slow = weft::create_task([] { weft::sleep_for(1h); });
        CHECK_THROWS_WITH(weft::gather(slow, [] { throw std::runtime_error("call"); }), "call");
        CHECK(slow.cancelled());
    });
}
