// SPDX-License-Identifier: Apache-2.0
#include <weft/compute/fork_join.hpp>

#include <mutex>

#include <weft/compute/gather.hpp>

#include "task/runtime_core.hpp"

namespace weft::detail {

/// A shared fork: the claim block that queues hold, and the anonymous task that runs it if a thief wins the claim. It owns no
/// part of the frame: the loser of the claim never touches the record.
class fork_task final : public task_base, public future_state<void> {
public:
    fork_task(runtime_core& runtime, fork_base& record)
        : task_base(runtime, {}, nullptr),
          future_state<void>(2),
          record_(record) {}

    /// True for one of the joiner and the thief.
    [[nodiscard]] bool claim() noexcept {
        // acq_rel: the winner sees what the owner wrote before it shared; the loser needs nothing
        return !claimed_.exchange(true, std::memory_order_acq_rel);
    }

    void run() noexcept override {
        if (claim()) {
            try {
                std::string message;
                if (take_final_cancel(message)) throw cancelled_error(std::move(message));
                record_.invoke_(record_);
            } catch (...) { record_.frame_->child_failed(std::current_exception()); }
            end_greenlets();
            this->complete_value(); // the frame may end from here on
        }
        this->drop_ref();
    }

    future_core& core() noexcept override { return *this; }
    bool cancel(std::string message) override { return task_base::cancel(std::move(message)); }
    task_base* as_task() noexcept override { return this; }
    [[nodiscard]] bool takes_waiters_cancel() const noexcept override { return true; }

private:
    fork_base& record_;
    std::atomic<bool> claimed_{false};
};

fork_base::fork_base(void (*invoke)(fork_base&)) noexcept : invoke_(invoke) {
    share = &fork_frame::share;
}

bool can_fork() noexcept { return current_task_base() != nullptr; }

fork_frame::fork_frame(fork_base* const* forks, std::size_t count) noexcept
    : forks_(forks),
      count_(count),
      stack_(*current_stack()),
      owner_(*current_task_base()) {
    for (std::size_t i = 0; i < count; ++i) forks[i]->frame_ = this;
    for (std::size_t i = count; i-- > 1;)
        link_fork(stack_, *forks[i]); // the last argument is the oldest: taken first
}

fork_frame::~fork_frame() {
    if (!shared_) return;
    for (std::size_t i = 0; i < count_; ++i)
        if (fork_task* t = forks_[i]->task_.load(std::memory_order_relaxed))
            t->future_core::drop_ref();
}

fiber* fork_frame::share(fork_record& r) noexcept {
    auto& record = static_cast<fork_base&>(r);
    fork_frame& frame = *record.frame_;
    try {
        auto task = std::make_unique<fork_task>(frame.owner_.owner(), record);
        task->home().provide_stack(*task, 0);
        frame.shared_ = true;
        record.task_.store(task.get(), std::memory_order_release); // pairs with child_failed
        return task.release();
    } catch (...) {
        return nullptr; // no memory: it stays private, and its owner runs it
    }
}

void fork_frame::run() {
    at_fork_point();
    if (count_ > 0) call_here(*forks_[0]);
    for (std::size_t i = 1; i < count_; ++i) join(*forks_[i]);
    if (error_) std::rethrow_exception(error_);
}

void fork_frame::call_here(fork_base& f) noexcept {
    in_call_.store(true, std::memory_order_relaxed); // seen by a child through its being shared
    try {
        f.invoke_(f);
    } catch (...) {
        const std::lock_guard guard(lock_);
        failed_ = true;
        // If a child failed before and we were cancelled for it, this is its consequence.
        if (!error_) error_ = std::current_exception();
    }
    if (!shared_) {
        in_call_.store(false, std::memory_order_relaxed);
        return;
    }
    bool take_back = false;
    {
        const std::lock_guard guard(lock_);
        in_call_.store(false, std::memory_order_relaxed);
        take_back = std::exchange(owner_cancelled_, false);
    }
    if (take_back) owner_.uncancel();
}

// A private one is unlinked and run here; a shared one is run by whoever claims it.
void fork_frame::join(fork_base& f) noexcept {
    fork_task* task = f.task_.load(std::memory_order_relaxed);
    if (task == nullptr) {
        unlink_fork(stack_, f);
        if (!failed_) call_here(f);
        return;
    }
    bool failed = false;
    {
        const std::lock_guard guard(lock_);
        failed = failed_;
    }
    if (task->claim()) {
        if (!failed) call_here(f);
        return;
    }
    if (failed) task->cancel({});
    try {
        task->await_done(); // a cancel of the owner goes to the child first
    } catch (...) {
        child_failed(std::current_exception());
        task->cancel({});
        task->join();
    }
}

// By a child that failed, or by the owner on its behalf: the others are to end.
void fork_frame::child_failed(std::exception_ptr e) noexcept {
    const std::lock_guard guard(lock_);
    if (!error_) error_ = std::move(e);
    if (std::exchange(failed_, true)) return;
    for (std::size_t i = 0; i < count_; ++i)
        if (fork_task* t = forks_[i]->task_.load(std::memory_order_acquire);
            t != nullptr && !t->done())
            t->cancel({});
    if (in_call_.load(std::memory_order_relaxed) && current_task_base() != &owner_) {
        owner_cancelled_ = true;
        owner_.core().cancel({});
    }
}

void run_gathered(fork_base* const* forks, std::size_t fork_count, future_core* const* futures,
                  std::size_t future_count) {
    const std::span<future_core* const> watched(futures, future_count);
    if (fork_count > 0) {
        try {
            fork_frame frame(forks, fork_count);
            frame.run();
        } catch (...) {
            cancel_and_join(watched);
            throw;
        }
    }
    gather_all(watched);
}

} // namespace weft::detail
