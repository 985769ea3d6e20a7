// SPDX-License-Identifier: Apache-2.0
// One operation on a registered descriptor, step by step: what a fiber's wait and a coroutine's are both made of. See README.md.
#pragma once

#include <weft/sched/suspend.hpp>

#include "reactor/operation.hpp"

namespace weft::detail {

class backend;
class scheduler;

/// Lies in the frame of whoever waits, until the last step.
class io_attempt {
public:
    io_attempt(io_slot& slot, operation_kind kind, void* buffer, std::size_t size) noexcept;

    enum class step {
        done,      ///< result() says
        again,     ///< the descriptor was ready: submit once more
        waits,     ///< `w` has begun and will be ended: then `ended`
        cancelled, ///< nothing took effect
        expired
    };
    [[nodiscard]] wait_reason why() const noexcept;
    /// Asks the kernel.
    [[nodiscard]] step submit(wait& w, scheduler& home) noexcept;
    /// After the wait has ended so, and its waiter was resumed; never `waits`.
    [[nodiscard]] step ended(wait_end how) noexcept;

    /// Bytes, a descriptor or 0; or -errno.
    [[nodiscard]] ssize_t result() const noexcept { return operation_.result; }
    /// A send that goes on behind what was sent.
    void advance(std::size_t n) noexcept {
        operation_.buffer = static_cast<char*>(operation_.buffer) + n;
        operation_.size -= n;
    }
    [[nodiscard]] std::size_t left() const noexcept { return operation_.size; }

private:
    struct wait_start;
    [[nodiscard]] step result_or_again() const noexcept;

    operation operation_;
    backend* kernel_ = nullptr;
    bool pending_ = false; // with the kernel, when the wait begins
};

/// After a retract that came too late: until the completer, which is some instructions from it, is through with op.
void await_let_go(const operation& op) noexcept;

} // namespace weft::detail
