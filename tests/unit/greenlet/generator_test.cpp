// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstdlib>
#include <set>

#include "greenlet_support.hpp"

using namespace std::chrono_literals;
using namespace weft::testing;
using weft::generator;

namespace {

steps all_of(generator<int> g) {
    steps values;
    for (int x : g) values.push_back(x);
    return values;
}

generator<int> count_to(int n) {
    return generator<int>([n](auto& yield) {
        for (int i = 1; i <= n; ++i) yield(i);
    });
}

using permutation = std::vector<int>;

generator<permutation> permutations(int n) {
    return generator<permutation>([n](auto& yield) {
        if (n == 0) {
            yield(permutation{});
            return;
        }
        for (permutation& shorter : permutations(n - 1))
            for (int at = 0; at < n; ++at) {
                permutation longer = shorter;
                longer.insert(longer.begin() + at, n);
                yield(std::move(longer));
            }
    });
}

} // namespace

TEST_CASE("GEN-01: yield, and the values of another generator in between", "[greenlet]") {
    on_every_strand([] {
        generator<int> g([](auto& yield) {
            yield(1);
            yield.from(generator<int>([](auto& y) {
                y(3);
                y(4);
            }));
            yield(2);
        });
        CHECK(all_of(std::move(g)) == steps{1, 3, 4, 2});
        // Any range will do, and a generator that is still somebody's.
        generator<int> kept = count_to(2);
        CHECK(all_of(generator<int>([&](auto& yield) {
                  yield.from(std::vector{7, 8});
                  yield.from(kept);
              })) == steps{7, 8, 1, 2});
        CHECK(kept.done());
    });
}

TEST_CASE("GEN-02: any function below the body may yield, also one that knows nothing of it",
          "[greenlet]") {
    on_every_strand([] {
        struct walk {
            static void down(generator<int>::yielder& yield, int depth) {
                if (depth == 0) return;
                yield(depth);
                down(yield, depth - 1);
            }
        };
        CHECK(all_of(generator<int>([](auto& yield) { walk::down(yield, 4); })) ==
              steps{4, 3, 2, 1});
        generator<int> compared([](generator<int>::yielder& yield) {
            static generator<int>::yielder* out;
            out = &yield;
            std::array<int, 5> values{4, 2, 5, 1, 3};
            std::qsort(values.data(), values.size(), sizeof(int), [](const void* a, const void* b) {
                (*out)(*static_cast<const int*>(a));
                return *static_cast<const int*>(a) - *static_cast<const int*>(b);
            });
            for (int v : values) yield(v);
        });
        const steps values = all_of(std::move(compared));
        REQUIRE(values.size() > 5);
        CHECK(steps(values.end() - 5, values.end()) == steps{1, 2, 3, 4, 5});
    });
}

TEST_CASE("GEN-03: a recursive generator; two of them advanced by turns", "[greenlet]") {
    on_every_strand([] {
        std::set<permutation> seen;
        generator<permutation> other = permutations(4);
        for (permutation& p : permutations(4)) {
            seen.insert(p);
            CHECK(other.next() == p);
        }
        CHECK(seen.size() == 24);
        CHECK_FALSE(other.next());
    });
}

TEST_CASE("GEN-04: yield where the generator's body does not run is an error", "[greenlet]") {
    on_every_strand([] {
        generator<int>::yielder* kept = nullptr;
        generator<int> g([&](generator<int>::yielder& yield) {
            kept = &yield;
            yield(1);
            generator<int> inner([&](auto&) { yield(5); }); // the outer one's, on another stack
            CHECK_THROWS_AS(inner.next(), std::logic_error);
            yield(2);
        });
        CHECK(g.next() == 1);
        CHECK_THROWS_AS((*kept)(3), std::logic_error);
        CHECK(g.next() == 2);
    });
}

TEST_CASE("GEN-05: a generator that is running can't be advanced, by itself or by another thread",
          "[greenlet]") {
    on_every_strand([] {
        generator<int> g;
        g = generator<int>([&](auto& yield) {
            CHECK_THROWS_AS(g.next(), std::logic_error);
            CHECK_THROWS_AS(g.close(), std::logic_error);
            yield(1);
        });
        CHECK(g.next() == 1);
        bool refused = false;
        std::thread([&] {
            try {
                g.next();
            } catch (const weft::wrong_thread&) { refused = true; }
        }).join();
        CHECK(refused);
        CHECK_FALSE(g.next());
    });
}

