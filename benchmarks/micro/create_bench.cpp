// SPDX-License-Identifier: Apache-2.0
// Tasks that do nothing: one at a time, and very many at once.
#include <memory>

#include "support/measure.hpp"
#include "support/peers.hpp"

namespace {

constexpr std::int64_t k_many = 100'000;

template <class Peer>
bench::sample one_at_a_time(std::int64_t n) {
    typename Peer::one_by_one run;
    std::int64_t ran = 0;
    const std::int64_t start = bench::now_ns();
    for (std::int64_t i = 0; i < n; ++i) run([&ran] { ++ran; });
    const double seconds = bench::seconds_since(start);
    bench::require(ran == n, "a task did not run");
    return {seconds};
}

template <class Peer>
bench::sample many() {
    std::vector<unsigned char> ran(k_many); // one each: nothing shared is written
    const std::int64_t start = bench::now_ns();
    {
        typename Peer::group tasks(k_many);
        for (std::int64_t i = 0; i < k_many; ++i)
            tasks.create([mark = &ran[static_cast<std::size_t>(i)]] { *mark = 1; });
        tasks.join();
    }
    const double seconds = bench::seconds_since(start);
    bench::require(std::count(ran.begin(), ran.end(), 1) == k_many, "a task did not run");
    return {seconds};
}

/// What a task can't do without: a block of memory, and two jumps to another stack and back.
bench::sample block_and_jumps(std::int64_t n) {
    constexpr std::size_t k_block = 256;
    static auto* const ring = new bench::bare_ring(2);
    const std::int64_t before = ring->turns();
    const std::int64_t start = bench::now_ns();
    for (std::int64_t i = 0; i < n; ++i) {
        auto block = std::make_unique_for_overwrite<std::byte[]>(k_block);
        benchmark::DoNotOptimize(block.get()); // otherwise the allocation may go
        ring->turn(1);
    }
    const double seconds = bench::seconds_since(start);
    bench::require(ring->turns() - before == n, "not all jumps were done");
    return {seconds};
}

[[maybe_unused]] const bool registered = bench::for_each_peer([]<class Peer> {
    const std::int64_t n = std::is_same_v<Peer, bench::threads_peer> ? 500 : 50'000;
    for (const unsigned workers : {1U, 2U}) {
        if (workers == 2 && std::is_same_v<Peer, bench::threads_peer>) continue;
        bench::add<Peer>("create_await", workers, n, [=] { return one_at_a_time<Peer>(n); });
        if constexpr (requires { typename Peer::group; })
            bench::add<Peer>("create_100k", workers, k_many, [] { return many<Peer>(); });
    }
    if constexpr (std::is_same_v<Peer, bench::weft_peer>)
        bench::add<bench::floor_peer>("create_await", 1, n, [=] { return block_and_jumps(n); });
});

} // namespace
