// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "sched/worker.hpp"

namespace weft::detail {

/// The workers of a scheduler, in the order they were made. Read by any thread; added to by one at a time; none ever goes.
class worker_list {
public:
    explicit worker_list(unsigned capacity) : slots_(capacity) {}

    worker& add(std::unique_ptr<worker> w) {
        const unsigned n = count_.load(std::memory_order_relaxed);
        slots_.at(n) = std::move(w);
        count_.store(n + 1, std::memory_order_release); // pairs with size
        return *slots_[n];
    }
    [[nodiscard]] unsigned size() const noexcept {
        return count_.load(std::memory_order_acquire);
    } // pairs with add
    [[nodiscard]] unsigned capacity() const noexcept {
        return static_cast<unsigned>(slots_.size());
    }
    [[nodiscard]] worker& operator[](unsigned i) const noexcept { return *slots_[i]; }
    [[nodiscard]] auto begin() const noexcept { return slots_.begin(); }
    [[nodiscard]] auto end() const noexcept { return slots_.begin() + size(); }

private:
    std::vector<std::unique_ptr<worker>> slots_; // of a fixed size: readers never see it move
    std::atomic<unsigned> count_{0};
};

} // namespace weft::detail
