// SPDX-License-Identifier: Apache-2.0
// Fibers whose steps compute for long. Protocol: README.md, "Lending".
#pragma once

#include <weft/base/clock.hpp>
#include <weft/base/spin_lock.hpp>

#include "sched/inject_queue.hpp"

namespace weft::detail {

/// Runs at most so many of them at once: more threads than cores would only share them, and finish everything later. First
/// come, first served. Any thread.
///
/// Invariant: none waits while fewer than `most` run. So whoever ends one (next) is all that those who wait depend on.
class long_steps {
public:
    explicit long_steps(unsigned most) noexcept : most_(most) {}

    /// True: it may run, and next must be called after its step. False: it waits here.
    [[nodiscard]] bool begin(fiber& f) noexcept;
    /// A step is over. The one that may run instead, for which the same holds; null: none waits.
    [[nodiscard]] fiber* next() noexcept;
    /// The first one, which may run, too, if none has got on for so long; null: there is none.
    [[nodiscard]] fiber* overdue(deadline_ns now, deadline_ns patience) noexcept;

private:
    fiber* take_first() noexcept;

    const unsigned most_;
    spin_lock lock_; // guards the rest
    unsigned running_ = 0;
    inject_queue waiting_;
    deadline_ns stands_since_ = 0; // overdue saw that none got on since then; 0: it saw none wait
};

} // namespace weft::detail
