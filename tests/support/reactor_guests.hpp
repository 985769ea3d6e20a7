// SPDX-License-Identifier: Apache-2.0
// Those who wait in a worker's reactor, and are served only if somebody drives it.
#pragma once

#include <atomic>

#include "support/party.hpp"
#include "support/watched_pair.hpp"

namespace weft::testing {

/// Two fibers: one waits for a byte from a socket, the other for a timer.
class reactor_guests {
public:
    explicit reactor_guests(party& p) : party_(p), sockets_(p.sched) {}

    /// On a fiber: its worker's reactor has both when this returns, unless the timer has expired already.
    void settle() {
        sockets_.watch();
        party_.spawn([this] { received_ = sockets_.receive() == k_byte; });
        party_.spawn([this] {
            bell never;
            never.wait(time_now() + 1'000'000);
            expired_ = true;
        });
        detail::yield_now();
    }
    void send() { sockets_.send(k_byte); }
    [[nodiscard]] bool are_served() const { return received_ && expired_; }

private:
    static constexpr char k_byte = 'x';
    static detail::deadline_ns time_now() { return detail::time_source::monotonic_now(); }
    party& party_;
    watched_pair sockets_;
    std::atomic<bool> received_{false}, expired_{false};
};

} // namespace weft::testing