TEST_CASE("GEN-06: what is sent is what the pending yield returns", "[greenlet]") {
    on_every_strand([] {
        generator<int, std::string> g([](generator<int, std::string>::yielder& yield) {
            std::string s = yield(1);
            for (;;) s = yield(static_cast<int>(s.size()));
        });
        CHECK_THROWS_AS(g.send("early"), std::logic_error);
        CHECK(g.next() == 1);
        CHECK(g.send("four") == 4);
        CHECK(g.send(std::string(6, 'x')) == 6);
        CHECK(g.next() == 0); // an empty one
    });
}

TEST_CASE("GEN-07: an exception thrown into a suspended generator may be caught there; into one "
          "that is not begun or finished it comes back",
          "[greenlet]") {
    on_every_strand([] {
        generator<int> g([](auto& yield) {
            try {
                yield(1);
            } catch (const std::runtime_error& e) { yield(std::string(e.what()) == "in" ? 2 : 0); }
        });
        CHECK(g.next() == 1);
        CHECK(g.throw_in(error_of("in")) == 2);
        CHECK_FALSE(g.next());
        CHECK(thrown_by([&] { g.throw_in(error_of("late")); }) == "late");

        bool ran = false;
        generator<int> fresh([&](auto&) { ran = true; });
        CHECK(thrown_by([&] { fresh.throw_in(error_of("early")); }) == "early");
        CHECK_FALSE(ran);
        CHECK(fresh.done());
        CHECK_FALSE(fresh.next());
    });
}

TEST_CASE("GEN-08 GEN-11: close and destruction run the clean-up, once; one that was not begun "
          "runs no code",
          "[greenlet]") {
    on_every_strand([] {
        int cleaned = 0;
        const auto body = [&cleaned](auto& yield) {
            struct on_exit {
                int& n;
                ~on_exit() { ++n; }
            } guard{cleaned};
            for (int i = 0;; ++i) yield(i);
        };
        generator<int> g(body);
        g.next();
        g.close();
        CHECK(cleaned == 1);
        g.close();
        CHECK_FALSE(g.next());
        CHECK(cleaned == 1);
        generator<int>(body).close();
        CHECK(cleaned == 1);
        for (int x : generator<int>(body))
            if (x == 3) break;
        CHECK(cleaned == 2);
    });
}

TEST_CASE("GEN-09: a generator that yields while it is closed: an error; a later close succeeds",
          "[greenlet]") {
    on_every_strand([] {
        generator<int> g([](auto& yield) {
            try {
                yield(1);
            } catch (const weft::greenlet_exit&) { yield(2); }
        });
        g.next();
        CHECK_THROWS_AS(g.close(), std::runtime_error);
        CHECK_FALSE(g.done());
        g.close();
        CHECK(g.done());
    });
}

TEST_CASE("GEN-10: what clean-up throws reaches who closes; in a destructor it is reported",
          "[greenlet]") {
    on_every_strand([] {
        generator<int> g([](auto& yield) {
            try {
                yield(1);
            } catch (...) { throw std::runtime_error("broken"); }
        });
        g.next();
        CHECK(thrown_by([&] { g.close(); }) == "broken");
        CHECK(g.done());
    });
    std::vector<std::string> reports;
    weft::run({.workers = 1,
               .exception_handler =
                   [&](const weft::exception_context& what) {
                       reports.push_back(weft::describe(what.exception));
                   }},
              [] {
                  generator<int> g([](auto& yield) {
                      try {
                          yield(1);
                      } catch (...) { throw std::runtime_error("broken"); }
                  });
                  g.next();
              });
    REQUIRE(reports.size() == 1);
    CHECK(reports[0].find("broken") != std::string::npos);
}

TEST_CASE("GEN-12: a handler of ordinary errors does not see that the generator is closed; "
          "clean-up runs",
          "[greenlet]") {
    on_every_strand([] {
        bool seen = false;
        const int before = counted::alive;
        generator<int> g([&](auto& yield) {
            counted local;
            try {
                yield(1);
            } catch (const std::exception&) { seen = true; }
        });
        g.next();
        g.close();
        CHECK_FALSE(seen);
        CHECK(counted::alive == before);
    });
}

