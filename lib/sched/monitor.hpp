// SPDX-License-Identifier: Apache-2.0
// The thread that finds stuck workers and gives their permits to spares. Protocol: README.md.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include <weft/base/clock.hpp>

#include "sched/doze.hpp"

namespace weft::detail {

class scheduler;
class worker;
struct permit;

/// Is told what the monitor finds, on its thread. Must neither wait nor throw.
class stuck_observer {
public:
    /// That worker has been in one step for so long; asked once a step. `in_kernel`: it computes nothing.
    virtual void slow_step(worker& w, std::uint64_t step, deadline_ns lasts,
                           bool in_kernel) noexcept = 0;
    /// There is no spare for that one, and none can be made; at most once a second.
    virtual void no_spare(worker& w, std::uint64_t step, unsigned spares) noexcept = 0;

protected:
    ~stuck_observer() = default;
};

/// What the monitor has done; written by its thread, read by anybody.
struct monitor_counters {
    std::atomic<std::uint64_t> looks{0};
    std::atomic<std::uint64_t> blocked{0};   // permits taken from workers that slept in the kernel
    std::atomic<std::uint64_t> computing{0}; // ... that computed
    std::atomic<std::uint64_t> slow{0};      // steps longer than slow_after
};

class monitor {
public:
    struct settings {
        deadline_ns stuck_after = 1'000'000;
        deadline_ns slow_after = k_never;
        stuck_observer* observer = nullptr;
    };
    monitor(scheduler& s, const settings& with)
        : scheduler_(s),
          with_(with),
          slow_after_(with.slow_after) {}
    ~monitor() { stop(); }
    monitor(const monitor&) = delete;
    monitor& operator=(const monitor&) = delete;

    void start();
    void stop() noexcept;

    /// A worker that begins to run says so (seq_cst) and then calls this: a dozing monitor wakes.
    void somebody_runs() noexcept {
        if (doze_.must_wake()) wake();
    }

    /// A worker that gets a permit is no longer nice. Called by that worker.
    void restore(worker& w) noexcept;
    /// One that computes without a permit is. Called by that worker, or by the monitor when it has displaced it.
    void make_nice(worker& w) noexcept;

    [[nodiscard]] const monitor_counters& counters() const noexcept { return counters_; }
    /// Any thread.
    void set_slow_after(deadline_ns limit) noexcept {
        slow_after_.store(limit, std::memory_order_relaxed);
    }

private:
    /// What is known of a worker's present step.
    struct note {
        worker* who = nullptr;
        std::uint64_t step = 0;
        deadline_ns since = 0;       // it was first seen
        deadline_ns cpu = k_unknown; // its thread's CPU time at `cpu_at`
        deadline_ns cpu_at = 0;
        std::uint64_t crowds = 0; // worker::crowds and worker::blocking_calls at the last look
        std::uint64_t calls = 0;
        bool told = false; // slow_step was called
    };
    static constexpr deadline_ns k_unknown = -1;

    void thread_main() noexcept;
    deadline_ns look(deadline_ns now) noexcept;
    static bool is_same_step(note& n, worker& w, deadline_ns now) noexcept;
    enum class verdict { unknown, computing, blocked, waits_for_core };
    static verdict judge(note& n, deadline_ns now) noexcept;
    void look_at_permit(permit& p, note& n, deadline_ns now) noexcept;
    bool look_at_displaced(deadline_ns now) noexcept;
    bool displace(note& n, deadline_ns now) noexcept;
    void lend_batch(worker& displaced, worker& successor, deadline_ns now) noexcept;
    void tell_slow(note& n, deadline_ns now) noexcept;
    void wake() noexcept;

    scheduler& scheduler_;
    const settings with_;
    std::atomic<deadline_ns> slow_after_;
    monitor_counters counters_;
    std::thread thread_;
    doze doze_;
    std::atomic<bool> stopping_{false};

    int usual_nice_ = 0; // both set before the thread starts
    bool may_be_nice_ = false;

    // The thread's own
    std::vector<note> permits_;   // one each
    std::vector<note> displaced_; // one for each worker: of a step that it runs without one
    unsigned quiet_looks_ = 0;    // without anybody running
    unsigned fast_looks_ = 0;     // still to come, at short steps
    unsigned batch_ = 1;      // so many of a queue go to spares when its worker is found blocked
    unsigned calm_looks_ = 0; // at which everybody had got on
    bool soon_ = false;       // a second sample is wanted
    deadline_ns last_no_spare_ = 0;
};

} // namespace weft::detail
