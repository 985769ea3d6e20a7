// SPDX-License-Identifier: Apache-2.0
// Two producers and two consumers at one channel with room for 1024; one operation is an item's way through it.
#include <atomic>

#include "support/measure.hpp"
#include "support/peers.hpp"

namespace {

constexpr std::int64_t k_each = 200'000; // items of one producer

template <class Peer>
bench::sample two_and_two() {
    typename Peer::channel items(1024);
    typename Peer::group tasks(4);
    std::atomic<std::int64_t> sum{0};
    const std::int64_t start = bench::now_ns();
    for (int p = 0; p < 2; ++p)
        tasks.create([&] {
            for (std::int64_t i = 1; i <= k_each; ++i) items.send(i);
        });
    for (int c = 0; c < 2; ++c)
        tasks.create([&] {
            std::int64_t mine = 0;
            for (std::int64_t i = 0; i < k_each; ++i) mine += items.receive();
            sum.fetch_add(mine, std::memory_order_relaxed);
        });
    tasks.join();
    const double seconds = bench::seconds_since(start);
    bench::require(sum.load() == k_each * (k_each + 1), "items were lost");
    return {seconds};
}

[[maybe_unused]] const bool registered = bench::for_each_peer([]<class Peer> {
    if constexpr (requires { typename Peer::channel; })
        for (const unsigned workers : {1U, 2U})
            bench::add<Peer>("channel_2p2c", workers, 2 * k_each,
                             [] { return two_and_two<Peer>(); });
});

} // namespace
