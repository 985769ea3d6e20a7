// SPDX-License-Identifier: Apache-2.0
#include <weft/sched/stay.hpp>
#include <weft/sched/suspend.hpp>

#include "sched/scheduler.hpp"

namespace weft {

stay::stay() noexcept : fiber_(detail::current_fiber()) {
    if (fiber_ == nullptr) return;
    detail::worker::stay(*detail::task_stack());
}

// Noinline: after what was waited for inside the braces nothing of the constructor's may be remembered.
[[gnu::noinline]] stay::~stay() {
    if (fiber_ != nullptr) detail::worker::stop_staying(*detail::task_stack());
}

void detail::stay_for_good() noexcept { worker::stay(*task_stack()); }

} // namespace weft
