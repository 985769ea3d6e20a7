// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "support/runtimes.hpp"

using namespace std::chrono_literals;
using namespace weft::testing;

TEST_CASE("ASC-01 ASC-04: as_completed gives the very tasks in the order of their completion",
          "[task]") {
    in_virtual_time([] {
        std::vector tasks{sleeper(150ms, 3), sleeper(10ms, 1), sleeper(10ms, 2)};
        const auto start = weft::clock::now();
        std::vector<int> values;
        for (auto& t : weft::as_completed(tasks)) {
            CHECK(t.done());
            values.push_back(t.result());
            CHECK(t.core() == tasks[static_cast<std::size_t>(t.result() % 3)].core());
        }
        CHECK(values == std::vector{1, 2, 3});
        CHECK(weft::clock::now() - start == 150ms);
    });
    over_workers([] {
        std::vector<weft::task<int>> tasks;
        for (int i = 0; i < 50; ++i)
            tasks.push_back(sleeper(std::chrono::microseconds(i * 7 % 50), i));
        int sum = 0, count = 0;
        for (auto& t : weft::as_completed(tasks)) {
            sum += t.result();
            ++count;
        }
        CHECK(count == 50);
        CHECK(sum == 49 * 50 / 2);
        std::vector<weft::task<int>> none;
        for (auto& t : weft::as_completed(none)) CHECK(t.done() == false);
    });
}

TEST_CASE("ASC-02: after the limit the step throws, says how many are left, and cancels nobody",
          "[task]") {
    in_virtual_time([] {
        std::vector tasks{sleeper(1s, 1), sleeper(2s, 2), sleeper(1h, 3), sleeper(1h, 4)};
        std::vector<int> values;
        std::string message;
        try {
            for (auto& t : weft::as_completed(tasks, {.timeout = 3s})) values.push_back(t.result());
        } catch (const weft::timeout_error& e) { message = e.what(); }
        CHECK(values == std::vector{1, 2});
        CHECK(message == "weft::as_completed: 2 (of 4) futures unfinished");
        CHECK(weft::await(tasks[2]) == 3);
        CHECK(weft::await(tasks[3]) == 4);
    });
}

TEST_CASE("ASC-03: a future that is given twice comes once; failures come as what they are",
          "[task]") {
    in_virtual_time([] {
        auto bad = weft::create_task([]() -> int { throw std::runtime_error("x"); });
        std::vector tasks{sleeper(1s, 1), bad};
        tasks.push_back(tasks[0]);
        int count = 0, failed = 0;
        for (auto& t : weft::as_completed(tasks)) {
            ++count;
            try {
                t.result();
            } catch (const std::runtime_error&) { ++failed; }
        }
        CHECK(count == 2);
        CHECK(failed == 1);
    });
}

TEST_CASE("ASC-05: after a break the rest follows; of several consumers each gets others",
          "[task]") {
    over_workers([] {
        std::vector<weft::task<int>> tasks;
        for (int i = 0; i < 20; ++i) tasks.push_back(sleeper(1ms, 1 << (i % 10)));
        auto all = weft::as_completed(tasks);
        std::atomic<int> count{0}, sum{0};
        for (auto& t : all) {
            sum += t.result();
            if (++count == 2) break;
        }
        std::vector<weft::task<void>> consumers;
        for (int i = 0; i < 3; ++i)
            consumers.push_back(weft::create_task([&, all]() mutable {
                for (auto& t : all) {
                    sum += t.result();
                    ++count;
                }
            }));
        weft::gather(consumers);
        CHECK(count == 20);
        CHECK(sum == 2 * 1023);
    });
}

TEST_CASE("a consumer that is cancelled takes nothing from the others", "[task]") {
    over_workers([] {
        std::vector tasks{sleeper(5ms, 1), sleeper(5ms, 2)};
        auto all = weft::as_completed(tasks);
        auto consumer = weft::create_task([all]() mutable { static_cast<void>(all.begin()); });
        weft::sleep_for(1ms);
        consumer.cancel();
        CHECK_THROWS_AS(weft::await(consumer), weft::cancelled_error);
        int count = 0;
        for (auto& t : all) count += t.done() ? 1 : 0;
        CHECK(count == 2);
    });
}

TEST_CASE("on a plain thread, too", "[task]") {
    weft::runtime rt({.workers = 2});
    std::vector<weft::task<int>> tasks;
    for (int i = 0; i < 5; ++i)
        tasks.push_back(rt.spawn([i] {
            weft::sleep_for(1ms);
            return i;
        }));
    int sum = 0;
    for (auto& t : weft::as_completed(tasks)) sum += t.result();
    CHECK(sum == 10);
}
