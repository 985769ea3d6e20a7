// SPDX-License-Identifier: Apache-2.0
// lock + unlock: alone, and by eight tasks at once. Floor: two locked operations on a word of one's own.
#include <atomic>

#include "support/measure.hpp"
#include "support/peers.hpp"

namespace {

constexpr std::int64_t k_rounds = 1'000'000, k_tasks = 8;

template <class Mutex>
std::int64_t rounds(Mutex& mutex, std::int64_t& counter, std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i) {
        mutex.lock();
        ++counter;
        mutex.unlock();
    }
    return n;
}

template <class Peer>
bench::sample alone() {
    typename Peer::mutex mutex;
    std::int64_t counter = 0;
    const std::int64_t start = bench::now_ns();
    rounds(mutex, counter, k_rounds);
    const double seconds = bench::seconds_since(start);
    bench::require(counter == k_rounds, "a round was lost");
    return {seconds};
}

template <class Peer>
bench::sample eight() {
    typename Peer::mutex mutex;
    typename Peer::group tasks(k_tasks);
    std::int64_t counter = 0;
    const std::int64_t start = bench::now_ns();
    for (std::int64_t t = 0; t < k_tasks; ++t)
        tasks.create([&] { rounds(mutex, counter, k_rounds / k_tasks); });
    tasks.join();
    const double seconds = bench::seconds_since(start);
    bench::require(counter == k_rounds, "the mutex let two in");
    return {seconds};
}

struct locked_operations {
    std::atomic<unsigned> word{0};
    void lock() { word.exchange(1, std::memory_order_acquire); }
    void unlock() { word.exchange(0, std::memory_order_release); }
};
struct floor : bench::floor_peer {
    using mutex = locked_operations;
};

[[maybe_unused]] const bool registered = bench::for_each_peer([]<class Peer> {
    if constexpr (requires { typename Peer::mutex; }) {
        bench::add<Peer>("mutex", 1, k_rounds, [] { return alone<Peer>(); });
        if constexpr (requires { typename Peer::group; })
            for (const unsigned workers : {1U, 2U})
                bench::add<Peer>("mutex_8", workers, k_rounds, [] { return eight<Peer>(); });
    }
    if constexpr (std::is_same_v<Peer, bench::weft_peer>)
        bench::add<floor>("mutex", 1, k_rounds, [] { return alone<floor>(); });
});

} // namespace
