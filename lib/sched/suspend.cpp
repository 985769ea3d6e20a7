// SPDX-License-Identifier: Apache-2.0
#include <weft/sched/suspend.hpp>

#include <sched.h>

#include "base/assert.hpp"
#include "base/futex.hpp"
#include "sched/scheduler.hpp"

namespace weft::detail {
namespace {

/// A plain thread as a waiter. Never freed: a late waker may still look at one whose thread has gone.
class thread_waiter final : public waiter {
public:
    void resume() noexcept override { futex_wake(word.futex_address(), 1); }

    wait_end sleep(deadline_ns deadline) noexcept {
        for (;;) {
            const std::uint32_t seen = word.low_half();
            if (word.has_ended()) return word.how();
            if (deadline != k_never && time_source::monotonic_now() >= deadline &&
                word.end(word.epoch(), wait_end::expired))
                return wait_end::expired;
            futex_wait(word.futex_address(), seen, deadline);
        }
    }

    thread_waiter* next_free = nullptr;
};

spin_lock free_lock;
thread_waiter* free_waiters = nullptr; // guarded by free_lock

/// Borrows a thread_waiter for a thread's life.
struct thread_ticket {
    thread_waiter* mine;
    thread_ticket() {
        free_lock.lock();
        mine = free_waiters;
        if (mine != nullptr) free_waiters = mine->next_free;
        free_lock.unlock();
        if (mine == nullptr) mine = new thread_waiter;
    }
    ~thread_ticket() {
        free_lock.lock();
        mine->next_free = free_waiters;
        free_waiters = mine;
        free_lock.unlock();
    }
};

// Noinline: a thread-local must never be read in code that may continue on another thread.
[[gnu::noinline]] thread_waiter& this_thread_waiter() {
    static thread_local thread_ticket ticket;
    return *ticket.mine;
}

struct deadline_timer : timer {
    waker who;
    static void expire(timer& t) noexcept { static_cast<deadline_timer&>(t).who.wake(wait_end::expired); }
};

stack* task_stack() noexcept {
    auto* s = static_cast<stack*>(current_stack());
    return s != nullptr && s->owner != nullptr ? s : nullptr;
}

bool masked(const stack& s) noexcept { return s.owner->masks != 0 || s.thread->eh->uncaught != 0; }

} // namespace

fiber* current_fiber() noexcept {
    stack_head* s = current_stack();
    return s != nullptr ? s->owner : nullptr;
}

wait::wait(bool cancellable) noexcept {
    if (stack* s = task_stack()) {
        who_ = s->owner;
        cancellable_ = cancellable && !masked(*s);
    } else {
        who_ = &this_thread_waiter();
        cancellable_ = false;
    }
}

wait_end wait::park(deadline_ns deadline) noexcept {
    stack* s = task_stack();
    if (s == nullptr) return static_cast<thread_waiter*>(who_)->sleep(deadline);
    deadline_timer limit;
    if (deadline != k_never) {
        limit.fire = deadline_timer::expire;
        limit.when = deadline;
        limit.who = self();
        permit* p = s->runner->permission.get();
        reactor& r = p != nullptr ? *p->home : s->runner->home().local_reactor();
        r.add(limit);
        if (p == nullptr) r.kernel().wake(); // not ours: whoever sleeps there does not know this deadline
    }
    worker::leave(*s);
    if (deadline != k_never) reactor::remove(limit);
    WEFT_ASSERT(who_->word.has_ended());
    return who_->word.how();
}

void wait::throw_cancelled() { current_fiber()->throw_cancelled(); }

void throw_if_cancelled() {
    stack* s = task_stack();
    if (s != nullptr && s->owner->word.cancel_pending() && !masked(*s)) s->owner->throw_cancelled();
}

void yield_now() {
    stack* s = task_stack();
    if (s == nullptr) {
        sched_yield();
        return;
    }
    throw_if_cancelled();
    worker::yield(*s);
    throw_if_cancelled();
}

bool others_wait() noexcept {
    stack* s = task_stack();
    return s != nullptr && s->runner->others_wait();
}

} // namespace weft::detail
