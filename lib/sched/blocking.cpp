// SPDX-License-Identifier: Apache-2.0
#include <weft/sched/blocking.hpp>

#include "sched/scheduler.hpp"

namespace weft::detail {

blocking_section::blocking_section() noexcept {
    const stack* s = task_stack();
    outermost_ = s != nullptr && s->runner->begin_blocking();
}

// Noinline: after the call inside the braces this may be another thread.
[[gnu::noinline]] blocking_section::~blocking_section() {
    if (!outermost_) return;
    stack* s = task_stack();
    if (s->runner->end_blocking()) [[likely]]
        return;
    s->wants_permit = true;
    worker::yield(*s);
    s->wants_permit = false;
}

} // namespace weft::detail
