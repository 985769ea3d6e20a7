// SPDX-License-Identifier: Apache-2.0
// Workers without a permit that wait for one. Protocol: README.md.
#pragma once

#include <vector>

#include <weft/base/spin_lock.hpp>

namespace weft::detail {

class worker;

/// Idle spares, the last one to come first: its caches are warm, and those at the bottom may sleep for good.
class spare_list {
public:
    explicit spare_list(unsigned capacity) { idle_.reserve(capacity); }

    /// The worker itself, before it waits for a permit.
    void add(worker& w) noexcept;
    /// Whoever takes one must grant it a permit, or put it back. Null: none is idle.
    [[nodiscard]] worker* take() noexcept;
    /// That one. False: it is not idle.
    [[nodiscard]] bool take(worker& w) noexcept;
    [[nodiscard]] bool contains(const worker& w) noexcept;
    [[nodiscard]] std::size_t size() noexcept;

private:
    spin_lock lock_;
    std::vector<worker*> idle_; // guarded by lock_
};

} // namespace weft::detail
