// SPDX-License-Identifier: Apache-2.0
// What it costs that no core is hostage to one task.
//   blocking         one announced call that turns out quick; _queued: with 1000 tasks ready behind it
//   nanosleep_1000   1000 tasks that each sleep 10 ms in the kernel, unannounced, at once; late_p99: of a ticker beside them
//   busy             a second of computing in turns; monitor: the cores that the monitor's thread takes
//   load_returns     a crowd of 1000 tasks of 10 us after 50 ms of nothing; warm: the same right after; wakes: of sleeping workers
//   idle             a second of nothing; cpus: the cores that the process takes
#include <dirent.h>
#include <time.h>

#include <atomic>
#include <thread>

#include "support/measure.hpp"
#include "support/peers.hpp"

namespace {

using namespace std::chrono_literals;

constexpr std::int64_t k_calls = 1'000'000, k_sleepers = 1000;

void nap(std::chrono::nanoseconds d) {
    const timespec t{0, static_cast<long>(d.count())};
    nanosleep(&t, nullptr);
}

bench::sample announced_calls(std::int64_t ready) {
    std::atomic<std::int64_t> ran{0};
    bench::weft_peer::group behind(static_cast<std::size_t>(ready));
    for (std::int64_t i = 0; i < ready; ++i) behind.create([&] { ++ran; });
    std::int64_t sum = 0;
    const std::int64_t start = bench::now_ns();
    for (std::int64_t i = 0; i < k_calls; ++i) weft::blocking([&] { sum += i; });
    const double seconds = bench::seconds_since(start);
    behind.join();
    bench::require(sum == k_calls * (k_calls - 1) / 2 && ran == ready, "a call was lost");
    return {seconds};
}

/// The CPU time of this process's thread of that name, in seconds.
double cpu_of_thread(const std::string& name) {
    double found = -1;
    DIR* threads = opendir("/proc/self/task");
    while (const dirent* entry = threads != nullptr ? readdir(threads) : nullptr) {
        const std::string folder = std::string("/proc/self/task/") + entry->d_name;
        char comm[32] = "";
        long long ns = 0;
        if (std::FILE* f = std::fopen((folder + "/comm").c_str(), "re")) {
            if (std::fscanf(f, "%31s", comm) != 1) comm[0] = 0;
            std::fclose(f);
        }
        if (name != comm) continue;
        if (std::FILE* f = std::fopen((folder + "/schedstat").c_str(), "re")) {
            if (std::fscanf(f, "%lld", &ns) == 1) found = static_cast<double>(ns) * 1e-9;
            std::fclose(f);
        }
    }
    if (threads != nullptr) closedir(threads);
    return found;
}

bench::sample many_naps() {
    std::vector<std::int64_t> late;
    std::atomic<bool> over{false};
    auto ticker = weft::create_task([&] {
        while (!over) {
            const std::int64_t asked = bench::now_ns() + 1'000'000;
            weft::sleep_for(1ms);
            late.push_back(bench::now_ns() - asked);
        }
    });
    weft::yield();
    bench::weft_peer::group naps(k_sleepers);
    const std::int64_t start = bench::now_ns();
    for (std::int64_t i = 0; i < k_sleepers; ++i) naps.create([] { nap(10ms); });
    naps.join();
    const double seconds = bench::seconds_since(start);
    over = true;
    weft::await(ticker);
    return {seconds, {{"total", seconds}, {"late_p99", bench::percentile(late, 0.99) * 1e-9}}};
}

bench::sample many_threads() {
    std::vector<std::jthread> naps;
    const std::int64_t start = bench::now_ns();
    for (std::int64_t i = 0; i < k_sleepers; ++i) naps.emplace_back([] { nap(10ms); });
    naps.clear();
    return {bench::seconds_since(start)};
}

bench::sample busy_second(unsigned workers) {
    bench::weft_peer::group tasks(workers);
    double before = -1;
    while (before < 0)
        before = cpu_of_thread("weft-monitor"); // a thread's name comes after its start
    const std::int64_t start = bench::now_ns();
    for (unsigned i = 0; i < workers; ++i)
        tasks.create([start] {
            while (bench::seconds_since(start) < 1) weft::yield();
        });
    tasks.join();
    const double seconds = bench::seconds_since(start);
    const double used = cpu_of_thread("weft-monitor") - before;
    return {seconds, {{"monitor", used / seconds}}};
}

/// Until all of a crowd have computed.
double crowd_of_short_tasks() {
    bench::weft_peer::group crowd(k_sleepers);
    const std::int64_t start = bench::now_ns();
    for (std::int64_t i = 0; i < k_sleepers; ++i)
        crowd.create([] {
            const std::int64_t end = bench::now_ns() + 10'000;
            while (bench::now_ns() < end) {}
        });
    crowd.join();
    return bench::seconds_since(start);
}

bench::sample load_returns() {
    crowd_of_short_tasks();
    const double warm = crowd_of_short_tasks();
    weft::sleep_for(50ms); // all sleep, and the monitor dozes
    const auto before = weft::metrics().wakes;
    const double cold = crowd_of_short_tasks();
    const auto wakes = static_cast<double>(weft::metrics().wakes - before);
    return {cold, {{"warm", warm}, {"wakes", wakes}}};
}

bench::sample idle_second() {
    weft::sleep_for(100ms); // all have found out that there is nothing to do
    const double before = bench::cpu_seconds();
    const std::int64_t start = bench::now_ns();
    weft::sleep_for(1s);
    const double seconds = bench::seconds_since(start);
    return {seconds, {{"cpus", (bench::cpu_seconds() - before) / seconds}}};
}

[[maybe_unused]] const bool registered = [] {
    using weft = bench::weft_peer;
    bench::add<weft>("blocking", 1, k_calls, [] { return announced_calls(0); });
    bench::add<weft>("blocking_queued", 1, k_calls, [] { return announced_calls(1000); });
    for (const unsigned workers : {1U, 2U}) {
        bench::add<weft>("nanosleep_1000", workers, k_sleepers, many_naps, bench::repeat::once);
        bench::add<weft>(
            "busy", workers, 1, [workers] { return busy_second(workers); }, bench::repeat::once);
        bench::add<weft>("load_returns", workers, k_sleepers, load_returns, bench::repeat::once);
    }
    bench::add<weft>("idle", 64, 1, idle_second, bench::repeat::once);
    bench::add<bench::threads_peer>("nanosleep_1000", 2, k_sleepers, many_threads,
                                    bench::repeat::once);
    return true;
}();

} // namespace
