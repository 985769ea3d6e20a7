// SPDX-License-Identifier: Apache-2.0
// What a worker runs: a body, a stack once it has begun, and its wait word.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include <weft/context/stack_head.hpp>
#include <weft/fiber/context.hpp>
#include <weft/fiber/wait_reason.hpp>
#include <weft/fiber/waker.hpp>

namespace weft::detail {

struct stack;
class scheduler;
class worker;

/// The schedulable part of a task.
///
/// | field            | written by                                                                  |
/// |------------------|-----------------------------------------------------------------------------|
/// | stack_           | the worker that begins it; cleared by the one that ends it                  |
/// | next_            | whoever has it in an inject queue, under that queue's lock                  |
/// | last_worker_     | the worker that runs it                                                     |
/// | ready_at_        | whoever makes it ready, before it is queued; the worker that runs it        |
/// | masks, stays     | the fiber itself                                                            |
/// | waits_for, waits_since | the fiber itself, before its wait begins                              |
/// | stays_on_        | the fiber itself; whoever makes it ready reads it, and dumps                |
/// | locals           | the fiber itself, under locals_lock                                         |
class fiber : public waiter {
public:
    /// Runs the body, on the fiber's stack, once. Whatever it frees, it frees last.
    virtual void run() noexcept = 0;
    /// Name, id and spawn site to a descriptor; async-signal-safe.
    virtual void print_owner(int fd) const noexcept = 0;

    /// Throws the cancelled_error of the pending request, which it takes. Called by the fiber itself.
    [[noreturn]] virtual void throw_cancelled() = 0;

    void resume() noexcept override;

    [[nodiscard]] scheduler& home() const noexcept { return *scheduler_; }

    /// The stack it waits on. Of one whose wait is looked at, and which keeps its stack.
    [[nodiscard]] stack* parked_stack() const noexcept { return stack_; }
    /// Who alone may run it; null: anybody. A guess for who neither is the fiber nor makes it ready.
    [[nodiscard]] worker* bound_to() const noexcept {
        return stays_on_.load(std::memory_order_relaxed);
    }

    /// A task, or something smaller of the library's own.
    const bool is_task;
    /// Does its runtime know it as a live task? Others may ask who runs then (runtime_core::describe_running).
    bool is_listed = false;
    /// A coroutine's driver, directly below it: it waits without its stack. Room coro.
    bool is_stackless = false;
    /// It stays on the thread that begins it (task_options::pinned).
    bool is_pinned = false;
    /// Between the fiber, when it changes its locals, and whoever robs it of a fork, which inherits them.
    spin_lock locals_lock;
    /// What its wait is for, since when (in steps of waiting_clock); written before the wait begins, so it may be read by
    /// whoever looks at the wait (wait_word::look).
    wait_reason waits_for = wait_reason::other;

private:
    // Up to `stays`, all lies in the first cache line of a fiber that begins one: with many of them, each that is made ready
    // and run costs that line.
    std::uint16_t last_worker_ = 0;
    std::atomic<worker*> stays_on_{
        nullptr}; // who alone may run it; null: anybody. Relaxed: see bound_to
    stack* stack_ = nullptr;
    scheduler* const scheduler_;
    std::uint32_t ready_at_ =
        0; // when it was made ready, if it is a sample of the schedule latency

public:
    std::uint32_t waits_since = 0;
    /// Cancellation is not delivered while this is above zero (mask_cancel).
    unsigned masks = 0;
    /// It stays on its thread, and nobody gets in between at fork points, while this is above zero (weft::stay).
    unsigned stays = 0;
    /// The values of its context variables: its creator's, until it sets one.
    context_ref locals;

protected:
    fiber(scheduler& s, bool task) noexcept : is_task(task), scheduler_(&s) {
        const stack_head* creator = current_stack();
        locals = creator != nullptr && creator->owner != nullptr ? creator->owner->locals
                                                                 : current_context();
    }
    ~fiber() override = default;

    /// Lets go of the stack, which this run still uses to its end; the next one begins on another. Back by keep_stack.
    [[nodiscard]] stack* leave_stack() noexcept { return std::exchange(stack_, nullptr); }
    void keep_stack(stack* s) noexcept { stack_ = s; }

private:
    friend class worker;
    friend class scheduler;
    friend class inject_queue;
    fiber* next_ = nullptr;
};

} // namespace weft::detail
