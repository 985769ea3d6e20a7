// SPDX-License-Identifier: Apache-2.0
// The seam to the kernel. Shaped for completions (io_uring); a readiness backend (epoll) completes with -EAGAIN.
#pragma once

#include <system_error>

#include <weft/base/clock.hpp>

#include "reactor/operation.hpp"

namespace weft::detail {

class backend {
public:
    backend() = default;
    backend(const backend&) = delete;
    backend& operator=(const backend&) = delete;
    virtual ~backend() = default;

    virtual const char* name() const noexcept = 0;

    /// Begins to watch slot.fd / stops. Any thread.
    virtual std::error_code attach(io_slot& slot) noexcept = 0;
    virtual void detach(io_slot& slot) noexcept = 0;

    /// Ends both directions for good: who waits gets -ECANCELED, and so does who comes later. Any thread; detach follows.
    virtual void close(io_slot& slot) noexcept = 0;

    /// True: done, op.result is set. False: pending; the wait of op.who will be ended (notified), with op.result set
    /// before. Called by the fiber that owns op, whose wait has not begun when the operation is done at once.
    /// `begin` starts that wait and fills op.who in: just before the operation becomes visible to others.
    /// Returns true with -ECANCELED if begin refuses (a cancel is pending).
    virtual bool submit(operation& op, bool (*begin)(operation&, void*),
                        void* context) noexcept = 0;

    /// Takes a pending operation back after its wait ended otherwise. True: it will not complete any more. False: its
    /// completion is under way; the caller keeps op alive until op.let_go.
    virtual bool retract(operation& op) noexcept = 0;

    /// Waits until the deadline (in the past: looks only) and completes what is ready, at most k_batch. Returns how many.
    /// Under the reactor's baton, by any thread.
    virtual unsigned poll(deadline_ns until) noexcept = 0;

    /// Ends a poll that waits, or the next one. Any thread; at most one system call.
    virtual void wake() noexcept = 0;

    /// Readable when poll would find something: for a thread that looks after several reactors. -1: there is none.
    virtual int descriptor() const noexcept = 0;

    static constexpr unsigned k_batch = 64;
};

} // namespace weft::detail
