// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <optional>

#include <oneapi/tbb/task_scheduler_observer.h>

#include "sched/guests.hpp"

namespace weft::detail {

/// Counts oneTBB's workers in an arena as guests: for each of them a worker of ours leaves its core.
class core_sharing final {
public:
    core_sharing() = default;
    core_sharing(const core_sharing&) = delete;
    core_sharing& operator=(const core_sharing&) = delete;
    ~core_sharing() { stop(); }

    void start(::tbb::task_arena& arena) {
        observer_.emplace(arena);
        observer_->observe(true);
    }
    /// The arena may go afterwards.
    void stop() { observer_.reset(); }

private:
    class observer final : public ::tbb::task_scheduler_observer {
    public:
        using task_scheduler_observer::task_scheduler_observer;
        ~observer() override {
            observe(false);
            guests::leave(inside_.exchange(0, std::memory_order_relaxed)); // they leave untold
        }
        void on_scheduler_entry(bool is_worker) override {
            if (!is_worker) return;
            inside_.fetch_add(1, std::memory_order_relaxed);
            guests::enter();
        }
        void on_scheduler_exit(bool is_worker) override {
            if (!is_worker) return;
            inside_.fetch_sub(1, std::memory_order_relaxed);
            guests::leave();
        }

    private:
        std::atomic<unsigned> inside_{0};
    };
    std::optional<observer> observer_;
};

} // namespace weft::detail