TEST_CASE("yield.from passes on what is sent and thrown in, and closes the inner one",
          "[greenlet]") {
    on_every_strand([] {
        using echo = generator<std::string, std::string>;
        int closed = 0;
        echo g([&](echo::yielder& yield) {
            yield.from(echo([&](echo::yielder& inner) {
                struct on_exit {
                    int& n;
                    ~on_exit() { ++n; }
                } guard{closed};
                std::string s = "ready";
                for (;;) {
                    try {
                        s = "got " + inner(s);
                    } catch (const std::runtime_error& e) { s = std::string("caught ") + e.what(); }
                }
            }));
        });
        CHECK(g.next() == "ready");
        CHECK(g.send("a") == "got a");
        CHECK(g.throw_in(error_of("b")) == "caught b");
        g.close();
        CHECK(closed == 1);
        // An error of the inner one comes out of the outer one, where it may be caught.
        generator<int> outer([](auto& yield) {
            try {
                yield.from(generator<int>([](auto& y) {
                    y(1);
                    throw std::runtime_error("inner");
                }));
            } catch (const std::runtime_error&) { yield(2); }
        });
        CHECK(all_of(std::move(outer)) == steps{1, 2});
    });
}

TEST_CASE("what the body throws comes out where a value was asked for, then it is at its end",
          "[greenlet]") {
    on_every_strand([] {
        generator<int> g([](auto& yield) {
            yield(1);
            throw std::runtime_error("body");
        });
        CHECK(g.next() == 1);
        CHECK(thrown_by([&] { g.next(); }) == "body");
        CHECK_FALSE(g.next());
        CHECK(all_of(generator<int>()).empty());
    });
}

TEST_CASE("values that can only be moved; references to what is in the generator's frame",
          "[greenlet]") {
    generator<std::unique_ptr<int>> g([](auto& yield) {
        yield(std::make_unique<int>(1));
        yield(std::make_unique<int>(2));
    });
    CHECK(**g.next() == 1);
    for (auto& p : g) CHECK(*p == 2);
}

TEST_CASE("AGN-01 AGN-02: a generator whose body awaits: the note's reader gives 1 to 99, and "
          "others run meanwhile",
          "[greenlet]") {
    over_workers([] {
        std::atomic<int> ticks{0};
        auto ticker = weft::create_task([&] {
            for (;;) {
                ++ticks;
                weft::yield();
            }
        });
        generator<int> reader([](auto& yield) {
            for (int i = 1; i < 100; ++i) {
                weft::sleep_for(10us);
                yield(i);
            }
        });
        int expected = 1;
        for (int x : reader) CHECK(x == expected++);
        CHECK(expected == 100);
        CHECK(ticks > 0);
        ticker.cancel();
    });
}

TEST_CASE("AGN-03 AGN-04: closing one, or leaving its loop, waits for clean-up that awaits",
          "[greenlet]") {
    over_workers([] {
        int cleaned = 0;
        const auto body = [&](auto& yield) {
            struct on_exit {
                int& n;
                ~on_exit() {
                    const weft::mask_cancel m;
                    weft::sleep_for(100us);
                    ++n;
                }
            } guard{cleaned};
            for (int i = 0;; ++i) yield(i);
        };
        generator<int> g(body);
        g.close(); // not begun
        CHECK(cleaned == 0);
        g = generator<int>(body);
        g.next();
        g.close();
        CHECK(cleaned == 1);
        g.close();
        for (int x : generator<int>(body))
            if (x == 2) break;
        CHECK(cleaned == 2);
    });
}

TEST_CASE("AGN-05: one that yields while it is closed is an error, and what its clean-up throws "
          "comes out of close",
          "[greenlet]") {
    over_workers([] {
        generator<int> g([](auto& yield) {
            try {
                yield(1);
            } catch (const weft::greenlet_exit&) {
                weft::sleep_for(10us);
                yield(2);
            } catch (...) {}
        });
        g.next();
        CHECK_THROWS_AS(g.close(), std::runtime_error);
        g.close();
        generator<int> h([](auto& yield) {
            try {
                yield(1);
            } catch (const weft::greenlet_exit&) {
                weft::sleep_for(10us);
                throw std::runtime_error("broken");
            }
        });
        h.next();
        CHECK(thrown_by([&] { h.close(); }) == "broken");
    });
}

