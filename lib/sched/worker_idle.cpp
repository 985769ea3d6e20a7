// SPDX-License-Identifier: Apache-2.0
// Finding work elsewhere, sleeping, and looking after others. Protocol and proof: README.md.
#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <utility>

#include "base/assert.hpp"
#include "base/timespec.hpp"
#include "base/topology.hpp"
#include "base/tsc.hpp"
#include "sched/fork_list.hpp"
#include "sched/scheduler.hpp"
#include <weft/context/switch.hpp>

namespace weft::detail {
namespace {

constexpr deadline_ns k_look_every = 100'000;     // design idea 4
constexpr deadline_ns k_look_of_compute = 50'000; // docs/design/the-look.md
constexpr deadline_ns k_rob_after = 50'000;
constexpr deadline_ns k_demand_again = 20'000;
constexpr deadline_ns k_linger = 40'000; // what it takes to wake a core: at worst twice a sleep
constexpr deadline_ns k_unattended = 500'000;
constexpr deadline_ns k_longest_stay = 10'000'000'000;
constexpr unsigned k_inject_batch = 32;
constexpr unsigned k_picks_per_look =
    61; // a prime, as tokio and Go: the inject queue is looked at so often at least
constexpr unsigned k_steal_batch = 32;

void pause_between_searches() noexcept {
    for (int i = 0; i < 32; ++i) cpu_pause();
}

} // namespace

deadline_ns worker::cpu_time() const noexcept {
    return read_clock(cpu_clock_.load(std::memory_order_relaxed));
}

bool worker::looked_before(deadline_ns limit) const noexcept {
    return !scheduler_.draws() && tsc_between(last_look_, read_tsc()) > tsc_ticks(limit);
}

bool worker::look_is_due() noexcept { return looked_before(k_look_every); }

bool worker::look_is_due_to_compute() noexcept { return looked_before(k_look_of_compute); }

// Reading the clock costs twice a bare switch (9 ns to 4.7 where this was measured). So it is read only so often that, at
// the pace of the last switches, four readings fall into the time between two looks; after 16 switches at the latest.
bool worker::look_at_switch() noexcept {
    if (scheduler_.draws()) { // each time: find_work draws
        switches_to_clock_ = 1;
        return true;
    }
    const std::uint64_t now = read_tsc();
    const std::uint64_t per_switch = tsc_between(last_clock_, now) / clock_stride_ + 1;
    last_clock_ = now;
    clock_stride_ = static_cast<unsigned>(
        std::clamp<std::uint64_t>(tsc_ticks(k_look_every / 4) / per_switch, 1, 16));
    switches_to_clock_ = clock_stride_;
    return tsc_between(last_look_, now) > tsc_ticks(k_look_every);
}

bool worker::others_sleep() const noexcept { return scheduler_.sleeping_workers() != 0; }

bool worker::anybody_ready() const noexcept {
    return has_ready() || !staying_.empty() || !scheduler_.inject_.empty();
}

bool worker::others_wait() noexcept { return anybody_ready() || look_is_due(); }

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

// While it is busy itself: another worker may be as busy with one task, or wait for a core that somebody else has. What waits
// there would wait for the monitor, or for the kernel, some milliseconds. One neighbour at a time, a look apart. Of its queue
// only if it has no core, or that is more than twice as long: two busy ones would put each other's oldest behind their own
// for ever.
void worker::look_after_neighbour() noexcept {
    if (tsc_between(neighbour_seen_, last_look_) < tsc_ticks(k_look_of_compute)) return;
    neighbour_seen_ = last_look_;
    permit& theirs = scheduler_.permits_[neighbour_];
    worker& w = *theirs.holder.load(std::memory_order_acquire); // pairs with hand_over
    const std::uint64_t step = w.step();
    const bool runs = w.is_running(std::memory_order_acquire); // as cpu_time wants it
    if (&w == this || step != neighbour_step_ || !runs) {
        neighbour_ = (neighbour_ + 1) % scheduler_.permits();
        neighbour_step_ =
            scheduler_.permits_[neighbour_].holder.load(std::memory_order_acquire)->step();
        neighbour_cpu_ = -1;
        return;
    }
    look_at(*theirs.home);
    const deadline_ns cpu = w.cpu_time();
    const bool has_core = cpu - std::exchange(neighbour_cpu_, cpu) > k_look_of_compute / 2;
    if (has_core && 2 * queue_.size() >= w.queue_.size()) return;
    if (fiber* f = steal_from(w, false)) queue_.push(f);
}

// Leaving the stack would make all its forks known to others, and their joins slow.
void worker::look(stack& me) noexcept {
    worker& w = *me.runner;
    permit* mine = w.permission.get();
    if (mine == nullptr || guests::any()) return yield(me);
    w.last_look_ = read_tsc();
    worker_counters::add(w.counters_.switches); // it gets on
    w.look_at(*mine->home);
    if (w.anybody_ready()) give_way(me);
}

// One that gave way goes on when nobody is ready; and, where somebody always is, every other time that the worker looks
// around: so what never waits and what is always ready share the time.
fiber* worker::take_background_turn() noexcept {
    if (background_.empty() || queue_.empty()) return nullptr;
    background_is_next_ = !background_is_next_;
    return background_is_next_ ? nullptr : take_first(background_);
}

// Null: the loop must come again, after a sleep or without. searching_ is kept meanwhile.
fiber* worker::find_work() noexcept {
    permit* mine = permission.get();
    if (mine == nullptr) return nullptr;
    if (scheduler_.options_.caller_runs) return next_turn();
    if (guests::any() && staying_.empty() && stand_down()) [[unlikely]]
        return nullptr;
    picks_left_ = k_picks_per_look;
    auto to_queue = [this](fiber* f) { queue_.push(f); };
    mail_.take(k_inject_batch, to_queue);
    scheduler_.inject_.take(k_inject_batch, to_queue);
    // Who was woken to search has just left its reactor: the others' queues come first.
    if (scheduler_.draws() || look_is_due() || (!searching_ && !has_ready())) {
        last_look_ = read_tsc();
        look_at(*mine->home);
        if (!scheduler_.has_one_permit_ && !scheduler_.time_.is_virtual()) look_after_neighbour();
    }
    if (!staying_.empty()) [[unlikely]]
        if (fiber* f = take_first(staying_)) return found(f);
    if (fiber* f = take_background_turn()) return found(f);
    if (scheduler_.draws()) scheduler_.lottery_->draw(queue_);
    if (fiber* f = take_ready()) return found(f);
    if (fiber* f = take_first(background_)) return found(f);
    if (has_ready()) return nullptr; // not yet off its stack, or thieves were quicker
    if (!searching_) searching_ = scheduler_.idle_.start_search();
    if (searching_) {
        if (fiber* f = search()) return found(f);
        if (fiber* f = rob_forks()) return found(f);
        if (waits_for_forks_since_ != 0) return nullptr;
    }
    if (linger()) return nullptr; // not a searcher, maybe: others may be enough
    if (!step_aside(*mine->home)) sleep();
    return nullptr;
}

bool worker::others_run() const noexcept {
    for (const permit& p : scheduler_.permits_) {
        const worker& w = *p.holder.load(std::memory_order_acquire); // pairs with hand_over
        if (&w != this && w.is_running()) return true;
    }
    return false;
}

// Instead of a sleep, the first time after it has run something: whoever waits for this core has it for a while, most likely
// those who ask what we answer. Asleep, this worker would be woken by the first question, and again by the next one.
// Meanwhile the others look after its reactor. If they did not, it was a guest who computes, and this is not done again soon.
bool worker::step_aside(reactor& home) noexcept {
    if (!std::exchange(has_run_, false) || scheduler_.time_.is_virtual()) return false;
    if (time_source::monotonic_now() < stays_until_ || !others_run()) return false;
    if (scheduler_.one_stands_aside_.exchange(true, std::memory_order_relaxed)) return false;
    // As in found: nobody may rely on a search of ours.
    const bool was_last = std::exchange(searching_, false) && scheduler_.idle_.end_search();
    if (was_last) full_fence(); // pairs with the one in worker_to_wake
    if (!was_last || !anything_visible()) sched_yield();
    scheduler_.one_stands_aside_.store(false, std::memory_order_relaxed);
    const deadline_ns now = time_source::monotonic_now();
    if (home.last_poll() < now - k_unattended) {
        stays_until_ = now + stays_for_;
        stays_for_ = std::min(2 * stays_for_, k_longest_stay);
    } else {
        stays_for_ = k_first_stay;
    }
    last_look_ = read_tsc();
    look_at(home);
    return true;
}

// A worker that has forks and does not answer is robbed after a while. Null: nothing, or not yet (waits_for_forks_since_).
fiber* worker::rob_forks() noexcept {
    const std::uint64_t since = std::exchange(waits_for_forks_since_, 0);
    if (!scheduler_.may_rob_) return nullptr;
    const std::unique_lock guard(scheduler_.foreign_stacks_, std::try_to_lock);
    if (!guard.owns_lock())
        return nullptr; // somebody else does it this moment, and wakes the next if there is more
    for (auto& victim : scheduler_.workers_) { // all: who was displaced keeps its forks, too
        if (victim.get() == this || !victim->keeps_forks()) continue;
        const std::uint64_t now = read_tsc();
        if (since != 0 && tsc_between(since, now) > tsc_ticks(k_rob_after)) return victim->rob();
        waits_for_forks_since_ = since != 0 ? since : now;
        pause_between_searches();
        return nullptr;
    }
    return nullptr;
}

// True: searches once more, after a moment.
bool worker::linger() noexcept {
    if (!expects_forks_ || scheduler_.time_.is_virtual()) return false;
    const std::uint64_t now = read_tsc();
    if (lingers_since_ == 0) {
        lingers_since_ = now;
        lingers_.store(true, std::memory_order_relaxed);
    }
    if (tsc_between(lingers_since_, now) > tsc_ticks(k_linger)) {
        stop_lingering();
        return false;
    }
    pause_between_searches();
    return true;
}

void worker::stop_lingering() noexcept {
    expects_forks_ = false;
    lingers_since_ = 0;
    lingers_.store(false, std::memory_order_relaxed);
}

// Who declined has fine forks, and looks again by itself. It is asked again all the same: it may have come to a long one.
void worker::demand_forks() noexcept {
    const std::lock_guard guard(scheduler_.foreign_stacks_);
    const std::uint64_t now = read_tsc();
    if (demand_.load(std::memory_order_relaxed) == demand::declined &&
        tsc_between(demanded_at_, now) < tsc_ticks(k_demand_again))
        return;
    demanded_at_ = now;
    demand_.store(demand::raised, std::memory_order_relaxed);
    if (stack* s = running_stack_.load(std::memory_order_acquire)) s->forks.demand(); // enter
}

bool worker::keeps_forks() const noexcept {
    if (demand_.load(std::memory_order_relaxed) != demand::raised) return false;
    const stack* s = running_stack_.load(std::memory_order_acquire); // pairs with enter
    return s != nullptr && !s->forks.seems_empty();
}

fiber* worker::rob() noexcept {
    stack* s = running_stack_.load(std::memory_order_acquire); // pairs with enter
    return s != nullptr ? rob_fork(*s) : nullptr;
}

// Invariant: the last searcher that finds work wakes the next one if there is more. Only so may all who made work visible
// meanwhile have relied on it. The fence is between the count of searchers and the look: who pushes after that look sees
// that nobody searches.
fiber* worker::found(fiber* f) noexcept {
    start_running();
    has_run_ = true;
    stop_lingering();
    const bool was_last = std::exchange(searching_, false) && scheduler_.idle_.end_search();
    if (was_last) full_fence(); // pairs with the one in worker_to_wake
    if (was_last ? anything_visible() : has_queued()) scheduler_.notify();
    return f;
}

void worker::start_running() noexcept {
    if (running_.load(std::memory_order_relaxed)) return;
    running_.store(true, std::memory_order_seq_cst); // pairs with the monitor's doze
    if (scheduler_.monitor_) scheduler_.monitor_->somebody_runs();
}

// Without a permit: all that waits for this worker goes to the others.
void worker::retire() noexcept {
    // Pairs with those in make_ready_elsewhere and make_ready_here: no permit before, what was sent here after.
    full_fence();
    running_task_.store(nullptr, std::memory_order_relaxed);
    running_.store(false, std::memory_order_relaxed);
    if (std::exchange(searching_, false)) (void)scheduler_.idle_.end_search();
    scheduler_.inject_all_of(*this);
    scheduler_.notify(); // it may have been the searcher that somebody relied on
}

// Without a permit: its next entry to the scheduler ends this.
void worker::run_lent() noexcept {
    // acquire pairs with lend: what was done to this worker before is seen
    fiber* f = lent_.exchange(nullptr, std::memory_order_acquire);
    if (lent_is_long_)
        scheduler_.monitor_->make_nice(*this);
    else
        scheduler_.monitor_->restore(*this);
    f = check_saved(f);
    if (f == nullptr) return; // not off its stack yet; retire hands it to the others
    worker_counters::add(counters_.lent);
    lent_at_ = usage_of_this_thread();
    start_running();
    go(loop_stack_, f, after_save);
}

// It has run a long step, and is in no list yet: nobody else lends it anything.
bool worker::take_next_long() noexcept {
    fiber* next = scheduler_.long_steps_.next();
    lent_is_long_ = next != nullptr;
    lent_.store(next, std::memory_order_relaxed);
    return lent_is_long_;
}

// The same for what nobody else may run.
void worker::run_staying() noexcept {
    fiber* f = take_first(staying_);
    if (f == nullptr) return;
    start_running();
    go(loop_stack_, f, after_save);
}

void worker::pin_to_core() noexcept {
    if (!scheduler_.options_.pin_workers) return;
    if (const permit* p = permission.get()) pin_this_thread(nth_allowed_cpu(p->core));
}

// Waits, as a spare, for a permit; then serves what the worker that had it has left behind. Back without a permit if it was
// lent something, or has something that nobody else may run. False: the scheduler stops.
bool worker::await_permit() noexcept {
    // A new one has nothing to hand over, and it may count as running already: lend_next.
    if (permission.get() == nullptr && !is_promised_) {
        retire();
        if (lent_is_long_ && take_next_long()) return true;
    }
    is_promised_ = false;
    while (permission.get() == nullptr) {
        if (permission.is_stopped()) return false;
        const std::uint32_t seen = permission.signals();
        // acquire pairs with hand_over and lend_next: what came is seen, or was here and is gone again
        const bool is_offered = is_offered_.load(std::memory_order_acquire);
        if (has_lent()) return true;
        if (!is_offered && permission.get() == nullptr) {
            is_offered_.store(true, std::memory_order_relaxed);
            scheduler_.spares_.add(*this);
        }
        // What was lent or made ready before `seen` was read is here; what comes later is a signal.
        if (!has_lent() && staying_.empty()) permission.await(seen);
        if (has_lent()) return true;
        if (!staying_.empty()) {
            if (scheduler_.spares_.take(*this)) {
                is_offered_.store(false, std::memory_order_relaxed);
                return true;
            }
            sched_yield(); // somebody has taken it off the list, and gives it a permit or puts it back
        }
        pin_to_core();
    }
    if (scheduler_.monitor_) scheduler_.monitor_->restore(*this);
    is_promised_ = false; // it came, maybe before we asked
    lent_at_.reset();
    worker* last = std::exchange(takes_over_, nullptr);
    if (last == nullptr) return true;
    last->demand_forks();
    // What is due now goes before what stood behind the stuck one: that may well get stuck, too.
    if (permit* mine = permission.get(); mine != nullptr) {
        last_look_ = read_tsc();
        look_at(*mine->home);
    }
    last->take_all([this](fiber* f) { queue_.push(f); });
    return true;
}

// Someone else's work: queues, forks that nobody shared yet (asked for), and reactors whose worker has not looked at them.
fiber* worker::search() noexcept {
    const deadline_ns old = time_source::monotonic_now() - k_look_every;
    const unsigned n = scheduler_.permits();
    const unsigned first = random_.below(n);
    for (unsigned i = 0; i < n; ++i) {
        permit& theirs = scheduler_.permits_[(first + i) % n];
        worker& victim = *theirs.holder.load(std::memory_order_acquire); // pairs with hand_over
        // Who lingers takes its mail itself, unless its core is somebody else's this moment.
        const bool blocks = victim.is_blocking() || (!expects_forks_ && victim.lingers());
        if (&victim != this) {
            if (fiber* f = steal_from(victim, blocks)) return f;
            if (victim.is_running()) victim.demand_forks();
        }
        if (!scheduler_.time_.is_virtual() && (blocks || theirs.home->last_poll() <= old))
            look_at(*theirs.home);
    }
    fiber* f = queue_.take_own();
    return f != nullptr ? check_saved(f) : nullptr;
}

// Half of what the victim has, at most k_steal_batch; the first is returned. What lies in the slot or the mail is probably
// just about to be run there, unless the victim blocks.
fiber* worker::steal_from(worker& victim, bool blocks) noexcept {
    fiber* first = nullptr;
    std::size_t want = std::min<std::size_t>((victim.queue_.size() + 1) / 2, k_steal_batch);
    if (want > 0) {
        basic_deque<fiber*>::guest thief(victim.queue_);
        for (; want > 0; --want) {
            fiber* f = thief.take();
            if (f == nullptr) break;
            if (first == nullptr)
                first = f;
            else
                queue_.push(f);
        }
    }
    if (first == nullptr) victim.background_.take(1, [&first](fiber* f) { first = f; });
    if (first == nullptr && blocks)
        first = victim.slot_.exchange(nullptr, std::memory_order_acq_rel);
    if (first == nullptr && blocks) victim.mail_.take(1, [&first](fiber* f) { first = f; });
    if (first == nullptr) return nullptr;
    worker_counters::add(counters_.steals);
    return check_saved(first);
}

bool worker::anything_visible() noexcept {
    if (!mail_.empty() || !staying_.empty() || !scheduler_.inject_.empty()) return true;
    if (scheduler_.stopping_.load(std::memory_order_seq_cst)) return true; // pairs with stop
    for (const permit& p : scheduler_.permits_)
        if (p.holder.load(std::memory_order_acquire)->has_queued()) return true; // hand_over
    return false;
}

// Leaves the core to a thread of somebody else's: until that is gone, the events of its reactor are its only business, and
// what they make ready is for the others. False: there is no need to. Like a sleeper it is woken by unpark, but it is in no
// list of those that may be called for work.
bool worker::stand_down() noexcept {
    const guest_place place(*this);
    if (!place.kept()) return false;
    retire();
    while (place.kept() && staying_.empty() && permission.get() != nullptr &&
           !scheduler_.stopping_.load(std::memory_order_seq_cst)) { // pairs with stop
        worker_counters::add(counters_.sleeps);
        sleep_in_kernel();
        scheduler_.inject_all_of(*this);
    }
    last_look_ = read_tsc();
    return true;
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
    if (home.try_take()) {
        if (!parking_.is_notified()) poll(home, k_never);
        home.give();
    } // else somebody looks at it this moment: once more round the loop
    parking_.finish();
}

void worker::unpark() noexcept {
    // Where it sleeps, and not where its permit says: it may have lost that while it slept.
    if (!parking_.notify()) return;
    scheduler_.wakes_.fetch_add(1, std::memory_order_relaxed);
    sleeps_at_.load(std::memory_order_relaxed)->kernel().wake();
}

} // namespace weft::detail
