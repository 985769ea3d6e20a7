// SPDX-License-Identifier: Apache-2.0
// Where another thread of this process is right now, for reports. Asks it by a signal: README.md.
#pragma once

#include <string>
#include <vector>

namespace weft::detail {

/// Once per process, before the first call of stack_of_thread: takes the first real-time signal that nobody handles.
/// Throws std::system_error if there is none.
void prepare_thread_stacks();

/// The code addresses of that thread's call stack, innermost first, at most k_most_frames. Empty: it did not answer in time
/// (it is not there, masks the signal, or sleeps uninterruptibly). A call of the thread that waits in the kernel may end with
/// EINTR by this. Any thread; one at a time; may throw std::bad_alloc.
[[nodiscard]] std::vector<const void*> stack_of_thread(int thread_id);
inline constexpr std::size_t k_most_frames = 64;

/// "function + 0x1f (program + 0x2345)", as far as it can be known without debug information. May throw std::bad_alloc.
[[nodiscard]] std::string describe_code(const void* address);

} // namespace weft::detail
