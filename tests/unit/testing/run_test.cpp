// SPDX-License-Identifier: Apache-2.0
// Runs that a seed repeats.
#include <set>
#include <string>

#include <weft/testing.hpp>

#include "support/runtimes.hpp"

using namespace std::chrono_literals;
using namespace weft::testing;

namespace {

/// The order in which three tasks take their turns.
std::string order_of(std::uint64_t seed) {
    std::string order;
    weft::testing::run(seed, [&] {
        weft::task_group g;
        for (char name : {'a', 'b', 'c'})
            g.create_task([&order, name] {
                for (int i = 0; i < 3; ++i) {
                    order += name;
                    weft::yield();
                }
            });
        g.join();
    });
    return order;
}

} // namespace

TEST_CASE("testing: the same seed gives the same order, others give others; 0 is first come, first "
          "served",
          "[testing]") {
    leak_fixture nothing_leaks;
    CHECK(order_of(0) == "abcabcabc");
    std::set<std::string> orders, begins;
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
        const std::string order = order_of(seed);
        CHECK(order == order_of(seed));
        orders.insert(order);
        begins.insert(order.substr(0, 2));
    }
    CHECK(orders.size() > 50); // of 1680
    CHECK(begins.size() == 9);
}

TEST_CASE("testing: time stands still while anything is ready, then jumps to the next deadline",
          "[testing]") {
    leak_fixture nothing_leaks;
    for (std::uint64_t seed = 0; seed < 20; ++seed)
        weft::testing::run(seed, [] {
            const auto start = weft::clock::now();
            std::vector<std::chrono::nanoseconds> woken;
            weft::task_group g;
            for (auto d : {3h, 1h, 2h, 2h})
                g.create_task([&, d] {
                    weft::sleep_for(d);
                    woken.push_back(weft::clock::now() - start);
                });
            for (int i = 0; i < 1000; ++i) weft::yield();
            CHECK(weft::clock::now() == start);
            g.join();
            CHECK(woken == std::vector<std::chrono::nanoseconds>{1h, 2h, 2h, 3h});
            CHECK_THROWS_AS(weft::wait_for(1h, [] { weft::sleep_for(2h); }), weft::timeout_error);
            CHECK(weft::clock::now() - start == 4h);
        });
}

TEST_CASE("testing: callbacks keep the order in which their futures were completed", "[testing]") {
    leak_fixture nothing_leaks;
    std::set<std::string> orders;
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        std::string order;
        weft::testing::run(seed, [&] {
            std::vector<weft::promise<void>> promises(4);
            for (std::size_t i = 0; i < promises.size(); ++i)
                promises[i].get_future().add_done_callback([&, i] { order += std::to_string(i); });
            weft::task_group g;
            for (auto name : {"a", "b"}) g.create_task([&order, name] { order += name; });
            for (auto& p : promises) p.set_value();
            g.join();
            weft::sleep_for(1s);
        });
        orders.insert(order);
        std::erase_if(order, [](char c) { return c == 'a' || c == 'b'; });
        CHECK(order == "0123");
    }
    CHECK(orders.size() > 5); // the tasks fall in between
}

TEST_CASE("testing: gives or throws what the function does, and ends what is left", "[testing]") {
    leak_fixture nothing_leaks;
    CHECK(weft::testing::run(7, [] { return 3; }) == 3);
    CHECK_THROWS_WITH(weft::testing::run(7, [] { throw std::runtime_error("no"); }), "no");
    weft::testing::run(7, [] {
        weft::create_task([life = counted()] { weft::sleep_for(1h); });
        weft::yield();
        CHECK_THROWS_AS(weft::testing::run(8, [] {}), std::logic_error);
    });
    CHECK(counted::alive == 0);
}

TEST_CASE("testing: forks, loops and checkpoints depend on the seed alone, too", "[testing]") {
    leak_fixture nothing_leaks;
    const auto trace = [](std::uint64_t seed) {
        std::string order;
        weft::testing::run(seed, [&] {
            auto other = weft::create_task([&] {
                for (int i = 0; i < 5; ++i) {
                    order += 'o';
                    weft::yield();
                }
            });
            weft::parallel_for(0, 10'000, [&](std::size_t i) {
                if (i % 2000 == 0) order += 'l';
            });
            for (int i = 0; i < 5; ++i) {
                order += 'c';
                weft::checkpoint();
            }
            weft::await(other);
        });
        return order;
    };
    for (std::uint64_t seed = 1; seed <= 20; ++seed) CHECK(trace(seed) == trace(seed));
}
