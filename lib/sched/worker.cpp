// SPDX-License-Identifier: Apache-2.0
// Running: picking the next fiber, changing stacks. Sleeping is in worker_idle.cpp.
#include "sched/worker.hpp"

#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <mutex>
#include <string>
#include <utility>

#include "base/assert.hpp"
#include "base/tsc.hpp"
#include "context/overflow.hpp"
#include "sched/fork_list.hpp"
#include "sched/scheduler.hpp"
#include <weft/context/switch.hpp>
#include <weft/greenlet/strand.hpp>

namespace weft::detail {
namespace {

constexpr unsigned k_slot_runs =
    3; // as tokio: a pair that wakes each other may go on so long before others get a turn
constexpr unsigned k_quick_steps = 4; // in a row make a quick one: an event in vain is a step, too
constexpr deadline_ns k_long_step = 1'000'000;
constexpr unsigned k_crowd = 61; // a prime: no pattern of the program fits it

} // namespace

worker::worker(scheduler& s, unsigned index)
    : stacks(s.stacks_),
      scheduler_(s),
      index_(index),
      random_(index + 1),
      queue_(s.has_one_permit_ && has_heavy_fence()) {}

worker::~worker() = default;

void worker::start_thread() {
    thread_ = std::thread([this] { thread_main(); });
}

// The calling thread is this worker's from here on.
void worker::enter_thread() noexcept {
    clockid_t clock = 0;
    pthread_getcpuclockid(pthread_self(), &clock);
    cpu_clock_.store(clock, std::memory_order_relaxed);
    thread_id_.store(gettid(), std::memory_order_relaxed);
    prctl(PR_SET_TIMERSLACK, 1); // the default of 50 us would be added to each timer
    stack_before_ = current_stack();
    adopt_thread(loop_stack_, thread_state_);
    loop_stack_.runner = this;
}

void worker::leave_thread() noexcept {
    while (cached_stacks_ != nullptr) {
        stack* s = cached_stacks_;
        cached_stacks_ = s->next_free;
        scheduler_.stacks_.give_back(s);
    }
    cached_count_ = 0;
    release_thread(loop_stack_, stack_before_);
}

void worker::thread_main() {
    pthread_setname_np(pthread_self(), ("weft-" + std::to_string(index_)).c_str());
    const signal_stack alternate;
    enter_thread();
    pin_to_core();
    loop();
    leave_thread();
}

void worker::loop() {
    for (;;) {
        if (permission.get() == nullptr || takes_over_ != nullptr) [[unlikely]]
            if (!await_permit()) return;
        if (has_lent()) [[unlikely]] {
            run_lent();
            continue;
        }
        if (permission.get() == nullptr) [[unlikely]] {
            run_staying();
            continue;
        }
        if (fiber* next = find_work())
            go(loop_stack_, next, after_save);
        else if (scheduler_.stopping_.load(std::memory_order_acquire) || run_is_over_) // with stop
            return;
    }
}

// The next fiber without a system call, or null: the loop must look around (or has more ways to find one).
fiber* worker::pick() noexcept {
    if (permission.get() == nullptr || --picks_left_ == 0) [[unlikely]]
        return nullptr;
    if (--switches_to_clock_ == 0 && look_at_switch()) [[unlikely]]
        return nullptr;
    return take_ready();
}

fiber* worker::take_ready() noexcept {
    if (slot_runs_ < k_slot_runs && slot_.load(std::memory_order_relaxed) != nullptr) {
        // acquire pairs with the release of whoever filled it; an exchange, since thieves may come
        if (fiber* f = slot_.exchange(nullptr, std::memory_order_acq_rel)) {
            ++slot_runs_;
            return check_saved(f);
        }
    }
    slot_runs_ = 0;
    if (fiber* f = queue_.take_own()) return check_saved(f);
    if (slot_.load(std::memory_order_relaxed) != nullptr)
        if (fiber* f = slot_.exchange(nullptr, std::memory_order_acq_rel)) return check_saved(f);
    return nullptr;
}

// A fiber may be made ready while it is still on its way off its stack, on another thread. That takes some instructions,
// unless that thread was preempted: then it goes to the end of the queue.
fiber* worker::check_saved(fiber* f) noexcept {
    if (f->stack_ == nullptr || f->stack_ == current_stack()) return f;
    for (int i = 0; i < 100; ++i) {
        if (f->stack_->saved.load(std::memory_order_acquire)) // pairs with after_save
            return f->stack_->steps != step_kind::quick && lend(*f) ? nullptr : f;
        cpu_pause();
    }
    sched_yield();
    if (f->bound_to() != nullptr)
        staying_.push(*f);
    else
        queue_.push(f);
    return nullptr;
}

// A late step of it kept its thread, so this one probably will. A spare that is idle runs it, without a permit, and this core
// goes on at once. True: that is so, or it waits for others that compute.
[[gnu::noinline]] bool worker::lend(fiber& f) noexcept {
    return permission.get() != nullptr && !f.stack_->wants_permit && scheduler_.lend(f);
}

// Of one without a permit: it was displaced in it, or was lent it.
step_kind worker::kind_of_step() noexcept {
    if (!lent_at_) return found_.load(std::memory_order_relaxed);
    const thread_usage now = usage_of_this_thread();
    if (now.sleeps != lent_at_->sleeps) return step_kind::blocks;
    return now.cpu - lent_at_->cpu >= k_long_step ? step_kind::computes : step_kind::quick;
}

void worker::note_step(stack& me) noexcept {
    const step_kind kind = me.owner->bound_to() != nullptr ? step_kind::quick : kind_of_step();
    lent_at_.reset();
    if (kind != step_kind::quick) {
        me.steps = kind;
        me.quick_steps = 0;
    } else if (++me.quick_steps >= k_quick_steps || me.owner->bound_to() != nullptr) {
        me.steps = step_kind::quick;
    }
}

fiber* worker::take_first(inject_queue& q) noexcept {
    fiber* f = nullptr;
    q.take(1, [&f](fiber* first) { f = first; });
    return f != nullptr ? check_saved(f) : nullptr;
}

stack& worker::stack_for(fiber& f) noexcept {
    if (f.stack_ == nullptr) {
        stack* s = cached_stacks_;
        if (s != nullptr) {
            cached_stacks_ = s->next_free;
            cached_count_.store(cached_stacks() - 1, std::memory_order_relaxed);
        } else {
            s = scheduler_.stacks_.take();
        }
        s->owner = &f;
        f.stack_ = s;
        allow_forks(*s, f.is_task);
    }
    return *f.stack_;
}

void worker::enter(fiber& f) noexcept {
    f.last_worker_ = static_cast<std::uint16_t>(index_);
    if (f.ready_at_ != 0) [[unlikely]]
        latency_.add(coarse_steps_since(std::exchange(f.ready_at_, 0)));
    running_task_.store(f.is_listed ? &f : nullptr, std::memory_order_relaxed);
    // A greenlet's stack may go while the task runs, its own does not. release pairs with the readers: the header is there
    strand* greenlets = f.stack_->greenlets;
    running_stack_.store(greenlets != nullptr ? &greenlets->root_stack() : f.stack_,
                         std::memory_order_release);
    if (forks_demanded()) [[unlikely]]
        look_at_next_fork(*f.stack_);
    worker_counters::add(counters_.switches);
}

void worker::go(stack& from, fiber* next, void (*after)(stack&)) noexcept {
    stack* to = &loop_stack_;
    if (next != nullptr) {
        to = &stack_for(*next);
        to->saved.store(
            false,
            std::memory_order_relaxed); // ours from here on; the next release is after_save's
        enter(*next);
    } else {
        if (permission.get() == nullptr && from.owner != nullptr) [[unlikely]]
            note_step(from); // nobody else runs it before it is saved
        running_task_.store(nullptr,
                            std::memory_order_relaxed); // it may end elsewhere from here on
        running_stack_.store(nullptr, std::memory_order_relaxed); // and be unmapped
    }
    WEFT_ASSERT(to->after != nullptr);
    switch_stacks(from, *to, after);
}

// Nothing may depend on a frame that waits, and who waits in us blocks no thread.
void worker::before_wait(stack& me) noexcept {
    share_all_forks(me);
    me.runner->blocking_.store(false, std::memory_order_relaxed);
}

// Flat, as yield and stack_main: few returns lie between a jump and the task's own code (docs/design/the-switch.md).
[[gnu::flatten]] void worker::leave(stack& me) noexcept {
    before_wait(me);
    worker& w = *me.runner;
    fiber* next = w.pick();
    if (next == me.owner) { // its wait has ended already
        worker_counters::add(w.counters_.switches);
        return;
    }
    w.go(me, next, after_save);
}

[[gnu::flatten]] void worker::yield(stack& me) noexcept {
    before_wait(me);
    worker& w = *me.runner;
    if (w.slot_.load(std::memory_order_relaxed) != nullptr) // it was ready before
        if (fiber* f = w.slot_.exchange(nullptr, std::memory_order_acq_rel)) w.queue_.push(f);
    if (me.owner->bound_to() != nullptr) [[unlikely]]
        w.staying_.push(*me.owner);
    else
        w.queue_.push(me.owner);
    fiber* next = w.pick();
    if (next == me.owner) return;
    w.go(me, next, after_save);
}

// As yield, but what is ready, and becomes so meanwhile, comes first: it may be some microseconds of work for a socket, and
// this fiber has just had 100 of its own. Who never waits still gets its turns (take_background_turn).
void worker::give_way(stack& me) noexcept {
    worker& w = *me.runner;
    if (me.owner->bound_to() != nullptr || w.scheduler_.options_.caller_runs) {
        w.tell_others(); // of what the look brought in
        return yield(me);
    }
    w.gives_way_ = true;
    before_wait(me);
    w.gives_way_ = false;
    w.background_.push(*me.owner);
    w.tell_others();
    w.go(me, w.pick(), after_save);
}

[[gnu::flatten]] void worker::stack_main(stack& s) {
    for (;;) {
        s.owner->run();
        // The fiber may be gone, and this may be another worker than before.
        static_cast<stack*>(current_stack())->runner->next_on_this_stack(s);
    }
}

// A fiber has ended on s. A new one begins on the same stack, hot as it is; else the stack goes to the cache.
void worker::next_on_this_stack(stack& s) noexcept {
    WEFT_ASSERT(s.forks.empty() && s.greenlets == nullptr);
    const bool single = s.single;
    if (!single) stacks.put();
    s.owner = nullptr;
    s.steps = step_kind::quick;
    fiber* next = pick();
    if (next != nullptr && next->stack_ == nullptr && !single) {
        s.owner = next;
        next->stack_ = &s;
        allow_forks(s, next->is_task);
        enter(*next);
        return;
    }
    go(s, next, single ? after_finish_unmap : after_finish);
}

void worker::after_finish(stack& left) noexcept {
    worker& w = *left.runner;
    left.saved.store(true, std::memory_order_relaxed);
    if (w.cached_stacks() == k_cached_stacks) return w.scheduler_.stacks_.give_back(&left);
    left.next_free = w.cached_stacks_;
    w.cached_stacks_ = &left;
    w.cached_count_.store(w.cached_stacks() + 1, std::memory_order_relaxed);
}

void worker::after_finish_unmap(stack& left) noexcept {
    left.runner->scheduler_.unmap_single(&left);
}

void worker::share(fiber& f) noexcept {
    if (gives_way_)
        background_.push(f);
    else
        queue_.push(&f);
    if (permission.get() == nullptr) [[unlikely]]
        return scheduler_.inject_all_of(*this);
    tell_others();
}

// Alone, there is nobody to tell, and the fence that it takes is spared.
void worker::tell_others() noexcept {
    if (!scheduler_.has_one_permit_) scheduler_.notify();
}

void worker::make_ready(fiber& f) noexcept {
    if (--samples_left_ == 0) [[unlikely]] {
        samples_left_ = k_crowd;
        worker_counters::add(counters_.crowds);
        f.ready_at_ = coarse_tsc() | 1; // 0 means none
    }
    if (worker* alone = f.bound_to()) [[unlikely]]
        return alone->make_ready_here(f);
    if (scheduler_.options_.force_migration && f.stack_ != nullptr) [[unlikely]]
        return make_ready_elsewhere(f);
    if (expects_forks_) [[unlikely]] // each goes on where it was: its part of the data is there
        if (worker& last = scheduler_.worker_at(f.last_worker_); &last != this && last.lingers())
            return send(last, f);
    fiber* to_queue = &f;
    if (!polling_ && !scheduler_.has_one_permit_) // with one, the order of arrival is a promise
        // acq_rel: release shows the fiber to a thief, acquire shows us the one that was there
        to_queue = slot_.exchange(&f, std::memory_order_acq_rel);
    if (to_queue != nullptr) queue_.push(to_queue);
    // After the push: who takes the permit away and then looks here may have looked before it. The monitor would find what
    // is left here all the same, a step later.
    if (permission.get() == nullptr) [[unlikely]]
        return scheduler_.inject_all_of(*this);
    // What is alone in the slot wakes nobody: this worker runs it next, or the monitor finds it.
    if (!polling_ && to_queue != nullptr) tell_others();
}

// It may sleep, with a permit or as a spare without one, or stand down; or run, and come by sooner or later.
void worker::make_ready_here(fiber& f) noexcept {
    staying_.push(f);
    if (current() == this) return;
    unpark();
    full_fence(); // pairs with the one in retire: either it finds f there, or we see it without a permit
    if (permission.get() == nullptr) permission.nudge();
}

// A fork that nobody may take is a call: so the list takes none. Older ones are joined after the braces.
void worker::stay(stack& me) noexcept {
    if (me.owner->stays++ != 0) return;
    me.owner->stays_on_.store(me.runner, std::memory_order_relaxed);
    allow_forks(me, false);
}

// The stack is another one where a coroutine let the first go.
void worker::stop_staying(stack& me) noexcept {
    if (--me.owner->stays != 0) return;
    me.owner->stays_on_.store(nullptr, std::memory_order_relaxed);
    allow_forks(me, me.owner->is_task);
}

bool worker::begin_blocking() noexcept {
    if (is_blocking()) return false;
    worker_counters::add(counters_.blocking_calls);
    blocking_.store(true, std::memory_order_relaxed);
    return true;
}

// To the next worker that has a permit.
void worker::make_ready_elsewhere(fiber& f) noexcept {
    const unsigned n = scheduler_.permits();
    const auto holder = [&](unsigned i) -> worker& {
        return *scheduler_.permits_[i % n].holder.load(std::memory_order_acquire); // hand_over
    };
    unsigned i = f.last_worker_ + 1;
    if (holder(i).index() == f.last_worker_) ++i;
    send(holder(i), f);
}

void worker::send(worker& to, fiber& f) noexcept {
    to.mail_.push(f);
    to.unpark();
    // Lost the permit meanwhile, it may be past retire. Either it sees the mail there, or we see it without a permit.
    full_fence();
    if (to.permission.get() != nullptr) return;
    to.mail_.take(1, [this](fiber* g) { queue_.push(g); });
    scheduler_.notify();
}

} // namespace weft::detail
