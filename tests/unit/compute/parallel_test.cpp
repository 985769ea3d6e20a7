// SPDX-License-Identifier: Apache-2.0
// The parallel algorithms.
#include <algorithm>
#include <bit>
#include <cmath>
#include <list>
#include <numeric>
#include <random>
#include <thread>

#include "support/runtimes.hpp"

using namespace std::chrono_literals;
using weft::testing::counted;
using weft::testing::over_workers;

namespace {

std::vector<int> random_numbers(std::size_t n, int below) {
    std::mt19937 random(7);
    std::vector<int> v(n);
    for (int& x : v) x = static_cast<int>(random() % static_cast<unsigned>(below));
    return v;
}

} // namespace

TEST_CASE("parallel_for: each index once, whatever the size and the grain", "[compute]") {
    over_workers([] {
        for (const std::size_t n : {0, 1, 2, 3, 17, 1000, 100'000})
            for (const std::size_t grain : {0, 1, 7, 200'000}) {
                std::vector<std::atomic<int>> seen(n);
                weft::parallel_for(0, n, [&](std::size_t i) { ++seen[i]; }, {.grain = grain});
                CHECK(std::ranges::all_of(seen, [](auto& s) { return s == 1; }));
            }
        weft::parallel_for(5, 3, [](int) { FAIL("an empty range"); });
        std::atomic<long> sum{0};
        weft::parallel_for(-3, 4, [&](int i) { sum += i * i; });
        CHECK(sum == 28);
    });
}

TEST_CASE("parallel_for: on a plain thread it is a loop", "[compute]") {
    std::vector<int> order;
    weft::parallel_for(0, 5, [&](int i) { order.push_back(i); });
    CHECK(order == std::vector{0, 1, 2, 3, 4});
}

TEST_CASE("parallel_for: the body may await, and loops may nest", "[compute]") {
    over_workers([] {
        std::atomic<int> calls{0};
        weft::counting_semaphore<> free(3);
        weft::parallel_for(0, 20, [&](int) {
            weft::parallel_for(0, 10, [&](int) {
                free.acquire();
                weft::yield();
                ++calls;
                free.release();
            });
        });
        CHECK(calls == 200);
    });
}

TEST_CASE("parallel_for: a body that throws ends the loop, and its error is thrown", "[compute]") {
    over_workers([] {
        std::atomic<int> calls{0};
        CHECK_THROWS_WITH(weft::parallel_for(0, 1'000'000,
                                             [&](int i) {
                                                 const counted c;
                                                 if (++calls == 100)
                                                     throw std::runtime_error("enough");
                                                 if (i % 1000 == 0) weft::yield();
                                             }),
                          "enough");
        CHECK(counted::alive == 0);
        CHECK(calls < 1'000'000);
    });
}

TEST_CASE("parallel_for: cancelled, it starts no further chunk", "[compute]") {
    over_workers([] {
        std::atomic<int> calls{0};
        weft::event begun;
        auto loop = weft::create_task([&] {
            weft::parallel_for(0, 100'000'000, [&](int) {
                if (++calls == 1) begun.set();
                weft::checkpoint();
            });
        });
        begun.wait();
        CHECK(loop.cancel("stop"));
        CHECK_THROWS_AS(weft::await(loop), weft::cancelled_error);
        CHECK(calls < 100'000'000);
    });
}

TEST_CASE("parallel_for: between chunks ready tasks get their turn", "[compute]") {
    weft::run({.workers = 1}, [] {
        std::atomic<bool> ran{false};
        auto other = weft::create_task([&] { ran = true; });
        long turns = 0;
        while (!ran) {
            weft::parallel_for(0, 1000, [&](int) { turns += 1; });
            REQUIRE(turns < 1'000'000'000);
        }
        weft::await(other);
    });
}

TEST_CASE("parallel_for: what becomes ready goes before all that compute", "[compute]") {
    constexpr int k_loops = 8, k_wakes = 20;
    weft::testing::leak_fixture nothing_leaks;
    weft::run({.workers = 1}, [&] {
        std::atomic<unsigned> begun{0}, ran{0}; // a bit for each loop
        std::atomic<bool> woken{false}, stop{false};
        weft::event wake;
        std::vector<weft::task<void>> loops;
        for (unsigned n = 0; n < k_loops; ++n)
            loops.push_back(weft::create_task([&, bit = 1U << n] {
                while (!stop)
                    weft::parallel_for(0, 1000, [&](int) {
                        begun |= bit;
                        if (woken) ran |= bit;
                        for (int spin = 0; spin < 100; ++spin) asm volatile("");
                    });
            }));
        int others = 0; // loops that came in between
        auto waits = weft::create_task([&] {
            for (int i = 0; i < k_wakes; ++i) {
                wake.wait();
                woken = false;
                others += std::popcount(ran.load());
                wake.clear();
            }
            stop = true;
        });
        std::thread wakes([&] {
            while (begun != (1U << k_loops) - 1) std::this_thread::yield();
            while (!stop) {
                if (!wake.is_set()) {
                    ran = 0;
                    woken = true;
                    wake.set();
                }
                std::this_thread::yield();
            }
        });
        weft::await(waits);
        for (auto& t : loops) weft::await(t);
        wakes.join();
        // The one that runs, and one that has its turn; not all of them.
        CHECK(others < k_wakes * 4);
    });
}

TEST_CASE("parallel_for: beside tasks that are always ready it gets its turns", "[compute]") {
    over_workers([] {
        std::atomic<bool> done{false};
        std::vector<weft::task<void>> busy;
        for (int i = 0; i < 10; ++i)
            busy.push_back(weft::create_task([&] {
                while (!done) weft::yield();
            }));
        std::atomic<int> calls{0};
        weft::parallel_for(0, 20'000, [&](int) {
            ++calls;
            for (int spin = 0; spin < 100; ++spin) asm volatile("");
        });
        done = true;
        for (auto& t : busy) weft::await(t);
        CHECK(calls == 20'000);
    });
}

TEST_CASE("parallel_for_each: random access and lists, references through", "[compute]") {
    over_workers([] {
        std::vector<int> v(1000, 1);
        weft::parallel_for_each(v, [](int& x) { ++x; });
        CHECK(std::ranges::count(v, 2) == 1000);
        std::list<int> l(100, 1);
        weft::parallel_for_each(l, [](int& x) { x = 5; });
        CHECK(std::ranges::count(l, 5) == 100);
        weft::parallel_for_each(std::vector<int>{}, [](int) { FAIL("empty"); });
    });
}

TEST_CASE("parallel_reduce: in order, so that an operation need not commute", "[compute]") {
    over_workers([] {
        for (const int n : {0, 1, 2, 300, 5000}) {
            std::string expected = ">";
            for (int i = 0; i < n; ++i) expected += static_cast<char>('a' + i % 26);
            const std::string got = weft::parallel_reduce(
                0, n, std::string(">"),
                [](int i) { return std::string(1, static_cast<char>('a' + i % 26)); },
                [](std::string a, const std::string& b) { return std::move(a) += b; });
            CHECK(got == expected);
        }
    });
}

TEST_CASE("parallel_reduce: floating-point sums repeat, on any number of workers", "[compute]") {
    std::vector<double> results;
    for (const unsigned workers : {1U, 2U, 4U})
        for (int i = 0; i < 3; ++i)
            results.push_back(weft::run({.workers = workers}, [] {
                return weft::parallel_reduce(
                    0, 100'003, 0.0, [](int k) { return std::sin(k) * 1e10 / (k + 1); },
                    std::plus<>{});
            }));
    for (const double r : results) CHECK(r == results.front());
}

TEST_CASE("parallel_transform: into a range, an iterator, in place; too little room is an error",
          "[compute]") {
    over_workers([] {
        std::vector<int> in(5000);
        std::iota(in.begin(), in.end(), 0);
        std::vector<long> out(5000);
        weft::parallel_transform(in, out, [](int x) { return 2L * x; });
        CHECK(out[4999] == 9998);
        weft::parallel_transform(in, out.begin(), [](int x) { return 3L * x; });
        CHECK(out[4999] == 14997);
        weft::parallel_transform(in, in, [](int x) { return -x; });
        CHECK(in[1] == -1);
        std::vector<long> small(10);
        CHECK_THROWS_AS(weft::parallel_transform(in, small, [](int x) { return x; }),
                        std::invalid_argument);
    });
}

TEST_CASE("parallel scans: as the standard's, whatever the size", "[compute]") {
    over_workers([] {
        for (const std::size_t n : {0, 1, 2, 63, 64, 65, 10'000}) {
            std::vector<long> in(n);
            for (std::size_t i = 0; i < n; ++i) in[i] = static_cast<long>(i * i % 17);
            std::vector<long> expected(n), got(n);
            std::inclusive_scan(in.begin(), in.end(), expected.begin());
            weft::parallel_inclusive_scan(in, got, std::plus<>{});
            CHECK(got == expected);
            std::exclusive_scan(in.begin(), in.end(), expected.begin(), 3L);
            weft::parallel_exclusive_scan(in, got, 3L, std::plus<>{});
            CHECK(got == expected);
            weft::parallel_exclusive_scan(in, in, 3L);
            CHECK(in == expected);
        }
        std::vector<std::string> letters{"a", "b", "c"}, scanned(3);
        weft::parallel_inclusive_scan(letters, scanned, std::plus<>{}, {.grain = 1});
        CHECK(scanned == std::vector<std::string>{"a", "ab", "abc"});
    });
}

TEST_CASE("parallel_sort: random, equal, sorted and reversed numbers", "[compute]") {
    over_workers([] {
        for (const std::size_t n : {0, 1, 2, 3000, 100'000})
            for (const int below : {1, 2, 10, 1'000'000'000}) {
                std::vector<int> v = random_numbers(n, below), expected = v;
                std::ranges::sort(expected);
                weft::parallel_sort(v.begin(), v.end());
                CHECK(v == expected);
                weft::parallel_sort(v.begin(), v.end());
                CHECK(v == expected);
                std::ranges::reverse(v);
                weft::parallel_sort(v.begin(), v.end());
                CHECK(v == expected);
                std::ranges::reverse(expected);
                weft::parallel_sort(v.begin(), v.end(), std::greater<>{}, {.grain = 100});
                CHECK(v == expected);
            }
    });
}

TEST_CASE("parallel_sort: what can only be moved; a comparator that throws leaves every element",
          "[compute]") {
    over_workers([] {
        std::vector<std::unique_ptr<int>> v;
        for (int x : random_numbers(20'000, 1000)) v.push_back(std::make_unique<int>(x));
        const auto less = [](const auto& a, const auto& b) { return *a < *b; };
        weft::parallel_sort(v.begin(), v.end(), less);
        CHECK(std::ranges::is_sorted(v, less));
        std::atomic<int> calls{0};
        std::ranges::shuffle(v, std::mt19937(3));
        CHECK_THROWS_WITH(weft::parallel_sort(v.begin(), v.end(),
                                              [&](const auto& a, const auto& b) {
                                                  if (++calls == 10'000)
                                                      throw std::runtime_error("no");
                                                  return *a < *b;
                                              }),
                          "no");
    });
}

TEST_CASE("parallel_stable_sort: equal elements keep their order", "[compute]") {
    over_workers([] {
        for (const std::size_t n : {0, 1, 3000, 50'000}) {
            std::vector<std::pair<int, std::string>> v;
            for (int x : random_numbers(n, 50)) v.emplace_back(x, std::to_string(v.size()));
            auto expected = v;
            const auto less = [](const auto& a, const auto& b) { return a.first < b.first; };
            std::ranges::stable_sort(expected, less);
            weft::parallel_stable_sort(v.begin(), v.end(), less);
            CHECK(v == expected);
        }
    });
}
