// SPDX-License-Identifier: Apache-2.0
#include "sched/monitor.hpp"

#include <poll.h>
#include <pthread.h>
#include <sys/prctl.h>

#include <algorithm>
#include <utility>

#include "base/futex.hpp"
#include "base/thread_priority.hpp"
#include "base/thread_sleeps.hpp"
#include "sched/scheduler.hpp"

namespace weft::detail {
namespace {

constexpr deadline_ns k_step = 1'000'000, k_short_step = 50'000; // design idea 3
constexpr unsigned k_fast_looks = 10;  // short steps after the last blocked worker that was found
constexpr unsigned k_quiet_looks = 10; // then it dozes
constexpr int k_displaced_nice = 2;    // measured: docs/design/nice.md
constexpr unsigned k_largest_batch = 64;
constexpr deadline_ns k_longest_batch = 250'000; // measured: docs/design/the-look.md
constexpr unsigned k_calm_looks = 20;            // then the steps are twice as long
constexpr unsigned k_very_calm_looks = 220;      // then four times
constexpr int k_patience = 10; // times stuck_after, for who makes others ready all the time
constexpr deadline_ns k_second = 1'000'000'000;

bool is_due(reactor& r, deadline_ns now) noexcept {
    if (r.next_deadline() <= now) return true;
    pollfd kernel{r.kernel().descriptor(), POLLIN, 0};
    return kernel.fd >= 0 && ::poll(&kernel, 1, 0) > 0;
}

} // namespace

void monitor::start() {
    usual_nice_ = thread_nice(0);
    may_be_nice_ = can_restore_nice();
    permits_.resize(scheduler_.permits());
    displaced_.reserve(scheduler_.most_workers());
    thread_ = std::thread([this] { thread_main(); });
}

void monitor::stop() noexcept {
    if (!thread_.joinable()) return;
    stopping_.store(true,
                    std::memory_order_seq_cst); // pairs with thread_main's look before it dozes
    somebody_runs();
    thread_.join();
}

void monitor::wake() noexcept { futex_wake(doze_.word(), 1); }

void monitor::thread_main() noexcept {
    pthread_setname_np(pthread_self(), "weft-monitor");
    prctl(PR_SET_TIMERSLACK, 1);
    for (;;) {
        if (stopping_.load(std::memory_order_relaxed)) return;
        const deadline_ns until = look(time_source::monotonic_now());
        if (until != k_never) {
            time_source::sleep_until(until);
            continue;
        }
        doze_.begin();
        if (!stopping_.load(std::memory_order_seq_cst) && !scheduler_.anybody_runs())
            while (doze_.is_dozing()) futex_wait(doze_.word(), 1);
        doze_.end();
        quiet_looks_ = 0;
    }
}

// Looks at everybody; says when to look next.
deadline_ns monitor::look(deadline_ns now) noexcept {
    worker_counters::add(counters_.looks);
    bool anybody_runs = false;
    soon_ = false;
    if (fast_looks_ > 0) --fast_looks_;
    scheduler_.see_to_spares(now);
    displaced_.resize(scheduler_.workers());
    for (unsigned i = 0; i < permits_.size(); ++i) {
        permit& p = scheduler_.permit_at(i);
        anybody_runs |=
            p.holder.load(std::memory_order_acquire)->is_running(); // pairs with hand_over
        look_at_permit(p, permits_[i], now);
    }
    anybody_runs |= look_at_displaced(now);
    if (anybody_runs) scheduler_.note_watch();
    quiet_looks_ = anybody_runs ? 0 : quiet_looks_ + 1;
    if (quiet_looks_ >= k_quiet_looks) return k_never;
    if (soon_ || fast_looks_ > 0) return now + k_short_step;
    const deadline_ns step = std::min(k_step, with_.stuck_after);
    ++calm_looks_;
    return now + step * (calm_looks_ > k_very_calm_looks ? 4 : calm_looks_ > k_calm_looks ? 2 : 1);
}

bool monitor::is_same_step(note& n, worker& w, deadline_ns now) noexcept {
    const std::uint64_t step = w.step();
    if (n.who == &w && n.step == step) return true;
    n = {&w, step, now, k_unknown, 0, w.crowds(), w.blocking_calls(), false};
    return false;
}

// Blocked: the CPU clock of its thread stands still, and not for want of a core: the kernel says that it sleeps. That takes
// two looks at the clock.
monitor::verdict monitor::judge(note& n, deadline_ns now) noexcept {
    const deadline_ns cpu = n.who->cpu_time();
    const bool known = n.cpu != k_unknown;
    const bool still = cpu - n.cpu <= (now - n.cpu_at) / 8;
    n.cpu = cpu;
    n.cpu_at = now;
    if (!known) return verdict::unknown;
    if (!still) return verdict::computing;
    return thread_sleeps(n.who->thread_id()) ? verdict::blocked : verdict::waits_for_core;
}

void monitor::look_at_permit(permit& p, note& n, deadline_ns now) noexcept {
    worker& w = *p.holder.load(std::memory_order_acquire); // pairs with hand_over
    if (!w.is_running(
            std::memory_order_acquire)) { // with start_running: its thread's id and clock are there
        n.who = nullptr;
        return;
    }
    const bool announced = w.is_blocking();
    if (!is_same_step(n, w, now)) {
        soon_ |= announced;
        if (fast_looks_ > 0) { // the next look comes soon, and then knows more
            n.cpu = w.cpu_time();
            n.cpu_at = now;
        }
        return;
    }
    tell_slow(n, now);
    if (scheduler_.sleeping_workers() > 0) {
        w.demand_forks();
        if (scheduler_.keeps_forks(w))
            scheduler_.notify(); // who searches robs it if it does not answer
    }
    // One quick call after the other is no blocked worker, but one that computes.
    const std::uint64_t calls = w.blocking_calls();
    const bool same_call = std::exchange(n.calls, calls) == calls;
    const verdict v = announced && same_call ? verdict::blocked : judge(n, now);
    soon_ |= v == verdict::unknown || (announced && !same_call);
    if (v == verdict::unknown || v == verdict::waits_for_core) return;
    calm_looks_ = 0;
    w.say_found(v == verdict::blocked ? step_kind::blocks : step_kind::computes);
    if (v == verdict::blocked) {
        if (!displace(n, now)) return;
        worker_counters::add(counters_.blocked);
        batch_ = fast_looks_ > 0 ? std::min(2 * batch_, k_largest_batch) : 1;
        fast_looks_ = k_fast_looks;
        lend_batch(w, *p.holder.load(std::memory_order_relaxed), now);
        return;
    }
    batch_ = 1;
    const bool starts_many = std::exchange(n.crowds, w.crowds()) != w.crowds();
    if (now - n.since < with_.stuck_after * (starts_many ? k_patience : 1)) return;
    if (!w.has_ready() && !scheduler_.has_injected() && !is_due(*p.home, now)) return;
    if (!displace(n, now)) return;
    worker_counters::add(counters_.computing);
    make_nice(w);
}

// The next ones in the queue may well block, too. Those that do not have one core too many, for one step. The successor takes
// the queue over meanwhile. Not for long: while we make threads here, nobody looks whether the successor is blocked as well.
void monitor::lend_batch(worker& displaced, worker& successor, deadline_ns now) noexcept {
    for (unsigned i = 1; i < batch_; ++i) {
        if (time_source::monotonic_now() - now > k_longest_batch) return;
        worker* to = scheduler_.lend_next(displaced);
        if (to == nullptr) to = scheduler_.lend_next(successor);
        if (to == nullptr) return;
    }
}

// One that computes without a permit is one too many on its core. It goes on, with less of it: those who serve the rest are
// there at once when something comes in.
void monitor::make_nice(worker& w) noexcept {
    if (!may_be_nice_ || w.is_nice.exchange(true, std::memory_order_relaxed)) return;
    set_thread_nice(w.thread_id(), usual_nice_ + k_displaced_nice);
}

void monitor::restore(worker& w) noexcept {
    if (!w.is_nice.load(std::memory_order_relaxed)) return;
    w.is_nice.store(false, std::memory_order_relaxed);
    set_thread_nice(w.thread_id(), usual_nice_);
}

// Whoever runs without a permit: displaced, or lent something. What it still makes ready is for the others, and it says so
// itself. This catches what it pushed in the very moment in which it lost the permit. True: there are some.
bool monitor::look_at_displaced(deadline_ns now) noexcept {
    bool any = false;
    for (unsigned i = 0; i < displaced_.size(); ++i) {
        worker& w = scheduler_.worker_at(i);
        if (w.permission.get() != nullptr || !w.is_running()) continue;
        any = true;
        if (w.has_ready()) scheduler_.inject_all_of(w);
        if (w.is_in_fiber() && is_same_step(displaced_[i], w, now)) tell_slow(displaced_[i], now);
    }
    return any;
}

bool monitor::displace(note& n, deadline_ns now) noexcept {
    if (scheduler_.most_workers() == 1) return false; // nobody else is there, and the order stays
    worker& w = *n.who;
    switch (scheduler_.displace(w)) {
    case scheduler::displaced::yes: displaced_[w.index()] = std::exchange(n, {}); return true;
    case scheduler::displaced::no_spare:
        scheduler_.inject_all_of(w); // the others may have time
        if (with_.observer == nullptr || scheduler_.most_workers() == scheduler_.permits()) break;
        if (last_no_spare_ != 0 && now - last_no_spare_ < k_second) break;
        last_no_spare_ = now;
        with_.observer->no_spare(w, n.step, scheduler_.most_workers() - scheduler_.permits());
        break;
    case scheduler::displaced::has_gone_on: break;
    }
    return false;
}

void monitor::tell_slow(note& n, deadline_ns now) noexcept {
    if (n.told || now - n.since < slow_after_.load(std::memory_order_relaxed)) return;
    n.told = true;
    worker_counters::add(counters_.slow);
    if (with_.observer != nullptr)
        with_.observer->slow_step(*n.who, n.step, now - n.since, thread_sleeps(n.who->thread_id()));
}

} // namespace weft::detail
