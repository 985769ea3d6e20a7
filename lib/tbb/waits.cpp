// SPDX-License-Identifier: Apache-2.0
#include "tbb/waits.hpp"

#include <utility>

#include <oneapi/tbb/task.h>
#include <oneapi/tbb/task_arena.h>
#include <weft/base/config.hpp>

#include "sched/thread_wait.hpp"

namespace weft::detail {
namespace {

// Noinline: a thread-local must never be read in code that may continue on another thread.
[[gnu::noinline]] running_call*& innermost_call() noexcept {
    static thread_local running_call* innermost = nullptr;
    return innermost;
}

class tbb_tasks final : public thread_tasks {
public:
    bool can_leave() noexcept override {
        if constexpr (k_tsan)
            return false; // it can't follow a change of stacks that it does not see
        // The index first: a thread that oneTBB does not know it would get to know by the other question.
        return ::tbb::this_task_arena::current_thread_index() !=
                   ::tbb::task_arena::not_initialized &&
               ::tbb::task::current_context() != nullptr;
    }
    void leave(left_wait& w) noexcept override {
        running_call* const mine = std::exchange(innermost_call(), nullptr);
        ::tbb::task::suspend([&w](::tbb::task::suspend_point where) { w.left(where); });
        innermost_call() = mine;
    }
    void go_on(void* where) noexcept override {
        ::tbb::task::resume(static_cast<::tbb::task::suspend_point>(where));
    }
};

} // namespace

void leave_waits_to_tbb() noexcept {
    static tbb_tasks tasks;
    leave_waits_to(tasks);
}

running_call::running_call(const void* executor) noexcept
    : executor_(executor),
      outer_(std::exchange(innermost_call(), this)) {}

running_call::~running_call() { innermost_call() = outer_; }

bool is_running_call_of(const void* executor) noexcept {
    const running_call* c = innermost_call();
    while (c != nullptr && c->executor_ != executor) c = c->outer_;
    return c != nullptr;
}

} // namespace weft::detail
