// SPDX-License-Identifier: Apache-2.0
// Clocks, process figures, and how a workload becomes a benchmark.
#pragma once

#include <benchmark/benchmark.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace bench {

inline std::int64_t now_ns() {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

inline double seconds_since(std::int64_t start) {
    return static_cast<double>(now_ns() - start) * 1e-9;
}

/// Of the whole process, user and system.
inline double cpu_seconds() {
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    const auto seconds = [](const timeval& t) {
        return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
    };
    return seconds(used.ru_utime) + seconds(used.ru_stime);
}

/// What the process occupies: resident pages and the page tables that map them.
inline double memory_bytes() {
    double sum = 0;
    std::FILE* file = std::fopen("/proc/self/status", "re");
    if (file == nullptr) throw std::runtime_error("no /proc/self/status");
    char line[256];
    double kib = 0;
    while (std::fgets(line, sizeof line, file) != nullptr)
        if (std::sscanf(line, "VmRSS: %lf kB", &kib) == 1 ||
            std::sscanf(line, "VmPTE: %lf kB", &kib) == 1)
            sum += kib * 1024;
    std::fclose(file);
    return sum;
}

/// Reorders `values`.
inline double percentile(std::vector<std::int64_t>& values, double part) {
    const auto at = std::min(values.size() - 1,
                             static_cast<std::size_t>(part * static_cast<double>(values.size())));
    std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(at),
                     values.end());
    return static_cast<double>(values[at]);
}

/// The work was not done, or not as it should be: the benchmark fails instead of giving a figure.
inline void require(bool done, const char* what) {
    if (!done) throw std::runtime_error(what);
}

/// What one batch took, and more figures of it (times in seconds).
struct sample {
    double seconds;
    std::vector<std::pair<const char*, double>> more = {};
};

/// How often a batch runs.
enum class repeat {
    for_a_while, // until Google Benchmark's minimum time is reached; the first batch is not counted
    once,        // big ones, whose first run is what is asked for
};

/// Registers <workload>/<Peer::name>/w<workers>: `batch` does `operations` of them, inside a task of Peer where it has tasks,
/// and gives the time it took. Reported as per_op, in seconds.
template <class Peer, class Batch>
void add(const std::string& workload, unsigned workers, std::int64_t operations, Batch batch,
         repeat how = repeat::for_a_while) {
    const std::string name = workload + "/" + Peer::name + "/w" + std::to_string(workers);
    auto body = [=](benchmark::State& state) {
        // Errors travel by hand: not every peer carries an exception from a task to its starter.
        std::exception_ptr error;
        auto root = [&] {
            try {
                if (how == repeat::for_a_while) static_cast<void>(batch());
                for (auto _ : state) {
                    const sample s = batch();
                    state.SetIterationTime(s.seconds);
                    for (const auto& [figure, value] : s.more) state.counters[figure] = value;
                }
            } catch (...) { error = std::current_exception(); }
        };
        try {
            Peer::run(workers, root);
            if (error) std::rethrow_exception(error);
        } catch (const std::exception& e) { state.SkipWithError(e.what()); } catch (...) {
            state.SkipWithError("not a std::exception");
        }
        state.counters["per_op"] = benchmark::Counter(
            static_cast<double>(operations),
            benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
    };
    auto* registered = benchmark::RegisterBenchmark(name.c_str(), body)->UseManualTime();
    registered->Unit(how == repeat::once ? benchmark::kSecond : benchmark::kMillisecond);
    if (how == repeat::once) registered->Iterations(1);
}

} // namespace bench
