// SPDX-License-Identifier: Apache-2.0
#include "work.hpp"

#include <time.h>

#include <catch2/catch.hpp>

using namespace serve;
using namespace std::chrono_literals;

namespace {

std::chrono::nanoseconds thread_cpu_time() {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec);
}

} // namespace

TEST_CASE("work takes about the CPU time asked for", "[serve]") {
    const auto unit = measure_unit();
    REQUIRE(unit > 1us);
    const auto start = thread_cpu_time();
    const std::uint64_t units = spend(50ms, unit);
    const auto spent = thread_cpu_time() - start;
    REQUIRE(units == units_in(50ms, unit));
    REQUIRE(spent > 25ms); // wide limits: the unit's price varies with clock rate and caches
    REQUIRE(spent < 200ms);
}

TEST_CASE("the number of units is never none for some work, and none for none", "[serve]") {
    REQUIRE(units_in(0ms, 20us) == 0);
    REQUIRE(units_in(-5ms, 20us) == 0);
    REQUIRE(units_in(1ns, 20us) == 1);
    REQUIRE(units_in(20ms, 20us) == 1000);
}

TEST_CASE("a quick call takes a microsecond of computing", "[serve]") {
    const auto cpu = thread_cpu_time();
    for (int i = 0; i < 10'000; ++i) call_quickly();
    REQUIRE(thread_cpu_time() - cpu >
            2ms); // it may be interrupted meanwhile, and then takes less of it
}

TEST_CASE("blocking lasts, and costs no CPU time", "[serve]") {
    const auto start = std::chrono::steady_clock::now();
    const auto cpu = thread_cpu_time();
    block(20ms);
    REQUIRE(std::chrono::steady_clock::now() - start >= 20ms);
    REQUIRE(thread_cpu_time() - cpu < 10ms);
    block(-1s);
}
