// SPDX-License-Identifier: Apache-2.0
// A plain thread ends a task's wait while the task's workers sleep: from before the wake to the task's next instruction.
// Floor: a thread asleep in the futex system call.
//   p50, p99   of one run's wakes; cpus: how many all threads kept busy
#include <atomic>
#include <deque>
#include <thread>

#include "support/measure.hpp"
#include "support/peers.hpp"

namespace {

constexpr std::int64_t k_wakes = 1000;
constexpr auto k_fall_asleep = std::chrono::microseconds(300);

/// wait(i) in the caller, wake(i) on another thread, for each i.
template <class Wait, class Wake>
bench::sample wakes(Wait wait, Wake wake) {
    std::atomic<std::int64_t> waiting{-1}, sent{0}, wakes_sent{0};
    std::int64_t early = 0;
    std::vector<std::int64_t> took(k_wakes, -1);
    const double cpu = bench::cpu_seconds();
    const std::int64_t start = bench::now_ns();
    std::thread other([&] {
        for (std::int64_t i = 0; i < k_wakes; ++i) {
            while (waiting.load(std::memory_order_acquire) != i)
                std::this_thread::sleep_for(std::chrono::microseconds(20));
            std::this_thread::sleep_for(k_fall_asleep);
            sent.store(bench::now_ns(), std::memory_order_relaxed);
            wakes_sent.store(i + 1, std::memory_order_release);
            wake(i);
        }
    });
    for (std::int64_t i = 0; i < k_wakes; ++i) {
        waiting.store(i, std::memory_order_release);
        wait(i);
        early += wakes_sent.load(std::memory_order_acquire) != i + 1;
        took[static_cast<std::size_t>(i)] = bench::now_ns() - sent.load(std::memory_order_relaxed);
    }
    const double wall = bench::seconds_since(start);
    const double used = bench::cpu_seconds() - cpu;
    other.join();
    bench::require(early == 0, "a wait ended before its wake");
    const double p50 = bench::percentile(took, 0.5) * 1e-9;
    return {p50 * static_cast<double>(k_wakes),
            {{"p50", p50}, {"p99", bench::percentile(took, 0.99) * 1e-9}, {"cpus", used / wall}}};
}

template <class Peer>
bench::sample by_gate() {
    std::deque<typename Peer::gate> gates(k_wakes);
    return wakes([&](std::int64_t i) { gates[static_cast<std::size_t>(i)].wait(); },
                 [&](std::int64_t i) { gates[static_cast<std::size_t>(i)].set(); });
}

bench::sample by_futex() {
    std::atomic<std::uint32_t> word{0};
    return wakes(
        [&](std::int64_t i) { bench::futex_sleep(word, static_cast<std::uint32_t>(i)); },
        [&](std::int64_t i) { bench::futex_wake_one(word, static_cast<std::uint32_t>(i) + 1); });
}

[[maybe_unused]] const bool registered = bench::for_each_peer([]<class Peer> {
    if constexpr (requires { typename Peer::gate; })
        for (const unsigned workers : {1U, 2U})
            bench::add<Peer>(
                "wake", workers, k_wakes, [] { return by_gate<Peer>(); }, bench::repeat::once);
    if constexpr (std::is_same_v<Peer, bench::weft_peer>)
        bench::add<bench::floor_peer>("wake", 1, k_wakes, by_futex, bench::repeat::once);
});

} // namespace
