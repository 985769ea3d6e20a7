// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <weft/fiber/fiber.hpp>

namespace weft {
namespace detail {
/// The running fiber stays, as by weft::stay, to its end.
void stay_for_good() noexcept;
} // namespace detail

/// Between its braces the task stays on its thread, and nobody gets in between at fork points: gather and the parallel
/// algorithms call everything here, one after another, without a look around; waits let others run as ever, but resume on
/// the same thread. For code that depends on its thread (another library's thread-locals, a GL context) or must not be
/// interleaved. Nests. On a plain thread: nothing.
///
/// While it stays, only its own thread can serve the task: if that is stuck in another task (computes, or blocks without an
/// announcement), this one waits for it, however many workers are idle. Forks do not go on on fresh stacks: recursion is
/// limited by the stack. Task-bound: make it and let it go in the same task. Does not suspend; never throws.
///
///     weft::stay here;
///     thread_bound_library_begin();
///     auto x = weft::await(f);              // the same thread before and after
///     thread_bound_library_end(x);
class [[nodiscard]] stay {
public:
    stay() noexcept;
    ~stay();
    stay(const stay&) = delete;
    stay& operator=(const stay&) = delete;

private:
    detail::fiber* const fiber_; // null: not a task
};

} // namespace weft
