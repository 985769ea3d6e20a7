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

TEST_CASE("metrics: any thread may ask a runtime it holds, but nobody without one", "[observe]") {
    weft::testing::leak_fixture nothing_leaks;
    weft::runtime rt({.workers = 2});
    CHECK(weft::metrics(rt).workers == 2);
    CHECK(weft::metrics(rt).live_tasks == 0);
    CHECK_THROWS_AS(weft::metrics(), std::logic_error);
    CHECK_THROWS_AS(weft::metrics_text(), std::logic_error);
}
