// SPDX-License-Identifier: Apache-2.0
// The one way to wait. Every suspension in the library goes through `wait`.
#pragma once

#include <weft/base/clock.hpp>
#include <weft/fiber/fiber.hpp>

namespace weft::detail {

/// The calling fiber, or null on a plain thread.
fiber* current_fiber() noexcept;

/// One suspension of the caller (a fiber, or a plain thread, which then sleeps on a futex); lies in its frame.
///
///     wait w;
///     lock; if (condition) ...; if (!w.begin()) { unlock; w.throw_cancelled(); } list.push(node{w.self()}); unlock;
///     switch (w.park(deadline)) ...      // exactly one of notified, expired, cancelled
///
/// begin makes it possible for others to end the wait; park returns once somebody has. A wait that has begun must be
/// parked or withdrawn.
class wait {
public:
    /// `why` is for reports. `cancellable`: a pending or later cancel ends it; never so while the task masks cancellation or
    /// unwinds.
    explicit wait(wait_reason why = wait_reason::other, bool cancellable = true) noexcept;
    wait(const wait&) = delete;
    wait& operator=(const wait&) = delete;

    /// False: a cancel is pending, nothing has begun; the caller leaves by throw_cancelled once it holds no lock.
    [[nodiscard]] bool begin() noexcept { return who_->word.begin(cancellable_); }
    /// What others end this wait with. After begin.
    [[nodiscard]] waker self() const noexcept { return {who_, who_->word.epoch()}; }

    /// Suspends until the wait has ended, at most until the deadline.
    wait_end park(deadline_ns deadline = k_never) noexcept;

    /// The condition came true meanwhile. True: the wait is over. False: somebody ended it first; park must follow.
    [[nodiscard]] bool withdraw() noexcept {
        return who_->word.end(who_->word.epoch(), wait_end::notified);
    }

    /// Delivers the cancel that begin met or park reported.
    [[noreturn]] void throw_cancelled();

private:
    wait_end park_until(stack& me, deadline_ns deadline) noexcept;

    waiter* who_;
    bool cancellable_;
};

/// Lets every ready fiber run first; on a plain thread, gives the time slice away. A cancel point.
void yield_now();
/// Throws if a cancel is pending and not masked.
void throw_if_cancelled();
/// Does another ready fiber, or an overdue reactor, wait for this core?
bool others_wait() noexcept;

void operation_point_slow();
/// Before an operation that may turn out to need no wait: every 1000th of a stack is a cancel point, and lets the others run
/// if some wait. So a loop of such operations can be cancelled and starves nobody.
inline void operation_point() {
    stack_head* s = current_stack();
    if (s != nullptr && --s->operations_left == 0) [[unlikely]]
        operation_point_slow();
}

} // namespace weft::detail
