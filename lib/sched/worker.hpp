// SPDX-License-Identifier: Apache-2.0
// One OS thread that runs fibers. Protocol, invariants, proofs: README.md.
#pragma once

#include <time.h>

#include <atomic>
#include <cstdint>
#include <optional>
#include <thread>

#include "base/histogram.hpp"
#include "base/random.hpp"
#include "base/thread_sleeps.hpp"
#include "sched/deque.hpp"
#include "sched/inject_queue.hpp"
#include "sched/parking.hpp"
#include "sched/permits.hpp"
#include "sched/stack_credit.hpp"
#include <weft/context/stack.hpp>

namespace weft::detail {

class scheduler;

/// Counters, written by the worker alone (plain adds), read by anybody.
struct worker_counters {
    std::atomic<std::uint64_t> switches{0}; // entries to a fiber
    std::atomic<std::uint64_t> steals{0};
    std::atomic<std::uint64_t> sleeps{0};
    std::atomic<std::uint64_t> polls{0};
    std::atomic<std::uint64_t> blocking_calls{0}; // announced ones
    std::atomic<std::uint64_t> crowds{0};         // of so many fibers made ready here: k_crowd
    std::atomic<std::uint64_t> lent{0};           // steps that it ran as a spare, without a permit
    static void add(std::atomic<std::uint64_t>& c, std::uint64_t n = 1) noexcept {
        c.store(c.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    }
};

class alignas(k_cache_line) worker {
public:
    /// Stacks that a worker may have on top of those that were promised to fibers: its cache, and one on the way there.
    static constexpr unsigned k_cached_stacks = 64, k_kept_stacks = k_cached_stacks + 1;

    worker(scheduler& s, unsigned index);
    ~worker();

    /// The worker whose thread this is, of whichever runtime; null on other threads.
    static worker* current() noexcept {
        stack_head* s = current_stack();
        return s != nullptr ? s->runner : nullptr;
    }

    void start_thread();
    void join_thread() { thread_.join(); }
    /// Runs fibers on the calling thread until the scheduler says that this run is over. See worker_turn.cpp.
    void run_here();

    // ---- on the worker's own thread ----------------------------------------------------------------------------
    /// Queues a fiber whose wait has ended, or a new one.
    void make_ready(fiber& f) noexcept;
    void make_ready_elsewhere(fiber& f) noexcept;
    /// Leaves the running fiber; returns when it has been made ready and its turn has come, maybe on another worker.
    static void leave(stack& me) noexcept;
    /// Lets every fiber that is ready now run first.
    static void yield(stack& me) noexcept;
    /// The look, when it is due: at the reactor, from the running fiber's own stack. Leaves that only if somebody else is
    /// ready (it goes on when those have run: give_way), or this worker may not go on (yields).
    static void look(stack& me) noexcept;
    /// The running fiber stays on this thread from here on, and without forks; once more for each time. And back.
    static void stay(stack& me) noexcept;
    static void stop_staying(stack& me) noexcept;
    /// Queues a fork that its owner shares, and wakes somebody for it.
    void share(fiber& f) noexcept;
    /// Marks that the running fiber may block the thread. False: marked already.
    bool begin_blocking() noexcept;
    /// False: somebody has taken the permit meanwhile; the fiber must go to the others (yield).
    [[nodiscard]] bool end_blocking() noexcept {
        blocking_.store(false, std::memory_order_relaxed);
        return permission.get() != nullptr;
    }
    /// Now, in waiting_steps: as exact as its last reading of the clock, or the monitor's.
    [[nodiscard]] std::uint32_t waiting_clock() const noexcept;
    /// The running task is about to end: nobody may ask for it any more.
    void forget_running_task() noexcept { running_task_.store(nullptr, std::memory_order_relaxed); }
    /// Its reactor is looked at before the next fiber runs; in run_here, when this turn is over.
    void look_soon() noexcept;
    /// Is its reactor overdue? While others are ready, or one computes between two looks.
    [[nodiscard]] bool look_is_due() noexcept;
    [[nodiscard]] bool look_is_due_to_compute() noexcept;
    /// Does something wait for this core (ready fibers, or a reactor nobody looked at for a while)?
    [[nodiscard]] bool others_wait() noexcept;

