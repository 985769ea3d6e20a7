// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>

#include <weft/base/spin_lock.hpp>

#include "reactor/operation.hpp"

namespace weft::detail {

/// The slots of one runtime; their memory stays slots' until the pool goes. Thread-safe.
class slot_pool {
public:
    /// Nobody has asked the kernel about fd yet: both directions count as ready.
    io_slot* take(int fd);
    /// The slot's events are stale from here on.
    void put(io_slot* slot) noexcept;

    /// backend::close, if the slot's reactor still lives; else nobody waits.
    void close(io_slot& slot) noexcept;
    /// Detaches the slot from its reactor, if that still lives, and puts it back. Sockets may outlive the runtime.
    void release(io_slot* slot) noexcept;
    /// The reactors are about to end: on return nobody touches one through this pool any more.
    void retire() noexcept;

private:
    /// Calls f(backend&) unless the reactors have ended or are about to.
    template <class F>
    void with_kernel_of(io_slot& slot, F f) noexcept;

    spin_lock lock_;
    std::deque<io_slot> all_;
    io_slot* free_ = nullptr;
    std::atomic<unsigned> users_{0}; // of reactors, this moment
    std::atomic<bool> retired_{false};
};

} // namespace weft::detail
