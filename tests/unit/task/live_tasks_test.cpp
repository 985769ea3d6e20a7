// SPDX-License-Identifier: Apache-2.0
// The table of live tasks: who looks at it while tasks begin and end everywhere.
#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "support/runtimes.hpp"
#include "task/live_task_table.hpp"

using weft::testing::over_workers;

TEST_CASE("more tasks than a chunk has places are all there, and gone when they have ended",
          "[task]") {
    over_workers([] {
        constexpr int k_tasks = 1500;
        for (int round = 0; round < 2; ++round) { // the second time from places given back
            weft::event go;
            std::vector<weft::task<void>> tasks;
            for (int i = 0; i < k_tasks; ++i)
                tasks.push_back(weft::create_task([&] { go.wait(); }));
            const auto all = weft::all_tasks(); // some that have just ended may be there yet
            CHECK(std::count_if(all.begin(), all.end(), [](const auto& t) { return !t.done(); }) ==
                  k_tasks + 1);
            go.set();
            for (auto& t : tasks) weft::await(t);
            tasks.clear();
        }
    });
}

TEST_CASE("a task's end counts on whichever worker its last destructor has come to", "[task]") {
    weft::run({.workers = 1}, [] {
        weft::detail::live_task_table table(2);
        weft::detail::live_slot* s = table.add(*weft::detail::current_task_base(), 0);
        CHECK(table.count() == 1);
        table.remove(*s, 0);
        CHECK_FALSE(table.count_end(1)); // which had nothing to do with tasks before
        CHECK(table.count() == 0);
    });
}

TEST_CASE("whoever asks for all tasks while they begin and end gets handles of live blocks",
          "[task]") {
    over_workers([] {
        std::atomic<bool> stop{false};
        std::atomic<long> ran{0};
        auto creates = [&] {
            while (!stop)
                for (int i = 0; i < 50; ++i)
                    weft::await(
                        weft::create_task([&] { ran.fetch_add(1); })); // ends elsewhere at times
        };
        auto one = weft::create_task(creates), two = weft::create_task(creates);
        std::size_t seen = 0;
        for (int look = 0; look < 200; ++look) {
            for (const auto& t : weft::all_tasks()) {
                CHECK(t.valid());
                seen += t.id() != 0 ? 1 : 0;
            }
            weft::yield();
        }
        stop = true;
        weft::await(one);
        weft::await(two);
        CHECK(seen >= 200); // the one that asks, at least
    });
}

TEST_CASE("a shutdown beside threads that still create tasks ends all that were taken", "[task]") {
    for (int round = 0; round < 20; ++round) {
        weft::runtime rt({.workers = 2});
        std::atomic<long> begun{0}, ended{0};
        std::vector<std::thread> creators;
        for (int i = 0; i < 2; ++i)
            creators.emplace_back([&] {
                try {
                    for (;;) {
                        rt.spawn([&ended] { ended.fetch_add(1); });
                        begun.fetch_add(1);
                    }
                } catch (const weft::runtime_closed&) {}
            });
        while (begun < 10) std::this_thread::yield();
        CHECK(rt.shutdown(std::chrono::hours(1)).empty());
        for (auto& c : creators) c.join();
        CHECK(ended <= begun); // those that were cancelled before their first step have not run
        CHECK(weft::metrics(rt).live_tasks == 0);
    }
}