    // ---- any thread --------------------------------------------------------------------------------------------
    /// Queues a fiber that stays here, and sees to it that this worker comes for it.
    void make_ready_here(fiber& f) noexcept;
    void send(worker& to, fiber& f) noexcept;
    /// Ends its sleep, or the next one.
    void unpark() noexcept;
    [[nodiscard]] unsigned index() const noexcept { return index_; }
    [[nodiscard]] scheduler& home() const noexcept { return scheduler_; }
    [[nodiscard]] const worker_counters& counters() const noexcept { return counters_; }
    /// From ready to running, of each 61st fiber that is made ready here and each that others made ready, in steps of
    /// coarse_tsc.
    [[nodiscard]] const histogram& schedule_latency() const noexcept { return latency_; }
    [[nodiscard]] bool is_running(
        std::memory_order order = std::memory_order_relaxed) const noexcept {
        return running_.load(order);
    }
    [[nodiscard]] bool has_queued() const noexcept {
        return !queue_.empty() || !background_.empty();
    }
    /// Does anything wait for this worker alone?
    [[nodiscard]] bool has_ready() const noexcept {
        return has_queued() || slot_.load(std::memory_order_relaxed) != nullptr || !mail_.empty();
    }
    /// Stacks that it keeps for fibers to come.
    [[nodiscard]] unsigned cached_stacks() const noexcept {
        return cached_count_.load(std::memory_order_relaxed);
    }
    /// Changes whenever the worker gets on: it entered a fiber, or slept.
    [[nodiscard]] std::uint64_t step() const noexcept {
        return counters_.switches.load(std::memory_order_relaxed) +
               counters_.sleeps.load(std::memory_order_relaxed);
    }
    /// Changes with each announced call.
    [[nodiscard]] std::uint64_t blocking_calls() const noexcept {
        return counters_.blocking_calls.load(std::memory_order_relaxed);
    }
    /// Changes with each so many fibers that it makes ready.
    [[nodiscard]] std::uint64_t crowds() const noexcept {
        return counters_.crowds.load(std::memory_order_relaxed);
    }
    /// Has it entered a fiber, and not come back to its loop?
    [[nodiscard]] bool is_in_fiber() const noexcept {
        return running_stack_.load(std::memory_order_relaxed) != nullptr;
    }
    /// It is about to lose its permit in a step of that kind.
    void say_found(step_kind kind) noexcept {
        found_.store(kind, std::memory_order_relaxed); // revoke shows it
    }
    /// Was it lent something that it has not begun?
    [[nodiscard]] bool has_lent() const noexcept {
        return lent_.load(std::memory_order_relaxed) != nullptr;
    }
    /// In a call that was announced as blocking.
    [[nodiscard]] bool is_blocking() const noexcept {
        return blocking_.load(std::memory_order_relaxed);
    }
    /// The listed task it runs, or null. It may be gone before the caller has looked: see runtime_core.
    [[nodiscard]] fiber* running_task() const noexcept {
        return running_task_.load(std::memory_order_relaxed);
    }
    /// CPU time of its thread. Only of a worker that was seen running by acquire (is_running).
    [[nodiscard]] deadline_ns cpu_time() const noexcept;
    /// 0: its thread has not begun yet.
    [[nodiscard]] int thread_id() const noexcept {
        return thread_id_.load(std::memory_order_relaxed);
    }
    /// Takes everything that waits for this worker and gives each to `to(fiber*)`.
    template <class To>
    void take_all(To to) noexcept {
        if (current() == this) {
            while (queue_.size() != 0)
                if (fiber* f = queue_.take_own()) to(f);
        } else if (queue_.size() != 0) {
            basic_deque<fiber*>::guest me(queue_);
            while (queue_.size() != 0)
                if (fiber* f = me.take()) to(f);
        }
        // acquire pairs with the release of whoever filled it
        if (fiber* f = slot_.exchange(nullptr, std::memory_order_acq_rel)) to(f);
        while (mail_.take(1, to) != 0) {}
        while (background_.take(1, to) != 0) {}
    }
    /// An idle worker asks this one to share its private forks.
    void demand_forks() noexcept;
    [[nodiscard]] bool forks_demanded() const noexcept {
        return demand_.load(std::memory_order_relaxed) != demand::none;
    }
    /// Is there a worker that might be woken for them?
    [[nodiscard]] bool others_sleep() const noexcept;
    void forks_shared() noexcept { demand_.store(demand::none, std::memory_order_relaxed); }
    /// It has looked, and what it has is too fine yet.
    void decline_forks() noexcept { demand_.store(demand::declined, std::memory_order_relaxed); }
    /// A part of a fork-join has ended here: the next one is probably near, and is sooner begun by who has not gone to sleep.
    void expect_forks() noexcept { expects_forks_ = true; }
    /// Has it forks that nobody else knows of, and has it not answered the demand for them? A guess. The caller holds
    /// scheduler::foreign_stacks.
    [[nodiscard]] bool keeps_forks() const noexcept;
    /// Takes the oldest of them. Null: there is none. The caller holds scheduler::foreign_stacks.
    fiber* rob() noexcept;

