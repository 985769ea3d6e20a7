// SPDX-License-Identifier: Apache-2.0
// The frame of a gather of callables: who runs what, and what happens when one fails. Protocol: lib/compute/README.md.
#pragma once

#include <atomic>
#include <exception>
#include <optional>

#include <weft/sched/fork.hpp>
#include <weft/task/future_core.hpp>

namespace weft::detail {

class fork_task;
class fork_frame;

/// One callable of a gather, in its frame. The frame's owner joins it, in any order of finishing.
class fork_base : public fork_record {
public:
    explicit fork_base(void (*invoke)(fork_base&)) noexcept;

private:
    friend class fork_frame;
    friend class fork_task;
    void (*const invoke_)(
        fork_base&); // runs the callable and keeps its result; throws what it throws
    fork_frame* frame_ = nullptr;
    std::atomic<fork_task*> task_{nullptr}; // once shared; written by the owner
};

/// What the forks of one gather share.
///
/// | field       | who                                                                                |
/// |-------------|------------------------------------------------------------------------------------|
/// | shared_     | the owner                                                                          |
/// | in_call_    | the owner writes; a child that fails reads it under lock_                          |
/// | the rest    | under lock_ once something is shared                                               |
class fork_frame {
public:
    /// `forks` in the order of the arguments. Links all but the first to the running stack.
    fork_frame(fork_base* const* forks, std::size_t count) noexcept;
    fork_frame(const fork_frame&) = delete;
    fork_frame& operator=(const fork_frame&) = delete;
    ~fork_frame();

    /// Runs the first here, joins the others, and throws the first failure.
    void run();

private:
    friend class fork_base;
    friend class fork_task;
    void call_here(fork_base& f) noexcept;
    void join(fork_base& f) noexcept;
    void child_failed(std::exception_ptr e) noexcept;
    static fiber* share(fork_record& r) noexcept;

    fork_base* const* const forks_;
    const std::size_t count_;
    stack_head& stack_;
    task_base& owner_;
    bool shared_ = false;
    std::atomic<bool> in_call_{false};
    spin_lock lock_;
    bool failed_ = false;
    bool owner_cancelled_ = false; // by us, to end a call of the owner's own
    std::exception_ptr error_;
};

/// A callable by reference, and its result.
template <class F>
class fork_of final : public fork_base {
public:
    using result = std::invoke_result_t<F&>;
    explicit fork_of(F& f) noexcept : fork_base(&fork_of::invoke), function_(f) {}
    stored<result> take() { return std::move(*result_); }

private:
    static void invoke(fork_base& base) {
        auto& self = static_cast<fork_of&>(base);
        if constexpr (std::is_void_v<result>) {
            self.function_();
            self.result_.emplace();
        } else if constexpr (std::is_reference_v<result>) {
            self.result_.emplace(std::addressof(self.function_()));
        } else {
            self.result_.emplace(self.function_());
        }
    }
    F& function_;
    std::optional<stored<result>> result_;
};

/// Is there a task whose stack can hold forks?
bool can_fork() noexcept;

} // namespace weft::detail
