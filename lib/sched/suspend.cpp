// SPDX-License-Identifier: Apache-2.0
#include <weft/sched/suspend.hpp>

#include <sched.h>

#include <cstdlib>

#include "base/assert.hpp"
#include "base/futex.hpp"
#include "greenlet/strand.hpp"
#include "sched/scheduler.hpp"
#include "sched/thread_wait.hpp"

namespace weft::detail {
namespace {

/// A plain thread as a waiter. Never freed: a late waker may still look at one whose thread has gone.
class thread_waiter final : public waiter {
public:
    void resume() noexcept override {
        go_.store(
            1,
            std::
                memory_order_release); // pairs with sleep: what the ender did before resume is seen
        futex_wake(go_, 1); // may come late and hit the next wait, which then looks again
    }

    // As a fiber, the thread goes on only after resume: until then the ender may still use what lies in its frame.
    wait_end sleep(deadline_ns deadline) noexcept {
        if (observer == nullptr) return sleep_unobserved(deadline);
        observer->sleeps();
        const wait_end end = sleep_unobserved(deadline);
        observer->goes_on();
        return end;
    }

    thread_waiter* next_free = nullptr;
    thread_wait_observer* observer = nullptr; // of the thread that borrows it

private:
    wait_end sleep_unobserved(deadline_ns deadline) noexcept {
        while (go_.load(std::memory_order_acquire) == 0) { // pairs with resume
            if (deadline != k_never && time_source::monotonic_now() >= deadline) {
                if (word.end(word.epoch(), wait_end::expired)) return wait_end::expired;
                deadline = k_never; // somebody else ended it: resume is on its way
            }
            futex_wait(go_, 0, deadline);
        }
        go_.store(0, std::memory_order_relaxed);
        return word.how();
    }

    std::atomic<std::uint32_t> go_{0};
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
        mine->observer = nullptr;
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
    static void expire(timer& t) noexcept {
        static_cast<deadline_timer&>(t).who.wake(wait_end::expired);
    }
};

bool masked(const stack& s) noexcept {
    return s.owner->masks != 0 || s.thread->eh->uncaught != 0 ||
           (s.greenlets != nullptr && s.greenlets->masks_cancel());
}

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
        s->runner->home().local_reactor().add(limit);
    }
    worker::leave(*s);
    if (deadline != k_never) reactor::remove(limit);
    WEFT_ASSERT(who_->word.has_ended());
    return who_->word.how();
}

void observe_waits_of_this_thread(thread_wait_observer* observer) noexcept {
    this_thread_waiter().observer = observer;
}

void wait::throw_cancelled() {
    static_cast<fiber*>(who_)->throw_cancelled(); // threads are never cancelled
    std::abort(); // the compiler does not trust a virtual function's noreturn
}

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

void operation_point_slow() {
    current_stack()->operations_left = stack_head::k_operations_per_look;
    throw_if_cancelled();
    if (others_wait()) yield_now();
}

} // namespace weft::detail