    permit_holder permission;
    /// Runs with a higher nice value: it computes without a permit.
    std::atomic<bool> is_nice{false};

    /// Reservations of stacks that this worker may promise to new tasks without asking the pool.
    stack_credit stacks;

private:
    friend class scheduler;
    void thread_main();
    void loop();
    void enter_thread() noexcept;
    void leave_thread() noexcept;
    fiber* next_turn() noexcept;
    fiber* pick() noexcept;
    fiber* take_ready() noexcept;
    fiber* take_first(inject_queue& q) noexcept;
    fiber* take_background_turn() noexcept;
    static void give_way(stack& me) noexcept;
    fiber* check_saved(fiber* f) noexcept;
    bool lend(fiber& f) noexcept;
    [[nodiscard]] step_kind kind_of_step() noexcept;
    void note_step(stack& me) noexcept;
    void enter(fiber& f) noexcept;
    static void before_wait(stack& me) noexcept;
    bool await_permit() noexcept;
    void run_lent() noexcept;
    bool take_next_long() noexcept;
    void run_staying() noexcept;
    void pin_to_core() noexcept;
    void go(stack& from, fiber* next, void (*after)(stack&)) noexcept;
    stack& stack_for(fiber& f) noexcept;
    static void stack_main(stack& s);
    void next_on_this_stack(stack& s) noexcept;
    static void after_finish(stack& left) noexcept;
    static void after_finish_unmap(stack& left) noexcept;

    fiber* find_work() noexcept;
    fiber* found(fiber* f) noexcept;
    void start_running() noexcept;
    void retire() noexcept;
    fiber* search() noexcept;
    fiber* steal_from(worker& victim, bool blocks) noexcept;
    unsigned poll(reactor& r, deadline_ns until) noexcept;
    void look_at(reactor& r) noexcept;
    void look_after_neighbour() noexcept;
    bool step_aside(reactor& home) noexcept;
    [[nodiscard]] bool others_run() const noexcept;
    [[nodiscard]] bool looked_before(deadline_ns limit) const noexcept;
    void tell_others() noexcept;
    bool look_at_switch() noexcept;
    fiber* rob_forks() noexcept;
    bool linger() noexcept;
    void stop_lingering() noexcept;
    [[nodiscard]] bool lingers() const noexcept { return lingers_.load(std::memory_order_relaxed); }
    bool stand_down() noexcept;
    [[nodiscard]] bool anybody_ready() const noexcept;
    void sleep() noexcept;
    void sleep_in_kernel() noexcept;
    bool anything_visible() noexcept;

