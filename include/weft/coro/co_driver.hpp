// SPDX-License-Identifier: Apache-2.0
// The task that runs a coroutine. Protocol: lib/coro/README.md.
#pragma once

#include <atomic>
#include <coroutine>
#include <cstdint>
#include <utility>

#include <weft/task/task_base.hpp>

namespace weft::detail {

class co_driver;

/// Runs a chain of coroutines: each that starts another or ends names the next by `transfer_to` and returns here, so that the
/// stack does not grow with them. Touches nothing of the chain once it has waited: by then it may run elsewhere.
void run_chain(std::coroutine_handle<> first);
/// Called last in an await_suspend.
void transfer_to(std::coroutine_handle<> next) noexcept;

class co_promise_base;

/// A wait that may need several turns: what it waited for has come, and is gone again.
class co_turns {
public:
    /// In the driver's next run, in place of the coroutine: true, it waits again, by begin_suspension and end_suspension.
    virtual bool waits_again(co_driver& driver) noexcept = 0;
    std::coroutine_handle<> whose;

protected:
    ~co_turns() = default;
};

/// A fiber that runs a chain of coroutines, the outermost of which is the task.
///
/// | field    | written by                                                                           |
/// |----------|--------------------------------------------------------------------------------------|
/// | state_   | the driver, and who ends its wait: lib/coro/README.md                                |
/// | next_    | the driver, before its wait begins: what the next run resumes, or (marked) asks      |
class co_driver : public task_base {
public:
    void run() noexcept final;
    void resume() noexcept final;
    /// Where the coroutine goes on that has suspended it; null: it waits on its stack. While its wait is looked at.
    [[nodiscard]] const void* suspended_at() const noexcept;
    /// By the outermost coroutine, in its last suspension: the task has ended.
    virtual void coroutine_ended(co_promise_base& outermost) noexcept = 0;

    /// `h` is going to wait: it is what the next run resumes. Throws std::system_error if no further stack can be promised.
    void begin_suspension(std::coroutine_handle<> h) { begin_suspension(word_of(h.address())); }
    /// The same for one whose wait may take several turns.
    void begin_suspension(co_turns& w) { begin_suspension(word_of(&w) | k_turns); }
    /// The wait is registered. True: the stack is given away, and nothing of this task or its frames may be touched any more.
    /// False: the wait has ended already.
    [[nodiscard]] bool end_suspension() noexcept;
    /// Nothing was registered.
    void cancel_suspension() noexcept;

protected:
    co_driver(runtime_core& runtime, task_options&& options, const void* site,
              std::coroutine_handle<> outermost)
        : task_base(runtime, std::move(options), site),
          next_(word_of(outermost.address())) {}
    /// Before the first step. False: it was cancelled, and is gone.
    virtual bool starts() noexcept = 0;
    [[nodiscard]] bool has_started() const noexcept { return is_stackless; }
    /// Of a coroutine that has not started.
    void destroy_coroutine() noexcept { coroutine_of(next_).destroy(); }

private:
    enum class state : unsigned char { running, suspending, resumed, suspended };
    static constexpr std::uintptr_t k_turns = 1;
    static std::uintptr_t word_of(const void* p) noexcept {
        return reinterpret_cast<std::uintptr_t>(p);
    }
    static std::coroutine_handle<> coroutine_of(std::uintptr_t what) noexcept {
        return std::coroutine_handle<>::from_address(reinterpret_cast<void*>(what));
    }
    void begin_suspension(std::uintptr_t what);
    void go_on();

    std::atomic<state> state_{state::running}; // first: it fits into the end of the base
    std::uintptr_t next_; // a coroutine's handle, or co_turns with k_turns; at first the outermost
};

/// The running fiber, if it is a driver that may give its stack away here and now; else null. One with greenlets or generators
/// keeps its stack: they are bound to it.
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
