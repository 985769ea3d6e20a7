// SPDX-License-Identifier: Apache-2.0
// The workers of one runtime and what they share.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/tsc.hpp"
#include "context/stack_pool.hpp"
#include "reactor/reactor.hpp"
#include "reactor/slot_pool.hpp"
#include "sched/guests.hpp"
#include "sched/idle.hpp"
#include "sched/inject_queue.hpp"
#include "sched/long_steps.hpp"
#include "sched/lottery.hpp"
#include "sched/monitor.hpp"
#include "sched/spares.hpp"
#include "sched/worker.hpp"
#include "sched/worker_list.hpp"

namespace weft::detail {

struct scheduler_options {
    unsigned workers = 1;
    unsigned spares = 0;  // workers beyond the permits, at most
    unsigned started = 0; // so many of them from the start
    std::size_t stack_size = 256 * 1024;
    bool pin_workers = false;
    bool force_migration = false; // every wait that ends resumes on the next worker
    bool virtual_time = false;    // null backend, one worker
    std::uint64_t seed = 0; // with virtual time: not 0, the next task is drawn from the ready ones
    bool caller_runs = false;               // one worker, whose thread is whoever calls run_here
    std::optional<monitor::settings> watch; // empty: no monitor
    std::function<std::unique_ptr<backend>(time_source&)> make_backend;
};

class runtime_core;

class scheduler {
public:
    /// Whose it is; nothing here looks inside.
    runtime_core* runtime = nullptr;

    /// Throws std::system_error if the kernel refuses a reactor or a thread.
    explicit scheduler(const scheduler_options& options);
    /// Every fiber has ended. Stops and joins the workers.
    ~scheduler();
    scheduler(const scheduler&) = delete;
    scheduler& operator=(const scheduler&) = delete;

    /// Promises a stack of the usual size to a new fiber, or maps one of another size. Throws std::system_error.
    void provide_stack(fiber& f, std::size_t size);
    /// Takes the promise back from a fiber that will never begin.
    void withdraw_stack(fiber& f) noexcept;

    /// Queues a fiber that may run. Any thread; the runtime may end as soon as the fiber has.
    void make_ready(fiber& f) noexcept;
    /// Wakes a sleeper if one should look for work. Any thread.
    void notify() noexcept;

    /// Takes the permit of a worker that is stuck and gives it to a spare, an idle one or a new one. One thread at a time.
    enum class displaced { yes, no_spare, has_gone_on };
    displaced displace(worker& from) noexcept;
    /// Lets a spare run the next one of that worker's queue, without a permit: that spare, which counts as running. Null:
    /// there is none, or nothing to run. One thread at a time.
    worker* lend_next(worker& from) noexcept;
    /// Lets an idle spare run that one, which is in no queue, without a permit; maybe later, if its steps are long. False: there
    /// is no spare, but the monitor will make one.
    bool lend(fiber& f) noexcept;
    /// Makes an idle spare if lend met none, and gives one to a long step that waits for too long. One thread at a time.
    void see_to_spares(deadline_ns now) noexcept;
    /// Does it keep private forks, and has not answered the demand for them?
    bool keeps_forks(const worker& w) noexcept;
    /// The same as displace, with an idle spare of the caller's choice. False: `from` has no permit, or `to` is none.
    bool move_permit(worker& from, worker& to) noexcept;
    /// All that waits for a worker without a permit goes to everybody's queue. Any thread.
    void inject_all_of(worker& w) noexcept;
    [[nodiscard]] bool has_injected() const noexcept { return !inject_.empty(); }
    /// Is the next task drawn by a seed? Then nothing may depend on the time that passes in truth.
    [[nodiscard]] bool draws() const noexcept { return lottery_.has_value(); }
    /// Does a worker with a permit run (seq_cst)?
    [[nodiscard]] bool anybody_runs() const noexcept;

    /// Runs fibers on the calling thread, a plain one, until stop_run (when that turn is over), or until nothing is ready.
    /// Only with options.caller_runs; one thread at a time.
    enum class run_until { stopped, idle };
    void run_here(run_until until);
    /// Any thread. Without a run, the next one has a single turn.
    void stop_run() noexcept;
    void forget_stop() noexcept { stop_run_.store(false, std::memory_order_relaxed); }
    [[nodiscard]] bool is_run_by_caller() const noexcept { return options_.caller_runs; }

    /// From now on a step that lasts so long is told to the observer. Any thread.
    void set_slow_after(deadline_ns limit) noexcept {
        if (monitor_) monitor_->set_slow_after(limit);
    }

    /// The reactor of the calling worker's core; for other threads, one of them in turn.
    reactor& local_reactor() noexcept;