    scheduler& scheduler_;
    const unsigned index_;
    random_source random_;
    stack loop_stack_;                   // stands for the thread's own stack
    stack_head* stack_before_ = nullptr; // of run_here's caller
    thread_state thread_state_;
    std::thread thread_;
    std::atomic<int> thread_id_{0}; // both written by the thread before it runs anything
    std::atomic<clockid_t> cpu_clock_{0};
    bool is_promised_ = false; // made for a permit that is on its way
    /// Is in the list of spares, or was taken off it for something that has not come yet. True: by the worker, or by who makes
    /// it; false: by who granted or lent it something, after that is visible.
    std::atomic<bool> is_offered_{false};
    worker* takes_over_ = nullptr;      // whose permit it gets: grant shows it
    std::atomic<fiber*> lent_{nullptr}; // to run without a permit, once
    bool lent_is_long_ = false; // and when it is over, long_steps wants to know; lent_ shows it
    std::atomic<step_kind> found_{step_kind::quick}; // why it was displaced

    // Owner's
    bool run_is_over_ = false; // of run_here
    bool has_had_turn_ = false;
    bool has_run_ = false;                // since it last stepped aside
    bool gives_way_ = false;              // what it shares now is for the background, too
    bool background_is_next_ = false;     // those that are ready have had their time
    std::optional<thread_usage> lent_at_; // when it began what it was lent
    unsigned picks_left_ = 1;             // until the loop must look around
    unsigned samples_left_ = 1;           // until the next sample of the schedule latency
    unsigned slot_runs_ = 0;              // in a row from slot_
    bool searching_ = false;              // counted as a searcher in scheduler_.idle_
    bool polling_ =
        false; // what becomes ready now goes to the queue, in order, and wakes nobody until the batch is in
    std::uint64_t last_look_ = 0; // TSC
    static constexpr deadline_ns k_first_stay = 10'000'000;
    deadline_ns stays_until_ = 0; // it does not step aside before
    deadline_ns stays_for_ = k_first_stay;
    unsigned neighbour_ = 0; // the permit whose worker it keeps an eye on
    std::uint64_t neighbour_seen_ = 0, neighbour_step_ = 0; // when (TSC), and how far it was
    deadline_ns neighbour_cpu_ = -1;                        // its thread's CPU time then
    std::uint64_t last_clock_ = 0;   // TSC at the last reading by look_at_switch
    unsigned clock_stride_ = 1;      // switches between its readings
    unsigned switches_to_clock_ = 1; // counts down
    stack* cached_stacks_ = nullptr;
    std::atomic<unsigned> cached_count_{0};   // written by the owner alone
    std::uint64_t waits_for_forks_since_ = 0; // TSC; 0: does not
    bool expects_forks_ = false;              // instead of a sleep it lingers
    std::uint64_t lingers_since_ = 0;         // TSC; 0: does not

    // Everybody's
    basic_deque<fiber*> queue_; // with one permit the owner's take is a plain one
    alignas(k_cache_line) std::atomic<fiber*> slot_{
        nullptr}; // the last one made ready here; stealable when this worker is stuck
    enum class demand : unsigned char { none, raised, declined };
    std::atomic<demand> demand_{demand::none};
    std::uint64_t demanded_at_ = 0;              // TSC; under scheduler::foreign_stacks
    std::atomic<stack*> running_stack_{nullptr}; // whose forks may be demanded and robbed
    std::atomic<bool> blocking_{false};
    std::atomic<bool> lingers_{false}; // searches on where it would sleep: it comes by at once
    std::atomic<fiber*> running_task_{nullptr};
    std::atomic<bool> running_{false}; // runs fibers, as opposed to searching or sleeping
    parking parking_;
    std::atomic<reactor*> sleeps_at_{nullptr}; // set before parking_ says asleep, read by unpark
    worker_counters counters_;
    histogram latency_; // the worker's
    inject_queue
        mail_; // forced migration: fibers meant for this worker; others take them if it is stuck
    inject_queue staying_;    // ready, and nobody else may run them
    inject_queue background_; // computed until a look found somebody else: after all that is ready
};

} // namespace weft::detail
