// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <string>

namespace serve {

/// The counters of one route. `record` may be called by any number of threads at once; it takes no lock.
class alignas(64) route_stats { // a cache line of its own: busy routes don't slow each other down
public:
    explicit route_stats(std::string route) : route_(std::move(route)) {}

    /// An answer with this status, this long after the request had been read.
    void record(unsigned status, std::chrono::nanoseconds took);

    /// A request that got no answer, because the server stopped or the client left.
    void record_abandoned() { abandoned_.fetch_add(1, std::memory_order_relaxed); }

private:
    friend class stats;

    // Upper ends in seconds, as Prometheus' client libraries choose them, from 100 µs to 10 s. The last bucket is +Inf.
    static constexpr std::array k_bounds{.0001, .00025, .0005, .001, .0025, .005, .01, .025,
                                         .05,   .1,     .25,   .5,   1.,    2.5,  5.,  10.};
    using counter = std::atomic<std::uint64_t>;

    std::string route_;
    std::array<counter, k_bounds.size() + 1> buckets_{};
    counter nanoseconds_{};
    counter client_errors_{};
    counter server_errors_{};
    counter abandoned_{};
};

/// The server's own counters, by route.
class stats {
public:
    /// Routes are added while the server is set up, before it serves; the reference stays good.
    route_stats& add(std::string route) { return routes_.emplace_back(std::move(route)); }

    /// In Prometheus' text format.
    [[nodiscard]] std::string prometheus_text() const;

private:
    std::deque<route_stats> routes_;
};

} // namespace serve
