// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "context/stack_pool.hpp"

namespace weft::detail {

/// Promises of stacks, fetched from the pool by the dozen: a new task costs a decrement. One owner, not thread-safe.
/// A task is only created when a stack for it is promised, so that memory for stacks runs out at create_task, where it is
/// an exception, and never at the task's first step.
class stack_credit {
public:
    explicit stack_credit(stack_pool& pool) noexcept : pool_(pool) {}
    ~stack_credit() { pool_.unreserve(left_); }
    stack_credit(const stack_credit&) = delete;
    stack_credit& operator=(const stack_credit&) = delete;

    /// Throws std::system_error.
    void take() {
        if (left_ == 0) {
            pool_.reserve(k_batch);
            left_ = k_batch;
        }
        --left_;
    }
    void put() noexcept {
        if (++left_ < 2 * k_batch) return;
        pool_.unreserve(k_batch);
        left_ -= k_batch;
    }

private:
    static constexpr std::size_t k_batch = 64;
    stack_pool& pool_;
    std::size_t left_ = 0;
};

} // namespace weft::detail
