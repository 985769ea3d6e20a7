// SPDX-License-Identifier: Apache-2.0
// Two tasks that wake each other in turn; one operation is there and back.
//   ping_pong         two channels of capacity 0
//   ping_pong_result  two promises per round trip
//   ping_pong_wake    the bare suspension below both (ours only); for threads, two futexes
// Floor: two bare jumps between two stacks.
#include <memory>

#include <weft/sched/suspend.hpp>

#include "support/measure.hpp"
#include "support/peers.hpp"

namespace {

constexpr std::int64_t k_trips = 50'000;

/// Runs ask() and answer() as two tasks; answer's sum tells that each message came.
template <class Peer, class Ask, class Answer>
bench::sample two_tasks(Ask ask, Answer answer) {
    std::int64_t received = 0;
    typename Peer::group pair(2);
    const std::int64_t start = bench::now_ns();
    pair.create([&] { received = answer(); });
    pair.create([&] { ask(); });
    pair.join();
    const double seconds = bench::seconds_since(start);
    bench::require(received == k_trips * (k_trips + 1) / 2, "messages were lost");
    return {seconds};
}

template <class Peer>
bench::sample by_channels() {
    typename Peer::channel there(0), back(0);
    return two_tasks<Peer>(
        [&] {
            for (std::int64_t i = 1; i <= k_trips; ++i) {
                there.send(i);
                bench::require(back.receive() == i, "the wrong answer");
            }
        },
        [&] {
            std::int64_t sum = 0;
            for (std::int64_t i = 1; i <= k_trips; ++i) {
                const std::int64_t got = there.receive();
                sum += got;
                back.send(got);
            }
            return sum;
        });
}

template <class Peer>
bench::sample by_results() {
    using result = typename Peer::result;
    struct round_trip {
        result there, back;
    };
    // Each one lies with who waits for it, until both are done with it.
    std::vector<round_trip> trips(static_cast<std::size_t>(k_trips));
    return two_tasks<Peer>(
        [&] {
            std::int64_t i = 0;
            for (auto& t : trips) {
                t.there.set(++i);
                bench::require(t.back.get() == i, "the wrong answer");
            }
        },
        [&] {
            std::int64_t sum = 0;
            for (auto& t : trips) {
                const std::int64_t got = t.there.get();
                sum += got;
                t.back.set(got);
            }
            return sum;
        });
}

/// A place where one task waits for another, on one worker: no lock, just the suspension.
class spot {
public:
    void wait() {
        if (std::exchange(set_, false)) return;
        weft::detail::wait w;
        if (!w.begin()) w.throw_cancelled();
        who_ = w.self();
        w.park();
        set_ = false;
    }
    void wake() {
        set_ = true;
        if (who_.who != nullptr) std::exchange(who_, {}).wake();
    }

private:
    bool set_ = false;
    weft::detail::waker who_;
};

bench::sample by_suspension() {
    spot there, back;
    return two_tasks<bench::weft_peer>(
        [&] {
            for (std::int64_t i = 1; i <= k_trips; ++i) {
                there.wake();
                back.wait();
            }
        },
        [&] {
            std::int64_t sum = 0;
            for (std::int64_t i = 1; i <= k_trips; ++i) {
                there.wait();
                sum += i;
                back.wake();
            }
            return sum;
        });
}

bench::sample by_futexes() {
    std::atomic<std::uint32_t> there{0}, back{0};
    constexpr std::uint32_t k_futex_trips = k_trips / 10; // tens of times slower
    std::int64_t received = 0;
    const std::int64_t start = bench::now_ns();
    std::thread answers([&] {
        for (std::uint32_t i = 1; i <= k_futex_trips; ++i) {
            bench::futex_sleep(there, i - 1);
            ++received;
            bench::futex_wake_one(back, i);
        }
    });
    for (std::uint32_t i = 1; i <= k_futex_trips; ++i) {
        bench::futex_wake_one(there, i);
        bench::futex_sleep(back, i - 1);
    }
    answers.join();
    const double seconds = bench::seconds_since(start);
    bench::require(received == k_futex_trips, "messages were lost");
    return {seconds * 10};
}

bench::sample two_jumps() {
    static auto* const ring = new bench::bare_ring(2);
    const std::int64_t before = ring->turns();
    const std::int64_t start = bench::now_ns();
    ring->turn(k_trips);
    const double seconds = bench::seconds_since(start);
    bench::require(ring->turns() - before == k_trips, "not all jumps were done");
    return {seconds};
}

[[maybe_unused]] const bool registered = bench::for_each_peer([]<class Peer> {
    for (const unsigned workers : {1U, 2U}) {
        if constexpr (requires { typename Peer::channel; })
            bench::add<Peer>("ping_pong", workers, k_trips, [] { return by_channels<Peer>(); });
        if constexpr (requires { typename Peer::result; })
            bench::add<Peer>("ping_pong_result", workers, k_trips,
                             [] { return by_results<Peer>(); });
    }
    if constexpr (std::is_same_v<Peer, bench::weft_peer>) {
        bench::add<Peer>("ping_pong_wake", 1, k_trips, by_suspension);
        for (const char* workload : {"ping_pong", "ping_pong_result", "ping_pong_wake"})
            bench::add<bench::floor_peer>(workload, 1, k_trips, two_jumps);
    }
    if constexpr (std::is_same_v<Peer, bench::threads_peer>)
        bench::add<Peer>("ping_pong_wake", 1, k_trips, by_futexes);
});

} // namespace
