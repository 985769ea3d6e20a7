// SPDX-License-Identifier: Apache-2.0
#include "sched/scheduler.hpp"

#include <sched.h>

#include <mutex>

#include "base/assert.hpp"
#include "base/tsc.hpp"
#include "context/overflow.hpp"
#include "sched/fork_list.hpp"
#include <weft/context/switch.hpp>
#include <weft/greenlet/strand.hpp>

namespace weft::detail {
namespace {

constexpr deadline_ns k_long_patience = 100'000'000;

void print_stack_owner(int fd, const stack& s) { s.owner->print_owner(fd); }

} // namespace

void fiber::resume() noexcept { scheduler_->make_ready(*this); }

scheduler::scheduler(const scheduler_options& options)
    : options_(options),
      time_(options.virtual_time),
      stacks_(options.stack_size, &worker::stack_main,
              (options.workers + options.started) * worker::k_kept_stacks),
      permits_(options.workers),
      workers_(options.workers + options.spares),
      spares_(options.workers + options.spares),
      long_steps_(options.workers * 3 / 2),
      idle_(options.workers, options.spares),
      outside_stacks_(stacks_),
      may_rob_(options.workers > 1 && has_heavy_fence()) {
    install_overflow_handler(print_stack_owner);
    // Once: several runtimes may begin at the same time.
    [[maybe_unused]] static const auto set = strand::slot_of = &scheduler::stack_slot_of;
    for (unsigned i = 0; i < options.workers; ++i) {
        reactors_.push_back(std::make_unique<reactor>(options.make_backend(time_), time_));
        permits_[i].home = reactors_.back().get();
        permits_[i].core = i;
    }
    for (unsigned i = 0; i < options.workers + options.started; ++i)
        workers_.add(std::make_unique<worker>(*this, i));
    for (permit& p : permits_) {
        p.holder.store(&workers_[p.core], std::memory_order_relaxed); // nobody runs yet
        workers_[p.core].permission.grant(&p);
    }
    if (options.seed != 0) lottery_.emplace(options.seed);
    if (options.watch) monitor_.emplace(*this, *options.watch);
    try {
        if (!options.caller_runs)
            for (auto& w : workers_) w->start_thread();
        if (monitor_) monitor_->start();
    } catch (...) {
        stop();
        throw;
    }
}

scheduler::~scheduler() {
    stop();
    slots_->retire();
}

void scheduler::stop() noexcept {
    if (monitor_) monitor_->stop(); // first: it makes workers
    stopping_.store(true,
                    std::memory_order_seq_cst); // pairs with the last look before a worker sleeps
    for (auto& w : workers_) {
        w->permission.stop();
        w->unpark();
    }
    for (auto& w : workers_)
        if (w->thread_.joinable()) w->join_thread();
    // Somebody may have made the last fiber ready and not be through yet; acquire pairs with make_ready.
    while (outside_calls_.load(std::memory_order_acquire) != 0) sched_yield();
}

void scheduler::provide_stack(fiber& f, std::size_t size) {
    if (size != 0 && rounded_stack_size(size) != stacks_.stack_size()) {
        f.stack_ = map_single_stack(size, &worker::stack_main);
        single_stacks_.fetch_add(1, std::memory_order_relaxed);
        f.stack_->owner = &f;
        allow_forks(*f.stack_, f.is_task);
        return;
    }
    if (worker* w = own_worker()) {
        w->stacks.take();
        return;
    }
    const std::lock_guard guard(outside_lock_);
    outside_stacks_.take();
}

void scheduler::withdraw_stack(fiber& f) noexcept {
    if (f.stack_ != nullptr && f.stack_->single) {
        unmap_single(f.stack_);
        f.stack_ = nullptr;
        return;
    }
    if (worker* w = own_worker()) {
        w->stacks.put();
        return;
    }
    const std::lock_guard guard(outside_lock_);
    outside_stacks_.put();
}

void scheduler::unmap_single(stack* s) noexcept {
    single_stacks_.fetch_sub(1, std::memory_order_relaxed);
    const std::lock_guard guard(foreign_stacks_);
    unmap_single_stack(s);
}

std::size_t scheduler::live_stacks() noexcept {
    std::size_t cached = 0;
    for (unsigned i = 0; i < workers(); ++i) cached += worker_at(i).cached_stacks();
    const std::size_t taken = stacks_.taken() + single_stacks_.load(std::memory_order_relaxed);
    return taken - std::min(taken, cached);
}

void scheduler::make_ready(fiber& f) noexcept {
    if (worker* w = own_worker()) return w->make_ready(f);
    outside_calls_.fetch_add(
        1, std::memory_order_relaxed); // the push shows it to stop, by way of the fiber's end
    f.ready_at_ = coarse_tsc() | 1;
    if (worker* alone = f.bound_to()) {
        alone->make_ready_here(f);
    } else {
        inject_.push(f);
        notify();
    }
    outside_calls_.fetch_sub(
        1, std::memory_order_release); // pairs with stop: this is the last we touch
}

void scheduler::notify() noexcept {
    if (const int w = idle_.worker_to_wake(); w != idle_workers::k_nobody)
        workers_[static_cast<unsigned>(w)].unpark();
}

bool scheduler::anybody_runs() const noexcept {
    for (const permit& p : permits_)
        if (p.holder.load(std::memory_order_acquire)->is_running(std::memory_order_seq_cst))
            return true; // acquire pairs with hand_over, seq_cst with worker::start_running
    return false;
}

// Its thread goes straight to waiting for the permit that is on its way.
worker* scheduler::make_spare() noexcept {
    if (workers_.size() == workers_.capacity()) return nullptr;
    try {
        auto w = std::make_unique<worker>(*this, workers_.size());
        stacks_.reserve(worker::k_kept_stacks);
        try {
            w->is_promised_ = true;
            w->is_offered_.store(true, std::memory_order_relaxed);
            w->start_thread();
        } catch (...) {
            stacks_.unreserve(worker::k_kept_stacks);
            throw;
        }
        return &workers_.add(std::move(w));
    } catch (const std::exception&) {
        return nullptr; // no memory, or no thread: as if the limit were reached
    }
}

worker* scheduler::find_spare() noexcept {
    worker* idle = spares_.take();
    return idle != nullptr ? idle : make_spare();
}

bool scheduler::keeps_forks(const worker& w) noexcept {
    const std::lock_guard guard(foreign_stacks_);
    return w.keeps_forks();
}

worker* scheduler::lend_next(worker& from) noexcept {
    fiber* f = basic_deque<fiber*>::guest(from.queue_).take();
    if (f == nullptr) return nullptr;
    worker* to = find_spare();
    if (to == nullptr) {
        inject_.push(*f);
        notify();
        return nullptr;
    }
    lend(*f, *to, false);
    return to;
}

bool scheduler::lend(fiber& f) noexcept {
    worker* to = spares_.take();
    if (to == nullptr) {
        lacks_spare_.store(true, std::memory_order_relaxed);
        return false;
    }
    const bool is_long = f.stack_->steps == step_kind::computes;
    if (is_long && !long_steps_.begin(f))
        spares_.add(*to);
    else
        lend(f, *to, is_long);
    return true;
}

void scheduler::lend(fiber& f, worker& to, bool is_long) noexcept {
    to.running_.store(true, std::memory_order_relaxed); // it is ours until it sees what is lent
    to.lent_is_long_ = is_long;
    to.lent_.store(&f, std::memory_order_release); // pairs with run_lent: all we did to it before
    to.is_offered_.store(false, std::memory_order_release); // pairs with await_permit
    to.permission.nudge();
}

void scheduler::see_to_spares(deadline_ns now) noexcept {
    if (lacks_spare_.exchange(false, std::memory_order_relaxed))
        if (worker* w = make_spare()) spares_.add(*w);
    fiber* late = long_steps_.overdue(now, k_long_patience);
    if (late == nullptr) return;
    if (worker* to = find_spare()) return lend(*late, *to, true);
    inject_.push(*late);
    (void)long_steps_.next(); // more than may run did, so it gives nobody
    notify();
}

scheduler::displaced scheduler::displace(worker& from) noexcept {
    worker* to = find_spare();
    if (to == nullptr) return displaced::no_spare;
    if (hand_over(from, *to)) return displaced::yes;
    spares_.add(*to);
    return displaced::has_gone_on;
}

void scheduler::inject_all_of(worker& w) noexcept {
    bool any = false;
    w.take_all([&](fiber* f) {
        inject_.push(*f);
        any = true;
    });
    if (any) notify();
}

bool scheduler::move_permit(worker& from, worker& to) noexcept {
    if (!spares_.take(to)) return false;
    if (hand_over(from, to)) return true;
    spares_.add(to);
    return false;
}

// `to` waits for a permit, or is about to, and is in nobody's list.
bool scheduler::hand_over(worker& from, worker& to) noexcept {
    permit* p = from.permission.get();
    if (p == nullptr || !from.permission.revoke(p)) return false;
    WEFT_ASSERT(to.permission.get() == nullptr);
    from.unpark(); // it may have gone to sleep meanwhile, with the baton that `to` needs
    to.takes_over_ = &from;
    p->holder.store(&to,
                    std::memory_order_release); // pairs with its readers: the worker is complete
    to.permission.grant(p);
    to.is_offered_.store(false, std::memory_order_release); // pairs with await_permit
    return true;
}

reactor& scheduler::local_reactor() noexcept {
    if (worker* w = own_worker())
        if (permit* p = w->permission.get()) return *p->home;
    return *reactors_[next_reactor_.fetch_add(1, std::memory_order_relaxed) % reactors_.size()];
}

} // namespace weft::detail
