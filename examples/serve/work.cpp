// SPDX-License-Identifier: Apache-2.0
#include "work.hpp"

#include <time.h>

#include <algorithm>
#include <cerrno>

namespace serve {
namespace {

constexpr int k_unit_argument = 20;
constexpr int k_samples = 2000;

[[gnu::noinline]] std::uint64_t fibonacci(int n) {
    return n < 2 ? static_cast<std::uint64_t>(n) : fibonacci(n - 1) + fibonacci(n - 2);
}

} // namespace

void do_unit() {
    // volatile at both ends: the compiler can neither know the result beforehand nor drop it
    volatile int argument = k_unit_argument;
    [[maybe_unused]] volatile std::uint64_t result = fibonacci(argument);
}

std::chrono::nanoseconds measure_unit() {
    using clock = std::chrono::steady_clock;
    auto best = std::chrono::nanoseconds::max();
    for (int i = 0; i < k_samples; ++i) {
        const auto start = clock::now();
        do_unit();
        best = std::min<std::chrono::nanoseconds>(best, clock::now() - start);
    }
    return std::max(best, std::chrono::nanoseconds(1));
}

std::uint64_t units_in(std::chrono::nanoseconds cpu_time, std::chrono::nanoseconds unit) {
    if (cpu_time.count() <= 0) return 0;
    return std::max<std::uint64_t>(1, static_cast<std::uint64_t>(cpu_time / unit));
}

std::uint64_t spend(std::chrono::nanoseconds cpu_time, std::chrono::nanoseconds unit) {
    const std::uint64_t units = units_in(cpu_time, unit);
    for (std::uint64_t i = 0; i < units; ++i) do_unit();
    return units;
}

void call_quickly() {
    const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(1);
    while (std::chrono::steady_clock::now() < end) {}
}

void block(std::chrono::nanoseconds duration) {
    if (duration.count() <= 0) return;
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(duration);
    timespec left{static_cast<time_t>(seconds.count()),
                  static_cast<long>((duration - seconds).count())};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {}
}

} // namespace serve
