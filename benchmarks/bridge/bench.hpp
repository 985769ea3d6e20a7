// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace bench {

inline double now_us() {
    return std::chrono::duration<double, std::micro>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

inline double cpu_us() {
    rusage u{};
    getrusage(RUSAGE_SELF, &u);
    const auto us = [](const timeval& t) {
        return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_usec);
    };
    return us(u.ru_utime) + us(u.ru_stime);
}

inline double median(std::vector<double> v) {
    std::ranges::nth_element(v, v.begin() + static_cast<std::ptrdiff_t>(v.size() / 2));
    return v[v.size() / 2];
}
inline double percentile(std::vector<double> v, double p) {
    std::ranges::sort(v);
    return v[std::min(v.size() - 1, static_cast<std::size_t>(p * static_cast<double>(v.size())))];
}

/// The median of the times of n single operations.
template <class F>
double median_of_each(int n, F f) {
    std::vector<double> times;
    for (int i = 0; i < n; ++i) {
        const double begin = now_us();
        f();
        times.push_back(now_us() - begin);
    }
    return median(std::move(times));
}

constexpr int k_rounds = 5;

/// Microseconds of a round trip, median of n.
double floor_eventfd(int n);
double floor_socketpair(std::size_t bytes, int n);

void threads_rtt();
void threads_flood();
void threads_storm();
void processes_rtt();
void processes_flood();
void processes_start();

} // namespace bench