    [[nodiscard]] time_source& time() noexcept { return time_; }
    /// When the monitor last looked while somebody ran, by the TSC.
    [[nodiscard]] std::uint64_t watched_at() const noexcept {
        return watched_at_.load(std::memory_order_relaxed);
    }
    void note_watch() noexcept { watched_at_.store(read_tsc(), std::memory_order_relaxed); }
    /// Shared with what is registered: a socket may outlive the runtime.
    [[nodiscard]] const std::shared_ptr<slot_pool>& slots() noexcept { return slots_; }
    /// Those that exist, spares included.
    [[nodiscard]] unsigned workers() const noexcept { return workers_.size(); }
    [[nodiscard]] unsigned most_workers() const noexcept { return workers_.capacity(); }
    /// The calling thread's, if it is one of these; null on other threads.
    [[nodiscard]] worker* own_worker() noexcept {
        worker* w = worker::current();
        return w != nullptr && &w->home() == this ? w : nullptr;
    }
    [[nodiscard]] worker& worker_at(unsigned i) noexcept { return workers_[i]; }
    /// So many may run at once.
    [[nodiscard]] unsigned permits() const noexcept {
        return static_cast<unsigned>(permits_.size());
    }
    [[nodiscard]] reactor& reactor_at(unsigned i) noexcept { return *reactors_[i]; }
    [[nodiscard]] permit& permit_at(unsigned i) noexcept { return permits_[i]; }
    [[nodiscard]] std::size_t idle_spares() noexcept { return spares_.size(); }
    /// Null: there is none.
    [[nodiscard]] const monitor_counters* watched() const noexcept {
        return monitor_ ? &monitor_->counters() : nullptr;
    }
    [[nodiscard]] const char* backend_name() const noexcept {
        return permits_.front().home->kernel().name();
    }
    [[nodiscard]] unsigned sleeping_workers() const noexcept { return idle_.asleep(); }
    /// Stacks that fibers have, about: the counts are not of one instant.
    [[nodiscard]] std::size_t live_stacks() noexcept;
    /// Workers that leave their cores to threads of others (guests).
    [[nodiscard]] unsigned standing_down() const noexcept {
        return standing_down_.load(std::memory_order_relaxed);
    }
    /// Workers that were woken out of the kernel by somebody else: a system call each.
    [[nodiscard]] std::uint64_t wakes() const noexcept {
        return wakes_.load(std::memory_order_relaxed);
    }

private:
    friend class worker;
    friend class guest_place;
    static stack** stack_slot_of(fiber& f) noexcept { return &f.stack_; }
    worker* find_spare() noexcept;
    worker* make_spare() noexcept;
    void lend(fiber& f, worker& to, bool is_long) noexcept;
    bool hand_over(worker& from, worker& to) noexcept;
    void stop() noexcept;
    void unmap_single(stack* s) noexcept;

    const scheduler_options options_;
    const bool has_one_permit_ = options_.workers == 1;
    time_source time_;
    stack_pool stacks_;
    const std::shared_ptr<slot_pool> slots_ = std::make_shared<slot_pool>();
    std::vector<std::unique_ptr<reactor>> reactors_;
    std::vector<permit> permits_; // of a fixed size
    worker_list workers_;
    spare_list spares_;
    std::atomic<bool> lacks_spare_{false};
    long_steps long_steps_;
    inject_queue inject_;
    idle_workers idle_;
    spin_lock outside_lock_; // guards the credit of threads that are no workers
    stack_credit outside_stacks_;
    spin_lock
        foreign_stacks_; // held by who looks into another worker's running stack, and by who unmaps one
    const bool may_rob_;
    std::atomic<std::size_t> single_stacks_{0};
    std::atomic<unsigned> next_reactor_{0};
    std::atomic<bool> stopping_{false};
    std::atomic<bool> stop_run_{false};
    std::atomic<bool> one_stands_aside_{false}; // a worker: worker::step_aside
    run_until run_until_ = run_until::stopped;  // of the thread in run_here
    std::atomic<unsigned> outside_calls_{0};    // of make_ready, this moment; stop waits for them
    std::atomic<std::uint64_t> wakes_{0};
    std::atomic<unsigned> standing_down_{0};   // written under the lock of all guest_places
    std::atomic<std::uint64_t> watched_at_{0}; // the monitor's
    std::optional<lottery> lottery_;           // the one worker's
    std::optional<monitor> monitor_;
};

inline std::uint32_t worker::waiting_clock() const noexcept {
    return waiting_steps(std::max({last_look_, last_clock_, scheduler_.watched_at()}));
}

} // namespace weft::detail
