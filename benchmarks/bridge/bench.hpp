// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <utility>
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

constexpr int k_rounds = 7;

/// Figures of one kind by name, a value per round; the first one is what the others are compared with.
class table {
public:
    void add(const std::string& name, double value) {
        for (auto& [known, values] : rows_)
            if (known == name) return values.push_back(value);
        rows_.push_back({name, {value}});
    }
    void print(const char* title, const char* unit) const {
        std::printf("%s (%s; median, least and most of %d rounds, ratio to the first)\n", title,
                    unit, k_rounds);
        for (const auto& [name, values] : rows_)
            std::printf("  %-38s %10.2f  [%.2f, %.2f]  %.2f\n", name.c_str(), median(values),
                        std::ranges::min(values), std::ranges::max(values),
                        median(values) / median(rows_.front().second));
    }

private:
    std::vector<std::pair<std::string, std::vector<double>>> rows_;
};

/// Many calls at a time: millions a second, and microseconds of CPU for each.
struct flood {
    double rate, cpu;
};
template <class F>
flood flood_of(int calls, F f) {
    const double begin = now_us(), cpu = cpu_us();
    f();
    return {calls / (now_us() - begin), (cpu_us() - cpu) / calls};
}

struct thread_peer {
    const char* name;
    double (*round_trip)(int n); ///< microseconds, median of n
    flood (*flood_calls)(int threads, int calls, int in_flight);
};
std::vector<thread_peer> thread_peers();

/// Microseconds of a round trip, median of n.
double floor_eventfd(int n);
double floor_socketpair(std::size_t bytes, int n);
/// The bytes lie in shared memory: filled and read on both sides, and a message through a socket pair.
double floor_shared(std::size_t bytes, int n);

void threads_rtt();
void threads_flood();
void threads_storm();
void processes_rtt();
void processes_payload();
void processes_flood();
void processes_start();
void processes_death();

} // namespace bench
