// SPDX-License-Identifier: Apache-2.0
#include <thread>

#include "support/runtimes.hpp"

using namespace std::chrono_literals;

TEST_CASE("metrics: tasks are counted while they live, steps only grow", "[observe]") {
    weft::testing::over_workers([] {
        const auto before = weft::metrics();
        CHECK(before.live_tasks == 1);
        CHECK(before.workers >= 1);
        std::vector<weft::task<void>> tasks;
        for (int i = 0; i < 10; ++i)
            tasks.push_back(weft::create_task([] { weft::sleep_for(1h); }));
        CHECK(weft::metrics().live_tasks == 11);
        weft::yield();
        for (auto& t : tasks) t.cancel();
        for (auto& t : tasks) CHECK_THROWS_AS(weft::await(t), weft::cancelled_error);
        CHECK(weft::metrics().switches > before.switches);
    });
}

TEST_CASE("metrics: a task has a stack from its first step to its end", "[observe]") {
    weft::testing::over_workers([] {
        const std::size_t before = weft::metrics().live_stacks;
        CHECK(before >= 1); // ours
        weft::latch begun(11);
        std::vector<weft::task<void>> tasks;
        for (int i = 0; i < 11; ++i)
            tasks.push_back(weft::create_task({.stack_size = i == 0 ? 1U << 20 : 0}, [&] {
                begun.count_down();
                weft::sleep_for(1h);
            }));
        begun.wait();
        CHECK(weft::metrics().live_stacks >= before + 11);
        for (auto& t : tasks) t.cancel();
        for (auto& t : tasks) CHECK_THROWS_AS(weft::await(t), weft::cancelled_error);
        // A stack goes back a moment after its task has ended.
        while (weft::metrics().live_stacks > before) weft::yield();
    });
}

TEST_CASE("metrics: the text has a type and a value for each number", "[observe]") {
    weft::testing::over_workers([] {
        const std::string text = weft::metrics_text();
        CHECK_THAT(text, Catch::Contains("# TYPE weft_live_tasks gauge\nweft_live_tasks 1\n"));
        CHECK_THAT(text,
                   Catch::Contains("# TYPE weft_switches_total counter\nweft_switches_total "));
        CHECK_THAT(text, Catch::Contains("\nweft_workers "));
        CHECK(text.back() == '\n');
    });
}

TEST_CASE("metrics: tell how long tasks wait for their turn", "[observe]") {
    weft::testing::leak_fixture nothing_leaks;
    weft::run({.workers = 1}, [] {
        const auto busy_before_the_others = [](std::chrono::milliseconds t) {
            const auto until = std::chrono::steady_clock::now() + t;
            while (std::chrono::steady_clock::now() < until) {}
        };
        std::vector<weft::task<void>> tasks;
        for (int i = 0; i < 1000; ++i) tasks.push_back(weft::create_task([] {}));
        busy_before_the_others(20ms);
        for (auto& t : tasks) weft::await(t);
        const auto m = weft::metrics();
        CHECK(m.schedule_latency.samples >= 1000 / 61);
        CHECK(m.schedule_latency.p99 >= m.schedule_latency.p50);
        CHECK(m.schedule_latency.p999 >=
              500us); // the spare that took over came after a step of the monitor
        CHECK(m.worker_latency.size() == m.workers + m.spares);
        const std::string text = weft::metrics_text();
        CHECK_THAT(text, Catch::Contains(
                             "weft_schedule_latency_seconds{worker=\"all\",quantile=\"0.99\"} 0."));
        CHECK_THAT(text, Catch::Contains("# TYPE weft_slow_tasks_total counter"));
    });
}

TEST_CASE("metrics: who runs as soon as it is ready has waited for no time, not for minutes",
          "[observe]") {
    weft::testing::over_workers([] {
        for (int i = 0; i < 20'000; ++i) weft::await(weft::create_task([] {}));
        CHECK(weft::metrics().schedule_latency.p999 < 60s);
    });
}

TEST_CASE(
    "metrics: wakes are of workers asleep, one for a task from outside, none for who is awake",
    "[observe]") {
    weft::testing::leak_fixture nothing_leaks;
    weft::runtime rt({.workers = 1});
    const auto until_asleep = [&] {
        while (weft::metrics(rt).sleeping_workers != 1) std::this_thread::yield();
        // It counts as asleep a moment before its thread is: then a wake needs no call.
        std::this_thread::sleep_for(20ms);
    };
    const auto from_outside = [&](auto body) {
        until_asleep();
        const std::uint64_t before = weft::metrics(rt).wakes;
        rt.spawn(body).get();
        return weft::metrics(rt).wakes - before;
    };
    CHECK(from_outside([] {}) <= 1);
    CHECK(from_outside([] {
              for (int i = 0; i < 1000; ++i) weft::await(weft::create_task([] { weft::yield(); }));
          }) <= 1);
    std::uint64_t all = 0;
    for (int i = 0; i < 10; ++i) all += from_outside([] {});
    CHECK(all >= 1);
    CHECK(all <= 10);
    CHECK_THAT(rt.block_on([] { return weft::metrics_text(); }),
               Catch::Contains("# TYPE weft_wakes_total counter"));
}

TEST_CASE("metrics: any thread may ask a runtime it holds, but nobody without one", "[observe]") {
    weft::testing::leak_fixture nothing_leaks;
    weft::runtime rt({.workers = 2});
    CHECK(weft::metrics(rt).workers == 2);
    CHECK(weft::metrics(rt).live_tasks == 0);
    CHECK_THROWS_AS(weft::metrics(), std::logic_error);
    CHECK_THROWS_AS(weft::metrics_text(), std::logic_error);
}
