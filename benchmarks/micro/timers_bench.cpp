// SPDX-License-Identifier: Apache-2.0
// Very many tasks, each asleep for a random time of up to a second; one operation is a task's life.
//   late_p50, late_p99   how much later than asked a task ran again
#include <random>

#include "support/measure.hpp"
#include "support/peers.hpp"

namespace {

template <class Peer>
bench::sample sleepers(std::int64_t n) {
    std::vector<std::int64_t> late(static_cast<std::size_t>(n), -1);
    std::minstd_rand random(1); // the same naps for everybody
    typename Peer::group tasks(static_cast<std::size_t>(n));
    const double cpu = bench::cpu_seconds();
    const std::int64_t start = bench::now_ns();
    for (auto& slot : late)
        tasks.create([&slot, nap = static_cast<std::int64_t>(random() % 1'000'000'000)] {
            const std::int64_t asleep = bench::now_ns();
            Peer::sleep_for(std::chrono::nanoseconds(nap));
            slot = bench::now_ns() - asleep - nap;
        });
    tasks.join();
    const double wall = bench::seconds_since(start);
    const double used = bench::cpu_seconds() - cpu;
    bench::require(*std::min_element(late.begin(), late.end()) >= 0, "a sleep was too short");
    return {wall,
            {{"cpu", used},
             {"late_p50", bench::percentile(late, 0.5) * 1e-9},
             {"late_p99", bench::percentile(late, 0.99) * 1e-9}}};
}

[[maybe_unused]] const bool registered = bench::for_each_peer([]<class Peer> {
    if constexpr (requires {
                      typename Peer::group;
                      Peer::sleep_for(std::chrono::nanoseconds(1));
                  })
        for (const unsigned workers : {1U, 2U}) {
            bench::add<Peer>(
                "timers_100k", workers, 100'000, [] { return sleepers<Peer>(100'000); },
                bench::repeat::once);
            bench::add<Peer>(
                "timers_1m", workers, 1'000'000, [] { return sleepers<Peer>(1'000'000); },
                bench::repeat::once);
        }
});

} // namespace
