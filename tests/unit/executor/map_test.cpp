// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <list>
#include <numeric>
#include <sstream>

#include "support/gate.hpp"
#include "support/runtimes.hpp"

using namespace std::chrono_literals;
using weft::thread_pool_executor;
using weft::testing::counted;
using weft::testing::gate;
using weft::testing::leak_fixture;
using weft::testing::over_workers;

namespace {

template <class Results>
auto all_of(Results results) {
    std::vector<typename Results::value_type> v;
    for (auto& r : results) v.push_back(std::move(r));
    return v;
}

int twice(int x) { return 2 * x; }

} // namespace

TEST_CASE("THR-16: map: results come in the order of the inputs, whatever the chunks",
          "[executor]") {
    over_workers([] {
        thread_pool_executor pool({.max_workers = 3});
        std::vector<int> inputs(100);
        std::iota(inputs.begin(), inputs.end(), 0);
        std::vector<int> expected(inputs);
        for (int& x : expected) x *= 2;
        for (std::size_t chunk : {0, 1, 7, 64, 1000})
            CHECK(all_of(pool.map(twice, inputs, {.chunk_size = chunk})) == expected);
        CHECK(all_of(pool.map(twice, std::vector<int>{})).empty());
        CHECK(all_of(pool.map([](int x) { return x % 2 == 0; }, std::list<int>{1, 2})) ==
              std::vector<bool>{false, true});
        std::istringstream text("1 2 3");
        CHECK(all_of(pool.map(twice, std::views::istream<int>(text))) == std::vector<int>{2, 4, 6});
        int calls = 0;
        for ([[maybe_unused]] std::monostate& nothing : pool.map([](int) {}, inputs)) ++calls;
        CHECK(calls == 100);
    });
    leak_fixture nothing_leaks;
    thread_pool_executor pool({.max_workers = 2}); // from a plain thread
    CHECK(all_of(pool.map(twice, std::vector<int>{1, 2, 3})) == std::vector<int>{2, 4, 6});
}

TEST_CASE("map: an lvalue range is referred to, a temporary is moved in", "[executor]") {
    over_workers([] {
        thread_pool_executor pool({.max_workers = 2});
        std::vector<std::unique_ptr<int>> boxes;
        for (int i = 0; i < 5; ++i) boxes.push_back(std::make_unique<int>(i));
        auto results = pool.map([](std::unique_ptr<int>& p) { return *p + 1; }, std::move(boxes));
        CHECK(all_of(std::move(results)) == std::vector<int>{1, 2, 3, 4, 5});
        std::vector<int> inputs{1, 2, 3};
        auto lazy = pool.map(twice, inputs, {.chunk_size = 1, .look_ahead = 1});
        inputs[2] = 50; // not read yet
        CHECK(all_of(std::move(lazy)) == std::vector<int>{2, 4, 100});
    });
}

TEST_CASE("THR-16 TGR-16: map: no more calls than the look-ahead are in flight", "[executor]") {
    over_workers([] {
        thread_pool_executor pool({.max_workers = 4});
        std::atomic<int> begun{0};
        std::vector<int> inputs(50, 1);
        auto results = pool.map(
            [&](int x) {
                ++begun;
                return x;
            },
            inputs, {.chunk_size = 2, .look_ahead = 3});
        int taken = 0;
        for (int r : results) {
            taken += r;
            CHECK(begun <= taken + 4 * 2); // the chunk that is read, and three beyond it
        }
        CHECK(taken == 50);
    });
}

TEST_CASE("THR-16: map: the first exception comes after the results before it, and ends the rest",
          "[executor]") {
    over_workers([] {
        for (std::size_t chunk : {1, 4}) {
            thread_pool_executor pool({.max_workers = 2});
            std::vector<int> inputs(40);
            std::iota(inputs.begin(), inputs.end(), 0);
            std::atomic<int> begun{0};
            auto results = pool.map(
                [&](int x) {
                    ++begun;
                    if (x == 5) throw std::runtime_error("five");
                    return x;
                },
                inputs, {.chunk_size = chunk, .look_ahead = 2});
            std::vector<int> seen;
            CHECK_THROWS_WITH(
                [&] {
                    for (int r : results) seen.push_back(r);
                }(),
                "five");
            CHECK(seen == std::vector<int>{0, 1, 2, 3, 4});
            pool.shutdown();
            CHECK(begun < 30);
        }
    });
}

TEST_CASE("map: results that nobody takes cancel the calls that have not begun", "[executor]") {
    over_workers([] {
        thread_pool_executor pool({.max_workers = 1});
        gate g;
        std::atomic<int> begun{0};
        {
            auto results = pool.map(
                [&, life = counted()](int x) {
                    ++begun;
                    g.pass();
                    return x;
                },
                std::vector<int>{1, 2, 3, 4}, {.chunk_size = 1, .look_ahead = 4});
            weft::await(weft::run_in_executor([&] { g.await_waiting(1); }));
        }
        g.open();
        pool.shutdown();
        CHECK(begun == 1);
        CHECK(counted::alive == 0);
    });
}

TEST_CASE("map: its time-out counts from its call", "[executor]") {
    over_workers([] {
        thread_pool_executor pool({.max_workers = 1});
        gate g;
        auto results = pool.map(
            [&](int x) {
                if (x == 2) g.pass();
                return x;
            },
            std::vector<int>{1, 2}, {.chunk_size = 1, .timeout = 20ms});
        int seen = 0;
        CHECK_THROWS_AS(
            [&] {
                for (int r : results) seen += r;
            }(),
            weft::timeout_error);
        CHECK(seen <= 1);
        g.open();
    });
}

TEST_CASE("map: who is cancelled while it waits for a result abandons the rest", "[executor]") {
    over_workers([] {
        thread_pool_executor pool({.max_workers = 1});
        gate g;
        std::atomic<int> begun{0};
        auto waiter = weft::create_task([&] {
            for ([[maybe_unused]] int r : pool.map(
                     [&](int x) {
                         ++begun;
                         g.pass();
                         return x;
                     },
                     std::vector<int>{1, 2, 3}, {.chunk_size = 1}))
                FAIL("a result");
        });
        weft::await(weft::run_in_executor([&] { g.await_waiting(1); }));
        waiter.cancel("enough");
        CHECK_THROWS_AS(weft::await(waiter), weft::cancelled_error);
        g.open();
        pool.shutdown();
        CHECK(begun == 1);
    });
}
