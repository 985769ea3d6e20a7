// SPDX-License-Identifier: Apache-2.0
// The untyped part of a task: identity, cancellation, life in its runtime. Protocol: lib/task/README.md.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include <weft/base/spin_lock.hpp>
#include <weft/fiber/fiber.hpp>
#include <weft/greenlet/greenlet_core.hpp>
#include <weft/sched/stay.hpp>
#include <weft/task/future_core.hpp>

namespace weft {

/// What create_task may be told about a task.
struct task_options {
    std::string name = {};      ///< for reports; empty: "Task-<id>"
    std::size_t stack_size = 0; ///< bytes; 0: the runtime's
    const char* file = nullptr; ///< where it was created, for reports
    int line = 0;
    /// All its steps run on one thread, the one that begins it, and its forks are calls: as if its body began with
    /// weft::stay. If that thread is stuck in another task, this one waits for it.
    bool pinned = false;
};

namespace detail {

class runtime_core;
class reporter;
struct live_slot;

/// Is told of a task's end (a group of its children).
class task_observer {
public:
    /// On the task's own stack, after its future is complete. Must not throw or wait.
    virtual void task_ended(task_base& t) noexcept = 0;

protected:
    ~task_observer() = default;
};

class task_base : public fiber {
public:
    [[nodiscard]] std::uint64_t id() const noexcept;
    [[nodiscard]] std::string name() const;
    void set_name(std::string name);
    /// Name and place of creation, for reports.
    [[nodiscard]] std::string description() const;

    /// Cancels as described in lib/task/README.md. False: done already.
    bool cancel(std::string message);
    /// By the task itself, in a wait that has begun: a request that came before it goes the way of one that comes now.
    void pass_cancel_on();
    unsigned uncancel() noexcept;
    [[nodiscard]] unsigned cancelling() const noexcept;

    [[nodiscard]] virtual future_core& core() noexcept = 0;

    void print_owner(int fd) const noexcept final;
    [[noreturn]] void throw_cancelled() final;

    /// What this task awaits now; set by the task before its wait begins, read by a canceller while the wait is frozen.
    std::atomic<future_core*> awaits{nullptr};

    /// Set before the launch.
    task_observer* observer = nullptr;

    [[nodiscard]] runtime_core& owner() const noexcept;
    [[nodiscard]] std::size_t stack_size() const noexcept {
        return details_ ? details_->stack_size : 0;
    }

protected:
    task_base(runtime_core& runtime, task_options&& options, const void* spawn_site);
    ~task_base() override = default;

    /// Was it cancelled before its first step, or left with a request that no wait delivered?
    [[nodiscard]] bool take_final_cancel(std::string& message) noexcept;
    /// Keeps the runtime's exception handler for the time after the runtime. Called when the body has thrown.
    void keep_reporter() noexcept;
    void report_unseen(std::exception_ptr e) noexcept;

private:
    friend class runtime_core;
    /// One request for this task alone: counts, keeps the message. False: done.
    bool note_request(const std::string& message);
    void pass_cancel_on(const std::string& message);

    /// What few tasks have: a million parked ones should not pay for it.
    struct details {
        std::string name;
        std::string message; // of the last request
        std::size_t stack_size = 0;
        const char* file = nullptr;
        int line = 0;
        std::shared_ptr<reporter> exceptions;
    };
    details& with_details();

    const void* const spawn_site_;
    mutable std::atomic<std::uint64_t> id_{0}; // given when first asked for
    std::unique_ptr<details> details_;         // made by the creator, or under lock_
    live_slot* slot_ = nullptr;                // among the runtime's live tasks
    unsigned requests_ = 0;                    // under lock_
    mutable spin_lock lock_; // guards requests_ and the name and message in details_
};

/// The running task, or null: on plain threads and in callbacks.
task_base* current_task_base() noexcept;
/// The runtime of the running task; throws std::logic_error if there is none.
runtime_core& current_runtime();

/// Registers a new task with its runtime, gives it its stack, and queues it. Throws runtime_closed, std::system_error.
void launch(task_base& task);
/// Out of the live tasks: nobody finds it there from here on.
void delist(task_base& task) noexcept;
/// After delist, when all is told: one task less in the runtime. The task may be gone by then.
void count_end(runtime_core& runtime) noexcept;

/// A task's one block: fiber, future and closure. One reference at birth: the handle's.
template <class T, class F>
class task_block final : public task_base, public future_state<T> {
public:
    task_block(runtime_core& runtime, task_options&& options, const void* site, F&& f)
        : task_base(runtime, std::move(options), site),
          future_state<T>(1, true),
          function_(std::in_place, std::move(f)) {}

    ~task_block() override {
        if (auto e = this->unseen_error()) report_unseen(std::move(e));
    }

    void run() noexcept override {
        if (is_pinned) [[unlikely]]
            stay_for_good();
        const outcome_kind outcome = call();
        task_observer* const told = observer; // has a reference of its own
        runtime_core& runtime = owner();
        delist(*this);
        this->complete_here(outcome); // gone from here on, unless somebody is told
        if (told != nullptr) told->task_ended(*this);
        count_end(runtime);
    }
    /// Instead of run: it could not be launched.
    void give_up() noexcept {
        task_observer* const told = observer;
        this->complete_here(outcome_kind::cancelled);
        if (told != nullptr) told->task_ended(*this);
    }

    future_core& core() noexcept override { return *this; }
    bool cancel(std::string message) override { return task_base::cancel(std::move(message)); }
    task_base* as_task() noexcept override { return this; }
    [[nodiscard]] bool takes_waiters_cancel() const noexcept override { return true; }

private:
    // Stores the outcome. All that the body had has gone when it returns, the exception it threw, too: who sees the outcome sees
    // them gone, and none of their destructors runs later.
    outcome_kind call() noexcept {
        if (is_cancelled_at_end()) {
            function_.reset();
            return outcome_kind::cancelled;
        }
        try {
            if constexpr (std::is_void_v<T>)
                (*function_)();
            else
                this->store_value((*function_)());
            end_body();
            if (!is_cancelled_at_end()) return outcome_kind::value;
            this->forget_value();
            return outcome_kind::cancelled;
        } catch (const cancelled_error& e) {
            end_body();
            this->store_message(e.what());
            return outcome_kind::cancelled;
        } catch (...) {
            end_body();
            keep_reporter();
            this->store_error(std::current_exception());
            return outcome_kind::exception;
        }
    }
    bool is_cancelled_at_end() {
        if (!word.cancel_pending()) [[likely]]
            return false;
        std::string message;
        if (!take_final_cancel(message)) return false;
        this->store_message(std::move(message));
        return true;
    }
    /// Captures, greenlets and context variables go before the result is there: who sees that sees them gone.
    void end_body() noexcept {
        function_.reset();
        end_greenlets();
        locals = {};
    }
    void destroy() noexcept override { delete this; }

    std::optional<F> function_;
};

} // namespace detail
} // namespace weft
