// SPDX-License-Identifier: Apache-2.0
// The task that runs a coroutine. Protocol: lib/coro/README.md.
#pragma once

#include <atomic>
#include <coroutine>
#include <utility>

#include <weft/task/task_base.hpp>

namespace weft::detail {

/// Runs a chain of coroutines: each that starts another or ends names the next and returns here, so that the stack does not grow
/// with them. `go` touches nothing of `this` once a coroutine has waited: by then the chain may run elsewhere.
class co_run {
public:
    void go(std::coroutine_handle<> first);
    void transfer(std::coroutine_handle<> to) noexcept { *transfer_ = to; }

private:
    std::coroutine_handle<>* transfer_ = nullptr; // in the frame of the latest go
};

class co_driver : public task_base {
public:
    void run() noexcept final;
    void resume() noexcept final;

    /// `h` is going to wait: it is what the next run resumes. Throws std::system_error if no further stack can be promised.
    void begin_suspension(std::coroutine_handle<> h);
    /// The wait is registered. True: the stack is given away, and nothing of this task or its frames may be touched any more.
    /// False: the wait has ended already.
    [[nodiscard]] bool end_suspension() noexcept;
    /// Nothing was registered.
    void cancel_suspension() noexcept;

protected:
    co_driver(runtime_core& runtime, task_options&& options, const void* site)
        : task_base(runtime, std::move(options), site) {}
    /// Before the first step. False: it was cancelled, and is gone.
    virtual bool starts() noexcept = 0;

    std::coroutine_handle<> next_;
    co_run run_;

private:
    enum class state : unsigned char { running, suspending, resumed, suspended };
    std::atomic<state> state_{state::running};
    bool has_started_ = false;
};

/// The running fiber, if it is a driver that may give its stack away here and now; else null.
co_driver* current_driver() noexcept;

/// Between its braces the running fiber keeps its stack while it waits: there are frames below.
class nested_run {
public:
    nested_run() noexcept
        : fiber_(current_fiber()),
          was_(fiber_ != nullptr && fiber_->is_stackless) {
        if (was_) fiber_->is_stackless = false;
    }
    ~nested_run() {
        if (was_) fiber_->is_stackless = true;
    }
    nested_run(const nested_run&) = delete;
    nested_run& operator=(const nested_run&) = delete;

private:
    fiber* const fiber_;
    const bool was_;
};

} // namespace weft::detail
