// SPDX-License-Identifier: Apache-2.0
// Finding work elsewhere, sleeping, and looking after others. Protocol and proof: README.md.
#include <poll.h>
#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/assert.hpp"
#include "base/tsc.hpp"
#include "sched/scheduler.hpp"

namespace weft::detail {
namespace {

constexpr deadline_ns k_look_every = 100'000; // design idea 4
constexpr unsigned k_inject_batch = 32;
constexpr unsigned k_steal_batch = 32;

} // namespace

bool lookout::is_stuck(unsigned index, const worker& w, deadline_ns now) noexcept {
    note& n = notes_[index];
    const bool running = w.is_running();
    const std::uint64_t steps = w.counters().switches.load(std::memory_order_relaxed) +
                                w.counters().sleeps.load(std::memory_order_relaxed);
    if (running && n.was_running && steps == n.steps) return now - n.since >= k_tick;
    n = {steps, now, running};
    return false;
}

bool worker::look_is_due() noexcept { return read_tsc() - last_look_ > tsc_ticks(k_look_every); }

// Reading the clock costs twice a bare switch (9 ns to 4.7 where this was measured). So it is read only so often that, at
// the pace of the last switches, four readings fall into the time between two looks; after 16 switches at the latest.
bool worker::look_at_switch() noexcept {
    if (--switches_to_clock_ != 0) return false;
    const std::uint64_t now = read_tsc();
    const std::uint64_t per_switch = (now - last_clock_) / clock_stride_ + 1;
    last_clock_ = now;
    clock_stride_ = static_cast<unsigned>(
        std::clamp<std::uint64_t>(tsc_ticks(k_look_every / 4) / per_switch, 1, 16));
    switches_to_clock_ = clock_stride_;
    return now - last_look_ > tsc_ticks(k_look_every);
}

bool worker::fork_look() noexcept {
    forks_to_look_ = k_forks_per_look;
    return look_is_due();
}

bool worker::others_wait() noexcept {
    return has_ready() || !scheduler_.inject_.empty() || look_is_due();
}

unsigned worker::poll(reactor& r, deadline_ns until) noexcept {
    worker_counters::add(counters_.polls);
    polling_ = true;
    const unsigned happened = r.poll(until);
    polling_ = false;
    return happened;
}

void worker::look_at(reactor& r) noexcept {
    if (!r.try_take()) return;
    poll(r, 0);
    r.give();
}

// Null: the loop must come again, after a sleep or without. searching_ is kept meanwhile.
fiber* worker::find_work() noexcept {
    permit* mine = permission.get();
    if (mine == nullptr) return nullptr;
    auto to_queue = [this](fiber* f) { queue_.push(f); };
    mail_.take(k_inject_batch, to_queue);
    scheduler_.inject_.take(k_inject_batch, to_queue);
    // Who was woken to search has just left its reactor: the others' queues come first.
    if (look_is_due() || (!searching_ && !has_ready())) {
        last_look_ = read_tsc();
        look_at(*mine->home);
    }
    if (fiber* f = take_ready()) return found(f);
    if (has_ready()) return nullptr; // not yet off its stack, or thieves were quicker
    if (!searching_) searching_ = scheduler_.idle_.start_search();
    if (searching_)
        if (fiber* f = search()) return found(f);
    sleep();
    return nullptr;
}

// Invariant: a searcher that found work wakes the next one if it was the last. Only so may all who made work visible
// meanwhile have relied on it. More than it can run at once is a reason as well.
fiber* worker::found(fiber* f) noexcept {
    start_running();
    const bool was_last = std::exchange(searching_, false) && scheduler_.idle_.end_search();
    if (was_last || !queue_.empty()) scheduler_.notify();
    return f;
}

// Invariant: while somebody sleeps and somebody runs, one of the sleepers is the lookout and has its ticks.
void worker::start_running() noexcept {
    if (running_.load(std::memory_order_relaxed)) return;
    running_.store(true,
                   std::memory_order_seq_cst); // before wake_dozing: pairs with the lookout's doze
    if (leave_lookout()) return;
    const int dozing = scheduler_.lookout_.wake_dozing();
    if (dozing == lookout::k_nobody) return;
    // Not asleep any more: then it looks at us before it dozes again.
    if (scheduler_.idle_.take_sleeper(dozing) == dozing)
        scheduler_.workers_[static_cast<unsigned>(dozing)]->unpark();
}

// True if this worker was the lookout: a sleeper is woken for it. If nobody sleeps, the next one to do so takes it.
bool worker::leave_lookout() noexcept {
    if (!scheduler_.lookout_.give(static_cast<int>(index_))) return false;
    const int w = scheduler_.idle_.take_sleeper();
    if (w != idle_workers::k_nobody) scheduler_.workers_[static_cast<unsigned>(w)]->unpark();
    return true;
}

// The permit is gone: all that only this worker would look after goes to the others.
void worker::retire() noexcept {
    auto to_queue = [this](fiber* f) { queue_.push(f); };
    full_fence(); // pairs with the one in make_ready_elsewhere: no permit before, the mail after
    while (mail_.take(k_inject_batch, to_queue) != 0) {}
    if (fiber* f = slot_.exchange(nullptr, std::memory_order_acq_rel))
        queue_.push(f); // acquire: as in take_ready
    running_.store(false, std::memory_order_relaxed);
    if (std::exchange(searching_, false)) (void)scheduler_.idle_.end_search();
    leave_lookout();
    scheduler_.notify();
}

// Someone else's work: queues, forks that nobody shared yet (asked for), and reactors whose worker has not looked at them.
fiber* worker::search() noexcept {
    const unsigned n = scheduler_.workers();
    const unsigned first = random_.below(n);
    for (unsigned i = 0; i < n; ++i) {
        worker& victim = *scheduler_.workers_[(first + i) % n];
        if (&victim == this) continue;
        if (fiber* f = steal_from(victim, false)) return f;
        if (victim.is_running()) victim.demand_forks();
    }
    const deadline_ns old = time_source::monotonic_now() - k_look_every;
    for (auto& r : scheduler_.reactors_)
        if (!scheduler_.time_.is_virtual() && r->last_poll() <= old) look_at(*r);
    fiber* f = queue_.take();
    return f != nullptr ? check_saved(f) : nullptr;
}

// Half of what the victim has, at most k_steal_batch; the first is returned. What lies in the slot or the mail is probably
// just about to be run there, unless the victim is stuck.
fiber* worker::steal_from(worker& victim, bool is_stuck) noexcept {
    fiber* first = nullptr;
    std::size_t want = std::min<std::size_t>((victim.queue_.size() + 1) / 2, k_steal_batch);
    for (; want > 0; --want) {
        fiber* f = victim.queue_.take();
        if (f == nullptr) break;
        if (first == nullptr)
            first = f;
        else
            queue_.push(f);
    }
    if (first == nullptr && is_stuck)
        first = victim.slot_.exchange(nullptr, std::memory_order_acq_rel);
    if (first == nullptr && is_stuck) victim.mail_.take(1, [&first](fiber* f) { first = f; });
    if (first == nullptr) return nullptr;
    worker_counters::add(counters_.steals);
    return check_saved(first);
}

bool worker::anything_visible() noexcept {
    if (!mail_.empty() || !scheduler_.inject_.empty()) return true;
    if (scheduler_.stopping_.load(std::memory_order_seq_cst)) return true; // pairs with stop
    for (auto& w : scheduler_.workers_)
        if (w->has_queued()) return true;
    return false;
}

// Until there is something to do, as far as anybody can know. Whoever was woken by another is a searcher: that counted it.
void worker::sleep() noexcept {
    running_.store(false, std::memory_order_relaxed);
    scheduler_.idle_.fall_asleep(index_, std::exchange(searching_, false));
    worker_counters::add(counters_.sleeps);
    if (!anything_visible()) sleep_in_kernel();
    searching_ = !scheduler_.idle_.wake_up(index_);
    last_look_ = read_tsc();
}

void worker::sleep_in_kernel() noexcept {
    permit* mine = permission.get();
    if (mine == nullptr) return;
    reactor& home = *mine->home;
    sleeps_at_.store(&home, std::memory_order_relaxed); // parking_ shows it to unpark
    if (!parking_.prepare()) return;
    if (scheduler_.workers() > 1 && scheduler_.lookout_.try_take(static_cast<int>(index_))) {
        watch_others(home);
    } else if (home.try_take()) {
        if (!parking_.is_notified()) poll(home, k_never);
        home.give();
    } // else somebody looks at it this moment: once more round the loop
    parking_.finish();
}

// The lookout's sleep: with ticks while anybody is busy. Serves the reactors and queues of those who are stuck.
void worker::watch_others(reactor& home) noexcept {
    lookout& role = scheduler_.lookout_;
    const deadline_ns now = time_source::monotonic_now();
    bool anybody_runs = false;
    role.unattended.clear();
    for (unsigned i = 0; i < scheduler_.workers(); ++i) {
        worker& w = *scheduler_.workers_[i];
        if (&w == this) continue;
        anybody_runs |= w.is_running();
        if (!role.is_stuck(i, w, now)) continue;
        w.demand_forks();
        if (fiber* f = steal_from(w, true)) queue_.push(f);
        if (permit* p = w.permission.get()) role.unattended.push_back(p->home);
    }
    for (reactor* r : role.unattended) look_at(*r);
    if (!queue_.empty()) return;

    role.quiet_ticks = anybody_runs ? 0 : role.quiet_ticks + 1;
    deadline_ns until = now + lookout::k_tick;
    if (role.quiet_ticks >= lookout::k_quiet_ticks) {
        role.doze();
        for (auto& w : scheduler_.workers_)
            anybody_runs |= w->running_.load(std::memory_order_seq_cst); // start_running
        if (anybody_runs)
            role.quiet_ticks = 0;
        else
            until = k_never;
    }
    if (home.try_take()) {
        if (!parking_.is_notified()) sleep_beside(home, until);
        home.give();
        for (reactor* r : role.unattended) look_at(*r);
    }
    role.stay_awake();
}

// Sleeps in home's poll, or in a call that watches home and the unattended reactors: the kernel's objects are registered for
// this one call, so nobody else pays for it. The baton of home is kept meanwhile: see parking.hpp.
void worker::sleep_beside(reactor& home, deadline_ns until) noexcept {
    std::vector<reactor*>& unattended = scheduler_.lookout_.unattended;
    if (unattended.empty() || home.kernel().descriptor() < 0) {
        poll(home, until);
        return;
    }
    std::vector<pollfd> sets{{home.kernel().descriptor(), POLLIN, 0}};
    for (reactor* r : unattended) {
        sets.push_back({r->kernel().descriptor(), POLLIN, 0});
        until = std::min(until, r->next_deadline());
    }
    until = home.begin_sleep(until);
    const deadline_ns left = std::max<deadline_ns>(0, until - time_source::monotonic_now());
    const timespec limit{left / 1'000'000'000, left % 1'000'000'000};
    ppoll(sets.data(), sets.size(), &limit, nullptr);
    home.end_sleep();
    poll(home, 0);
}

void worker::unpark() noexcept {
    // Where it sleeps, and not where its permit says: it may have lost that while it slept.
    if (parking_.notify()) sleeps_at_.load(std::memory_order_relaxed)->kernel().wake();
}

} // namespace weft::detail
