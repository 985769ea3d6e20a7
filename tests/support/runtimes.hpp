// SPDX-License-Identifier: Apache-2.0
// Runs a body as the main task of runtimes with 1, 2 and 4 workers, or under virtual time.
#pragma once

#include <catch2/catch.hpp>
#include <weft/weft.hpp>

#include "support/leak_fixture.hpp"
#include "support/limits.hpp"

namespace weft::testing {

/// The body is the only one who checks while it runs, or does so after its tasks have ended: Catch2 is not thread-safe.
template <class Body>
void over_workers(Body body) {
    const unsigned workers = GENERATE(1U, 2U, 4U);
    CAPTURE(workers);
    leak_fixture nothing_leaks;
    weft::run({.workers = workers}, body);
}

/// One worker; time stands still while anything is ready and then jumps to the next deadline.
template <class Body>
void in_virtual_time(Body body) {
    leak_fixture nothing_leaks;
    weft::testing::run(0, body);
}

/// A count of tasks that are alive at a time: the thread sanitizer allows some thousands.
constexpr int many(int n) { return detail::k_tsan ? n / 20 : n; }

/// A task that gives a value after so long.
inline weft::task<int> sleeper(std::chrono::nanoseconds d, int value) {
    return weft::create_task([d, value] {
        weft::sleep_for(d);
        return value;
    });
}

/// A task whose body has begun when this returns.
template <class Body>
auto begun(Body body) {
    weft::event at_work;
    auto t = weft::create_task([&at_work, body = std::move(body)]() mutable {
        at_work.set();
        return body();
    });
    at_work.wait();
    return t;
}

/// Counts objects of a kind: what a test must leave at zero.
struct counted {
    static inline std::atomic<int> alive{0};
    counted() { ++alive; }
    counted(const counted&) { ++alive; }
    counted(counted&&) noexcept { ++alive; }
    counted& operator=(const counted&) = default;
    ~counted() { --alive; }
};

} // namespace weft::testing
