// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>

#include <weft/base/spin_lock.hpp>

#include "reactor/operation.hpp"

namespace weft::detail {

/// The slots of one runtime; their memory stays slots' until the pool goes. Thread-safe.
class slot_pool {
public:
    io_slot* take(int fd);
    /// The slot's events are stale from here on.
    void put(io_slot* slot) noexcept;

private:
    spin_lock lock_;
    std::deque<io_slot> all_;
    io_slot* free_ = nullptr;
};

} // namespace weft::detail
