// SPDX-License-Identifier: Apache-2.0
// Finding work elsewhere, sleeping, and looking after others. Protocol and proof: README.md.
#include <poll.h>
#include <sched.h>

#include <algorithm>
#include <cerrno>

#include "base/assert.hpp"
#include "base/tsc.hpp"
#include "sched/scheduler.hpp"

namespace weft::detail {
namespace {

constexpr std::uint32_t k_awake = 0, k_asleep = 1, k_notified = 2;
constexpr deadline_ns k_look_every = 100'000; // design idea 4
constexpr unsigned k_inject_batch = 32;
constexpr unsigned k_steal_batch = 32;

} // namespace

bool lookout::is_stuck(unsigned index, const worker& w) noexcept {
    note& n = notes_[index];
    const bool running = w.is_running();
    const std::uint64_t switches = w.counters().switches.load(std::memory_order_relaxed);
    const bool stuck = running && n.was_running && switches == n.switches;
    n = {switches, running};
    return stuck;
}

bool worker::look_is_due() noexcept { return read_tsc() - last_look_ > tsc_ticks(k_look_every); }

bool worker::fork_look() noexcept {
    forks_to_look_ = k_forks_per_look;
    return look_is_due();
}

bool worker::others_wait() noexcept {
    return !queue_.empty() || slot_.load(std::memory_order_relaxed) != nullptr || !scheduler_.inject_.empty() ||
           look_is_due();
}

unsigned worker::poll(reactor& r, deadline_ns until) noexcept {
    worker_counters::add(counters_.polls);
    polling_ = true;
    const unsigned happened = r.poll(until);
    polling_ = false;
    return happened;
}

fiber* worker::find_work() noexcept {
    permit* mine = permission.get();
    if (mine == nullptr) return nullptr;
    auto to_queue = [this](fiber* f) { queue_.push(f); };
    mail_.take(k_inject_batch, to_queue);
    scheduler_.inject_.take(k_inject_batch, to_queue);
    if (look_is_due() || (queue_.empty() && slot_.load(std::memory_order_relaxed) == nullptr)) {
        last_look_ = read_tsc();
        if (mine->home->try_take()) {
            poll(*mine->home, 0);
            mine->home->give();
        }
        if (queue_.size() > 1) scheduler_.notify();
    }
    for (int tries = 0; tries < 2; ++tries) { // pick gives null, too, when a look is due
        if (fiber* f = pick()) {
            running_.store(true, std::memory_order_relaxed);
            return f;
        }
        if (queue_.empty() && slot_.load(std::memory_order_relaxed) == nullptr) break;
    }
    if (!queue_.empty()) return nullptr; // once more round the loop
    const bool searching = scheduler_.idle_.start_search();
    if (searching) {
        if (fiber* f = search()) {
            if (scheduler_.idle_.end_search()) scheduler_.notify(); // there may be more where this came from
            running_.store(true, std::memory_order_relaxed);
            return f;
        }
    }
    return sleep(searching);
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
    for (auto& r : scheduler_.reactors_) {
        if (scheduler_.time_.is_virtual() || r->last_poll() > old || !r->try_take()) continue;
        poll(*r, 0);
        r->give();
    }
    if (queue_.size() > 1) scheduler_.notify();
    fiber* f = queue_.take();
    return f != nullptr ? check_saved(f) : nullptr;
}

// Half of what the victim has, at most k_steal_batch; the first is returned. The slot's content only if asked for: it is
// probably just about to be run there.
fiber* worker::steal_from(worker& victim, bool slot_too) noexcept {
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
    if (first == nullptr) victim.mail_.take(1, [&first](fiber* f) { first = f; });
    if (first == nullptr && slot_too) first = victim.slot_.exchange(nullptr, std::memory_order_acq_rel);
    if (first == nullptr) return nullptr;
    worker_counters::add(counters_.steals);
    if (!queue_.empty()) scheduler_.notify();
    return check_saved(first);
}

bool worker::anything_visible() noexcept {
    if (!scheduler_.inject_.empty() || scheduler_.stopping_.load(std::memory_order_seq_cst)) return true;
    for (auto& w : scheduler_.workers_)
        if (w->has_queued() || !w->mail_.empty()) return true;
    return false;
}

fiber* worker::sleep(bool searching) noexcept {
    running_.store(false, std::memory_order_relaxed);
    scheduler_.idle_.fall_asleep(index_, searching);
    worker_counters::add(counters_.sleeps);
    if (!anything_visible()) sleep_in_kernel();
    // Awake again. Who was woken counts as a searcher already; who woke by itself does not.
    const bool woken = !scheduler_.idle_.wake_up(index_);
    last_look_ = read_tsc();
    if (woken) {
        // One round as the searcher that somebody wanted: own queue first (the poll may have filled it), then the others'.
        fiber* f = pick();
        if (f == nullptr) f = search();
        const bool last = scheduler_.idle_.end_search();
        if (f == nullptr) return nullptr;
        running_.store(true, std::memory_order_relaxed);
        if (last) scheduler_.notify();
        return f;
    }
    if (queue_.empty()) return nullptr;
    running_.store(true, std::memory_order_seq_cst); // before wake_dozing: pairs with lookout::doze
    if (scheduler_.lookout_.give(static_cast<int>(index_))) {
        // Somebody else must look out while this one is busy.
        if (const int w = scheduler_.idle_.take_sleeper(); w != idle_workers::k_nobody)
            scheduler_.workers_[static_cast<unsigned>(w)]->unpark();
    } else if (const int dozing = scheduler_.lookout_.wake_dozing(); dozing != lookout::k_nobody) {
        if (scheduler_.idle_.take_sleeper(dozing) == dozing) scheduler_.workers_[static_cast<unsigned>(dozing)]->unpark();
    }
    if (queue_.size() > 1) scheduler_.notify();
    return pick();
}

void worker::sleep_in_kernel() noexcept {
    std::uint32_t awake = k_awake;
    // acq_rel pairs with unpark's exchange
    if (!parking_.compare_exchange_strong(awake, k_asleep, std::memory_order_acq_rel)) {
        parking_.store(k_awake, std::memory_order_relaxed); // notified before
        return;
    }
    permit* mine = permission.get();
    if (mine != nullptr) {
        reactor& home = *mine->home;
        deadline_ns until = home.next_deadline();
        if (scheduler_.lookout_.try_take(static_cast<int>(index_)) && scheduler_.workers() > 1)
            watch_others(until);
        else if (home.try_take()) {
            poll(home, until);
            home.give();
        }
    }
    parking_.exchange(k_awake, std::memory_order_acq_rel); // pairs with unpark
}

// The lookout's sleep: ticks while anybody is busy, and serves the reactors and queues of those who are stuck.
void worker::watch_others(deadline_ns until) noexcept {
    lookout& role = scheduler_.lookout_;
    reactor& home = *permission.get()->home;
    bool anybody_runs = false;
    std::vector<reactor*> unattended;
    for (unsigned i = 0; i < scheduler_.workers(); ++i) {
        worker& w = *scheduler_.workers_[i];
        if (&w == this) continue;
        anybody_runs |= w.is_running();
        if (!role.is_stuck(i, w)) continue;
        w.demand_forks();
        if (fiber* f = steal_from(w, true)) queue_.push(f);
        if (permit* p = w.permission.get()) unattended.push_back(p->home);
    }
    for (reactor* r : unattended) {
        if (!r->try_take()) continue;
        poll(*r, 0);
        r->give();
        until = std::min(until, r->next_deadline());
    }
    if (!queue_.empty()) return;
    role.quiet_ticks = anybody_runs ? 0 : role.quiet_ticks + 1;
    if (role.quiet_ticks < lookout::k_quiet_ticks) {
        until = std::min(until, scheduler_.time_.now() + lookout::k_tick);
    } else {
        role.doze();
        for (auto& w : scheduler_.workers_) anybody_runs |= w->running_.load(std::memory_order_seq_cst); // pairs with sleep
        if (anybody_runs) {
            role.stay_awake();
            role.quiet_ticks = 0;
            until = std::min(until, scheduler_.time_.now() + lookout::k_tick);
        }
    }
    if (!home.try_take()) return; // somebody looks at it this moment
    if (unattended.empty()) {
        poll(home, until);
        home.give();
    } else {
        // The kernel watches all of them; registered for this one call, so nobody else pays for it.
        home.give();
        std::vector<pollfd> sets{{home.kernel().descriptor(), POLLIN, 0}};
        for (reactor* r : unattended) sets.push_back({r->kernel().descriptor(), POLLIN, 0});
        const deadline_ns left = std::max<deadline_ns>(0, until - time_source::monotonic_now());
        const timespec limit{left / 1'000'000'000, left % 1'000'000'000};
        ppoll(sets.data(), sets.size(), &limit, nullptr);
        unattended.push_back(&home);
        for (reactor* r : unattended) {
            if (!r->try_take()) continue;
            poll(*r, 0);
            r->give();
        }
    }
    role.stay_awake();
}

void worker::unpark() noexcept {
    // acq_rel: release shows what we did before; pairs with sleep_in_kernel
    if (parking_.exchange(k_notified, std::memory_order_acq_rel) != k_asleep) return;
    if (permit* p = permission.get()) p->home->kernel().wake();
}

} // namespace weft::detail
