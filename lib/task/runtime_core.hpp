// SPDX-License-Identifier: Apache-2.0
// One runtime: the scheduler, the tasks it owns, and what they share. See README.md.
#pragma once

#include <array>
#include <condition_variable>
#include <memory>
#include <mutex>

#include <weft/task/runtime.hpp>

#include "sched/scheduler.hpp"
#include "task/live_task_table.hpp"

namespace weft::detail {

/// Something of a higher layer that lives and ends with a runtime (its pools of threads).
class attachment {
public:
    attachment() = default;
    attachment(const attachment&) = delete;
    attachment& operator=(const attachment&) = delete;
    virtual ~attachment() = default;
    /// Called once, when all tasks have ended, before the workers stop.
    virtual void shut_down() noexcept = 0;
};

/// Where exceptions go that nobody takes. Outlives the runtime in the tasks that failed.
class reporter {
public:
    using handler = std::function<void(const exception_context&)>;
    explicit reporter(handler h) : handler_(std::make_shared<const handler>(std::move(h))) {}
    void report(const exception_context& what) noexcept;
    /// Any thread; a report that is under way ends with the handler it began with.
    void set_handler(handler h);

private:
    spin_lock lock_;
    std::shared_ptr<const handler> handler_; // under lock_; an empty function: stderr
};

/// The runtime of the running fiber, or null.
runtime_core* current_runtime_or_null() noexcept;

/// A line for each frame of what that worker runs, if it still does (worker::step). Needs runtime_options::slow_task_stack.
std::string stack_of(worker& w, std::uint64_t step);

/// Calls f(runtime) for each that lives; it lives on meanwhile.
void for_each_runtime(const std::function<void(runtime_core&)>& f);
/// Calls f(runtime) if the runtime with that scheduler still lives, and keeps it alive meanwhile. False: it does not. (At that
/// address may be a later one by now; who asks holds a task that has ended, and any runtime is as good.)
bool if_alive(const scheduler& s, const std::function<void(runtime_core&)>& f);

class runtime_core final : public stuck_observer {
public:
    runtime_core(const runtime_options& options, const scheduler_options& scheduling);
    ~runtime_core();
    runtime_core(const runtime_core&) = delete;
    runtime_core& operator=(const runtime_core&) = delete;

    [[nodiscard]] scheduler& sched() noexcept { return scheduler_; }
    [[nodiscard]] const runtime_options& options() const noexcept { return options_; }

    /// Adds a task to the live ones. False: closed. Throws std::bad_alloc.
    bool enlist(task_base& t);
    void delist(task_base& t) noexcept;
    void count_end() noexcept;
    [[nodiscard]] std::vector<task_handle> live_tasks() { return live_.all(); }
    [[nodiscard]] std::size_t live_count() const noexcept { return live_.count(); }

    /// Steps 1 to 3 of the shutdown (README.md): closes, cancels, waits. Who is left at the deadline.
    std::vector<task_handle> cancel_and_wait(deadline_ns deadline);
    /// Step 4, once.
    void shut_down_attachments() noexcept;

    [[nodiscard]] const std::shared_ptr<class reporter>& exceptions() const noexcept {
        return exceptions_;
    }

    /// Debug mode, and from when on a step or callback is slow: as the options say, until somebody sets it. Any thread.
    [[nodiscard]] bool debug() const noexcept { return debug_.load(std::memory_order_relaxed); }
    void set_debug(bool on) noexcept { debug_.store(on, std::memory_order_relaxed); }
    [[nodiscard]] deadline_ns slow_after() const noexcept {
        return slow_after_.load(std::memory_order_relaxed);
    }
    void set_slow_after(deadline_ns limit) noexcept {
        slow_after_.store(limit, std::memory_order_relaxed);
        scheduler_.set_slow_after(limit);
    }

    /// A line for whoever runs the program, to runtime_options::log_handler or stderr.
    void log(const std::string& line) noexcept;

    /// What is ready still runs on the calling thread: of an event_loop whose tasks have ended.
    void run_rest_here() { scheduler_.run_here(scheduler::run_until::idle); }

    /// What `make` makes, once per runtime: at the first call with it.
    using attachment_maker = std::unique_ptr<attachment> (*)(runtime_core&);
    attachment& attached(attachment_maker make);

private:
    void slow_step(worker& w, std::uint64_t step, deadline_ns lasts,
                   bool in_kernel) noexcept override;
    void no_spare(worker& w, std::uint64_t step, unsigned spares) noexcept override;
    std::string describe_running(worker& w, std::uint64_t step);

    void tell_that_one_ended() noexcept;

    const runtime_options options_;
    const std::shared_ptr<class reporter> exceptions_;
    std::atomic<bool> debug_;
    std::atomic<deadline_ns> slow_after_;
    live_task_table live_;
    std::mutex mutex_;
    std::condition_variable task_ended_; // signalled while closing
    std::mutex attachment_mutex_;
    bool attachments_shut_down_ = false;
    std::vector<std::pair<attachment_maker, std::unique_ptr<attachment>>> attachments_;
    // The monitor's
    deadline_ns last_slow_line_ = 0;
    unsigned untold_slow_ = 0;

    scheduler scheduler_; // last: its workers end before the rest goes
};

} // namespace weft::detail
