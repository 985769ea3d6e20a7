// SPDX-License-Identifier: Apache-2.0
// Giving way to the tasks that are ready. Floor: as many bare stacks that jump to each other in turn.
#include <atomic>

#include "support/measure.hpp"
#include "support/peers.hpp"

namespace {

constexpr std::int64_t k_yields = 400'000;

template <class Peer>
bench::sample yields(std::int64_t ready, bool check_turns) {
    const std::int64_t each = k_yields / ready;
    typename Peer::gate go;
    typename Peer::group tasks(static_cast<std::size_t>(ready));
    std::atomic<std::int64_t> waiting{0}, done{0}, changes{0};
    std::atomic<std::int64_t> last{-1};
    for (std::int64_t me = 0; me < ready; ++me)
        tasks.create([&, me] {
            waiting.fetch_add(1, std::memory_order_relaxed);
            go.wait();
            std::int64_t mine = 0, others_ran = 0;
            for (std::int64_t i = 0; i < each; ++i) {
                Peer::yield();
                ++mine;
                if (check_turns && last.exchange(me, std::memory_order_relaxed) != me) ++others_ran;
            }
            done.fetch_add(mine, std::memory_order_relaxed);
            changes.fetch_add(others_ran, std::memory_order_relaxed);
        });
    while (waiting.load(std::memory_order_relaxed) != ready) Peer::yield();
    const std::int64_t start = bench::now_ns();
    go.set();
    tasks.join();
    const double seconds = bench::seconds_since(start);
    bench::require(done.load() == each * ready, "not all yields were done");
    // More than one core may run the same task several times in a row while another one's queue is short.
    bench::require(!check_turns || ready == 1 || changes.load() > each * ready / 2,
                   "yield does not let the others run");
    return {seconds};
}

bench::sample jumps(std::int64_t stacks) {
    static bench::bare_ring* const rings[] = {new bench::bare_ring(2), new bench::bare_ring(1000)};
    bench::bare_ring& ring = *rings[stacks == 2 ? 0 : 1];
    const std::int64_t each = k_yields / stacks, before = ring.turns();
    const std::int64_t start = bench::now_ns();
    ring.turn(each);
    const double seconds = bench::seconds_since(start);
    bench::require(ring.turns() - before == each, "not all jumps were done");
    return {seconds};
}

[[maybe_unused]] const bool registered = bench::for_each_peer([]<class Peer> {
    if constexpr (requires {
                      typename Peer::gate;
                      Peer::yield();
                  })
        for (const std::int64_t ready : {1, 2, 1000})
            for (const unsigned workers : {1U, 2U}) {
                if (workers == 2 && ready != 1000) continue;
                auto first = std::make_shared<bool>(true); // that batch is not counted
                bench::add<Peer>("yield_" + std::to_string(ready), workers, k_yields,
                                 [=] { return yields<Peer>(ready, std::exchange(*first, false)); });
            }
    if constexpr (std::is_same_v<Peer, bench::weft_peer>)
        for (const std::int64_t stacks : {2, 1000})
            bench::add<bench::floor_peer>("yield_" + std::to_string(stacks), 1, k_yields,
                                          [=] { return jumps(stacks); });
});

} // namespace
