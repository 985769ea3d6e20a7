// SPDX-License-Identifier: Apache-2.0
#include <weft/compute/fork_join.hpp>

#include <mutex>

#include "sched/scheduler.hpp"
#include "task/runtime_core.hpp"

namespace weft::detail {

fork_task::fork_task(fork_scope& scope)
    : task_base(scope.owner().owner(), {}, nullptr),
      future_state<void>(2),
      scope_(scope) {}

void fork_task::run() noexcept {
    if (claim()) {
        try {
            std::string message;
            if (take_final_cancel(message)) throw cancelled_error(std::move(message));
            invoke();
        } catch (...) { scope_.failed(std::current_exception()); }
        end_greenlets();
        worker::current()->expect_forks();
        this->complete_value(); // the frame and the scope may end from here on
    }
    this->drop_ref();
}

fiber* launch_fork(fork_task* t, fork_scope& scope) noexcept {
    try {
        t->home().provide_stack(*t, 0);
    } catch (...) {
        t->drop_ref();
        t->drop_ref();
        return nullptr;
    }
    scope.add(*t);
    return t;
}

fork_scope::~fork_scope() {
    while (children_ != nullptr)
        std::exchange(children_, children_->next_in_scope)->future_core::drop_ref();
}

void fork_scope::add(fork_task& t) noexcept {
    const std::lock_guard guard(lock_);
    t.next_in_scope = std::exchange(children_, &t);
}

void fork_scope::failed(std::exception_ptr e) noexcept {
    const std::lock_guard guard(lock_);
    if (!error_) error_ = std::move(e);
    if (std::exchange(failed_, true)) return;
    for (fork_task* t = children_; t != nullptr; t = t->next_in_scope)
        if (!t->done()) t->cancel({});
    if (in_call_ && current_task_base() != &owner_) {
        owner_cancelled_ = true;
        owner_.core().cancel({});
    }
}

bool fork_scope::has_failed() noexcept {
    const std::lock_guard guard(lock_);
    return failed_;
}

void fork_scope::begin_call() {
    const std::lock_guard guard(lock_);
    if (failed_) std::rethrow_exception(error_);
    in_call_ = true;
}

void fork_scope::end_call() noexcept {
    bool take_back = false;
    {
        const std::lock_guard guard(lock_);
        in_call_ = false;
        take_back = std::exchange(owner_cancelled_, false);
    }
    if (take_back) owner_.uncancel();
}

namespace {

// A cancel of the owner goes to the child first.
void await_child(fork_task& t, fork_scope& scope) noexcept {
    try {
        t.await_done();
    } catch (...) {
        scope.failed(std::current_exception());
        t.cancel({});
        t.join();
    }
}

// If the owner's own cancel went through a child, it is delivered herewith.
[[noreturn]] void rethrow_to(task_base& owner, std::exception_ptr e) {
    try {
        std::rethrow_exception(std::move(e));
    } catch (const cancelled_error&) {
        if (owner.masks == 0 && owner.word.cancel_pending()) owner.throw_cancelled();
        throw;
    }
}

} // namespace

bool join_fork(stack_head& s, fork_record& r, fork_scope*& scope) {
    if (!s.forks.settle(r)) {
        join_look(s);
        return true;
    }
    auto& task = static_cast<fork_task&>(*r.shared);
    if (task.claim()) {
        scope->begin_call();
        return true;
    }
    scope->end_call();
    if (scope->has_failed()) task.cancel({});
    worker::current()->expect_forks();
    await_child(task, *scope);
    if (scope->has_failed()) std::rethrow_exception(scope->error());
    return false;
}

void abandon_forks(stack_head& s, std::span<fork_record* const> rest, const fork_record& oldest,
                   fork_scope*& scope) {
    const std::exception_ptr why = std::current_exception();
    for (fork_record* r : rest)
        if (!s.forks.unlink(*r)) (void)s.forks.settle(*r);
    if (!was_shared(oldest)) std::rethrow_exception(why);
    scope->failed(why);
    scope->end_call();
    for (fork_record* r : rest) {
        if (!was_shared(*r)) continue;
        auto& task = static_cast<fork_task&>(*r->shared);
        if (task.claim()) continue; // it never begins
        task.cancel({});
        await_child(task, *scope);
    }
    task_base& owner = scope->owner();
    std::exception_ptr first = scope->error();
    end_scope(scope);
    rethrow_to(owner, std::move(first));
}

void end_scope(fork_scope* scope) noexcept {
    scope->end_call();
    delete scope;
}

void run_on_fresh_stack(unique_function<void()> f) {
    fork_scope scope(*current_task_base());
    fiber* t = launch_fork(new fork_task_of<unique_function<void()>>(scope, f), scope);
    if (t == nullptr) throw std::bad_alloc();
    scope.end_call();
    t->home().make_ready(*t);
    await_child(static_cast<fork_task&>(*t), scope);
    if (scope.has_failed()) rethrow_to(scope.owner(), scope.error());
}

} // namespace weft::detail
