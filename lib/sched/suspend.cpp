// SPDX-License-Identifier: Apache-2.0
#include <weft/sched/suspend.hpp>

#include <sched.h>

#include <cstdlib>
#include <exception>
#include <utility>

#include "base/assert.hpp"
#include "base/futex.hpp"
#include "sched/scheduler.hpp"
#include "sched/thread_wait.hpp"
#include <weft/greenlet/strand.hpp>

namespace weft::detail {
namespace {

std::atomic<thread_tasks*> other_tasks{nullptr};

/// A plain thread as a waiter, or what runs on it now and may go on elsewhere. Never freed: a late waker may still look at
/// one whose thread has gone.
class thread_waiter final : public waiter, private left_wait {
public:
    void resume() noexcept override {
        // release pairs with sleep and leave: what the ender did before resume is seen; acquire with left
        if (go_.exchange(k_go, std::memory_order_acq_rel) == k_left)
            leaves_to_->go_on(place_);
        else
            futex_wake(go_, 1); // may come late and hit the next wait, which then looks again
    }

    // As a fiber, the thread goes on only after resume: until then the ender may still use what lies in its frame.
    wait_end sleep(deadline_ns deadline) noexcept {
        if (deadline == k_never && may_leave()) return leave();
        const observed_sleep told(observer);
        return sleep_unobserved(deadline);
    }
    bool sleep_on_shared(const std::atomic<std::uint32_t>& shared, std::uint32_t value,
                         deadline_ns deadline) noexcept {
        if (may_leave()) return false;
        const observed_sleep told(observer);
        while (shared.load(std::memory_order_relaxed) == value &&
               (deadline == k_never || time_source::monotonic_now() < deadline))
            shared_futex_wait(shared, value, deadline);
        return true;
    }

    thread_waiter* next_free = nullptr;
    thread_wait_observer* observer = nullptr; // of the thread that borrows it

private:
    static constexpr std::uint32_t k_none = 0, k_go = 1, k_left = 2;

    /// While it lives the observer, if there is one, takes the thread for one that sleeps.
    class observed_sleep {
    public:
        explicit observed_sleep(thread_wait_observer* o) noexcept : observer_(o) {
            if (observer_ != nullptr) observer_->sleeps();
        }
        ~observed_sleep() {
            if (observer_ != nullptr) observer_->goes_on();
        }
        observed_sleep(const observed_sleep&) = delete;
        observed_sleep& operator=(const observed_sleep&) = delete;

    private:
        thread_wait_observer* const observer_;
    };

    bool may_leave() noexcept;
    wait_end leave() noexcept;
    void left(void* where) noexcept override {
        place_ = where;
        std::uint32_t none = k_none;
        // release pairs with resume; acquire, of one that was quicker, with it, too
        if (!go_.compare_exchange_strong(none, k_left, std::memory_order_acq_rel,
                                         std::memory_order_acquire))
            leaves_to_->go_on(where);
    }

    wait_end sleep_unobserved(deadline_ns deadline) noexcept {
        while (go_.load(std::memory_order_acquire) == k_none) { // pairs with resume
            if (deadline != k_never && time_source::monotonic_now() >= deadline) {
                if (word.end(word.epoch(), wait_end::expired)) return wait_end::expired;
                deadline = k_never; // somebody else ended it: resume is on its way
            }
            futex_wait(go_, k_none, deadline);
        }
        go_.store(k_none, std::memory_order_relaxed);
        return word.how();
    }

