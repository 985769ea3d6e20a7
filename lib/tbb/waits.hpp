// SPDX-License-Identifier: Apache-2.0
// Waits of ours in oneTBB's tasks.
#pragma once

namespace weft::detail {

/// From here on a wait in a TBB task leaves its thread to others.
void leave_waits_to_tbb() noexcept;

/// A call of an executor that the calling TBB task runs, in the frame that runs it. Follows the task to other threads.
class running_call {
public:
    explicit running_call(const void* executor) noexcept;
    ~running_call();
    running_call(const running_call&) = delete;
    running_call& operator=(const running_call&) = delete;

private:
    friend bool is_running_call_of(const void* executor) noexcept;
    const void* const executor_;
    running_call* const outer_;
};

/// Does the caller run in a call of that executor, or on the stack of one?
bool is_running_call_of(const void* executor) noexcept;

} // namespace weft::detail