TEST_CASE("AGN-06: a task that is cancelled in its generator's wait: the generator's clean-up "
          "runs, then the task's",
          "[greenlet]") {
    over_workers([] {
        std::string order;
        auto t = weft::create_task([&] {
            try {
                generator<int> g([&](auto& yield) {
                    try {
                        yield(1);
                        weft::sleep_for(1h);
                    } catch (const weft::cancelled_error&) {
                        order += "generator ";
                        throw;
                    }
                });
                for (int x : g) static_cast<void>(x);
            } catch (const weft::cancelled_error&) {
                order += "task";
                throw;
            }
        });
        weft::sleep_for(1ms);
        t.cancel();
        CHECK_THROWS_AS(weft::await(t), weft::cancelled_error);
        CHECK(order == "generator task");
    });
}

TEST_CASE("AGN-07: of two tasks that advance one generator, the second gets an error",
          "[greenlet]") {
    over_workers([] {
        generator<int> g([](auto& yield) {
            for (int i = 0;; ++i) {
                weft::sleep_for(1ms);
                yield(i);
            }
        });
        CHECK(g.next() == 0);
        CHECK_THROWS_AS(weft::await(weft::create_task([&] { g.next(); })), weft::wrong_thread);
        CHECK(g.next() == 1);
    });
}

TEST_CASE("AGN-08: values and errors reach the pending yield of one that awaits", "[greenlet]") {
    over_workers([] {
        using talk = generator<std::string, int>;
        talk g([](talk::yielder& yield) {
            std::string out = "begin";
            for (;;) {
                try {
                    out = std::to_string(yield(out) * 2);
                } catch (const std::runtime_error& e) { out = e.what(); }
                weft::sleep_for(10us);
            }
        });
        CHECK(g.next() == "begin");
        CHECK(g.send(21) == "42");
        CHECK(g.throw_in(error_of("thrown")) == "thrown");
    });
}

TEST_CASE("generators in tasks that move between threads, with forks below", "[greenlet]") {
    warm_up_stacks();
    over_workers([] {
        std::vector<weft::task<long>> tasks;
        for (int t = 0; t < many(60); ++t)
            tasks.push_back(weft::create_task([] {
                generator<int> source([](auto& yield) {
                    for (int i = 1; i <= 20; ++i) {
                        auto [a, b] = weft::gather(
                            [i] {
                                weft::yield();
                                return i;
                            },
                            [i] { return i * 10; });
                        yield(a + b);
                        if (i % 5 == 0) weft::sleep_for(10us);
                    }
                });
                long sum = 0;
                for (int x : source) {
                    auto [y, nothing] = weft::gather([x] { return x; }, [] { weft::yield(); });
                    sum += y;
                }
                return sum;
            }));
        for (long sum : weft::gather(tasks)) CHECK(sum == 11 * 210);
    });
}

TEST_CASE("CRO-19: a function, a generator, a coroutine and an async generator each give their own "
          "kind of result when they are called",
          "[greenlet]") {
    on_every_strand([] {
        const auto function = [](int n) { return n; };
        const auto generates = [](int n) {
            return weft::generator<int>([n](auto& yield) {
                for (int i = 0; i < n; ++i) yield(i);
            });
        };
        const auto coroutine = [](int n) {
            return weft::coroutine([n] {
                weft::yield();
                return n;
            });
        };
        const auto generates_and_waits = [](int n) {
            return weft::generator<int>([n](auto& yield) {
                for (int i = 0; i < n; ++i) {
                    weft::sleep_for(1us);
                    yield(i);
                }
            });
        };
        static_assert(std::is_same_v<decltype(function(1)), int>);
        static_assert(std::is_same_v<decltype(coroutine(1)), weft::coroutine<int>>);
        static_assert(std::is_same_v<decltype(generates(1)), weft::generator<int>>);
        CHECK(function(3) == 3);
        std::vector<int> plain, waiting;
        for (int x : generates(3)) plain.push_back(x);
        for (int x : generates_and_waits(3)) waiting.push_back(x);
        CHECK(plain == std::vector{0, 1, 2});
        CHECK(waiting == plain);
        CHECK(weft::await(coroutine(3)) == 3);
    });
}