    std::atomic<std::uint32_t> go_{k_none};
    thread_tasks* leaves_to_ = nullptr; // both: of the wait that has left its thread
    void* place_ = nullptr;
};

spin_lock free_lock;
thread_waiter* free_waiters = nullptr; // guarded by free_lock

/// Borrows a thread_waiter for a thread's life, or until a wait leaves the thread and takes it along.
class thread_ticket {
public:
    thread_waiter& mine() {
        if (mine_ == nullptr) borrow();
        return *mine_;
    }
    void take_along() noexcept { mine_ = nullptr; }
    void bring(thread_waiter& w) noexcept {
        give_back();
        mine_ = &w;
    }
    ~thread_ticket() { give_back(); }

private:
    void borrow() {
        free_lock.lock();
        mine_ = free_waiters;
        if (mine_ != nullptr) free_waiters = mine_->next_free;
        free_lock.unlock();
        if (mine_ == nullptr) mine_ = new thread_waiter;
    }
    void give_back() noexcept {
        if (mine_ == nullptr) return;
        mine_->observer = nullptr;
        free_lock.lock();
        mine_->next_free = free_waiters;
        free_waiters = mine_;
        free_lock.unlock();
    }
    thread_waiter* mine_ = nullptr;
};

// Noinline: a thread-local must never be read in code that may continue on another thread.
[[gnu::noinline]] thread_ticket& this_thread_ticket() noexcept {
    static thread_local thread_ticket ticket;
    return ticket;
}
thread_waiter& this_thread_waiter() { return this_thread_ticket().mine(); }

// Exceptions that are being handled, and greenlets, belong to the thread.
bool thread_waiter::may_leave() noexcept {
    thread_tasks* tasks = other_tasks.load(std::memory_order_acquire); // pairs with leave_waits_to
    if (observer != nullptr || tasks == nullptr || !tasks->can_leave()) return false;
    const stack_head* s = current_stack();
    if ((s != nullptr && s->greenlets != nullptr) || std::uncaught_exceptions() != 0 ||
        std::current_exception() != nullptr)
        return false;
    leaves_to_ = tasks;
    return true;
}

wait_end thread_waiter::leave() noexcept {
    this_thread_ticket().take_along();
    context_ref locals = std::exchange(current_context(), {});
    leaves_to_->leave(*this);
    // Maybe another thread from here on.
    this_thread_ticket().bring(*this);
    std::swap(current_context(), locals);
    go_.exchange(k_none, std::memory_order_acquire); // pairs with resume
    return word.how();
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

wait::wait(wait_reason why, bool cancellable) noexcept {
    if (stack* s = task_stack()) {
        who_ = s->owner;
        s->owner->waits_for = why;
        s->owner->waits_since = s->runner->waiting_clock();
        cancellable_ = cancellable && !masked(*s);
    } else {
        who_ = &this_thread_waiter();
        cancellable_ = false;
    }
}

wait_end wait::park(deadline_ns deadline) noexcept {
    stack* s = task_stack();
    if (s == nullptr) return static_cast<thread_waiter*>(who_)->sleep(deadline);
    if (deadline != k_never) return park_until(*s, deadline);
    worker::leave(*s);
    WEFT_ASSERT(who_->word.has_ended());
    return who_->word.how();
}

// Apart, so that a wait without a limit makes no timer.
[[gnu::noinline]] wait_end wait::park_until(stack& me, deadline_ns deadline) noexcept {
    deadline_timer limit;
    limit.fire = deadline_timer::expire;
    limit.when = deadline;
    limit.who = self();
    me.runner->home().local_reactor().add(limit);
    const wait_end end = park();
    // Only the timer lets a wait expire: then it has fired, and that was the last time anybody touched it.
    if (end != wait_end::expired) reactor::remove(limit);
    return end;
}

bool sleep_on_shared(const std::atomic<std::uint32_t>& word, std::uint32_t value,
                     deadline_ns deadline) noexcept {
    return this_thread_waiter().sleep_on_shared(word, value, deadline);
}

void observe_waits_of_this_thread(thread_wait_observer* observer) noexcept {
    this_thread_waiter().observer = observer;
}

void leave_waits_to(thread_tasks& tasks) noexcept {
    other_tasks.store(&tasks, std::memory_order_release); // pairs with may_leave
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
