// SPDX-License-Identifier: Apache-2.0
#include <weft/observe/dump.hpp>

#include <array>
#include <cstdio>
#include <ostream>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <weft/coro/co_driver.hpp>
#include <weft/task/runtime.hpp>

#include "base/thread_stack.hpp"
#include "base/tsc.hpp"
#include "context/parked_frames.hpp"
#include "task/runtime_core.hpp"
#include <weft/greenlet/strand.hpp>

namespace weft {
namespace {

using detail::task_base;

/// What a waiting task left behind; filled in while nobody can end its wait, so nothing here allocates.
struct parked {
    detail::wait_reason why = detail::wait_reason::other;
    std::uint32_t since = 0;
    detail::core_ref<detail::future_core> awaits;
    const void* coroutine = nullptr;
    std::size_t count = 0;
    std::array<const void*, detail::k_most_frames> frames{};

    void add_frames(const detail::stack& s) noexcept {
        // acquire pairs with after_save: it may be on its way off its stack still
        if (s.saved.load(std::memory_order_acquire))
            count += detail::frames_of_parked(s, std::span(frames).subspan(count));
    }
    void add_stack(task_base& t) noexcept {
        if (t.is_stackless) coroutine = static_cast<detail::co_driver&>(t).suspended_at();
        if (coroutine != nullptr) return;
        detail::stack& top = *t.parked_stack();
        if (top.greenlets == nullptr) return add_frames(top);
        top.greenlets->for_each_active([this](detail::stack& s) { add_frames(s); });
    }
};

/// False: it does not wait.
bool look_at(task_base& t, parked& seen) noexcept {
    if (!t.word.look()) return false;
    seen.why = t.waits_for;
    seen.since = t.waits_since;
    if (seen.why == detail::wait_reason::future)
        seen.awaits =
            detail::core_ref<detail::future_core>::share(t.awaits.load(std::memory_order_relaxed));
    seen.add_stack(t);
    t.word.end_look();
    return true;
}

// As it goes after "waits for ".
const char* words_for(detail::wait_reason why) noexcept {
    using detail::wait_reason;
    switch (why) {
    case wait_reason::other: break;
    case wait_reason::time: return "a point in time";
    case wait_reason::future: return "a future";
    case wait_reason::futures: return "several futures";
    case wait_reason::mutex: return "a mutex";
    case wait_reason::shared_mutex: return "a shared_mutex";
    case wait_reason::semaphore: return "a semaphore";
    case wait_reason::event: return "an event";
    case wait_reason::latch: return "a latch";
    case wait_reason::barrier: return "a barrier";
    case wait_reason::condition: return "a condition_variable";
    case wait_reason::queue_item: return "an item in a queue";
    case wait_reason::queue_room: return "room in a queue";
    case wait_reason::queue_join: return "a queue's items to be done";
    case wait_reason::channel_send: return "a receiver at a channel";
    case wait_reason::channel_receive: return "an item from a channel";
    case wait_reason::select: return "one of several channels (select)";
    case wait_reason::group_place: return "a place in a task_group";
    case wait_reason::group_children: return "the tasks of a task_group";
    case wait_reason::descriptor_read: return "a descriptor to be readable";
    case wait_reason::descriptor_write: return "a descriptor to be writable";
    case wait_reason::pool_room: return "room in a thread pool's queue";
    case wait_reason::connections: return "the connections of a server";
    }
    return "something";
}

std::string duration(double ns) {
    std::array<char, 32> text{};
    if (ns < 1e9)
        std::snprintf(text.data(), text.size(), "%.0f ms", ns / 1e6);
    else
        std::snprintf(text.data(), text.size(), "%.1f s", ns / 1e9);
    return text.data();
}

class dump {
public:
    void add(detail::runtime_core& runtime) {
        detail::scheduler& s = runtime.sched();
        std::unordered_map<const detail::fiber*, detail::worker*> running;
        for (unsigned i = 0; i < s.workers(); ++i)
            if (detail::fiber* f = s.worker_at(i).running_task()) running[f] = &s.worker_at(i);
        tasks_ = runtime.live_tasks();
        kept_.insert(kept_.end(), tasks_.begin(), tasks_.end());
        text_ +=
            s.is_run_by_caller()
                ? "weft: an event_loop; nobody else runs its tasks and callbacks while its "
                  "thread is busy; live tasks: "
                : "weft: a runtime of " + std::to_string(s.permits()) + " workers; live tasks: ";
        text_ += std::to_string(tasks_.size()) + "\n";
        awaited_.clear();
        walk_of_.clear();
        for (const task_handle& handle : tasks_) {
            task_base& t = *handle.core().as_task();
            if (handle.done()) continue;
            const auto at = running.find(&t);
            if (at != running.end())
                add_running(t, *at->second, runtime.options().slow_task_stack);
            else
                add_other(t);
        }
        for (const task_handle& handle : tasks_) add_circle(*handle.core().as_task());
    }
    [[nodiscard]] const std::string& text() const noexcept { return text_; }

private:
    void add_running(task_base& t, detail::worker& w, bool with_stack) {
        const std::uint64_t step = w.step();
        text_ += t.description() + ": runs on worker " + std::to_string(w.index()) +
                 (w.is_blocking() ? ", in a call that was announced as blocking" : "");
        if (with_stack) text_ += detail::stack_of(w, step);
        text_ += "\n";
    }

    void add_other(task_base& t) {
        parked seen;
        if (!look_at(t, seen)) {
            text_ += t.description() + ": ready to run";
            if (const detail::worker* w = t.bound_to())
                text_ += ", but bound to worker " + std::to_string(w->index()) +
                         ", which runs another one; nobody else may run it";
            text_ += "\n";
            return;
        }
        text_ += t.description() + ": waits for ";
        if (task_base* below = seen.awaits ? seen.awaits->as_task() : nullptr) {
            text_ += "task '" + below->name() + "'";
            awaited_[&t] = below;
        } else if (seen.awaits && seen.awaits->takes_waiters_cancel()) {
            text_ += "a call in an executor";
        } else {
            text_ += words_for(seen.why);
        }
        text_ += ", for " + duration(detail::waiting_ns(seen.since)) + "\n";
        if (seen.coroutine != nullptr) add_frame(seen.coroutine);
        for (std::size_t i = 0; i < seen.count; ++i) add_frame(seen.frames[i]);
        if (seen.awaits) kept_awaited_.push_back(std::move(seen.awaits));
    }

    void add_frame(const void* address) {
        std::string& name = names_[address];
        if (name.empty()) name = "    at " + detail::describe_code(address) + "\n";
        text_ += name;
    }

    // Follows who awaits whom, each task once over all calls: a circle is met by the first walk that comes into it.
    void add_circle(const task_base& first) {
        const std::size_t walk = ++walks_;
        const task_base* t = &first;
        for (auto next = awaited_.find(t); next != awaited_.end(); next = awaited_.find(t)) {
            const auto [seen, is_new] = walk_of_.try_emplace(t, walk);
            if (!is_new) {
                if (seen->second == walk) tell_circle(*t);
                return;
            }
            t = next->second;
        }
    }
    void tell_circle(const task_base& first) {
        text_ += "weft: these tasks wait for each other, and will for ever: '" + first.name() + "'";
        const task_base* t = &first;
        do {
            t = awaited_.find(t)->second;
            text_ += " for '" + t->name() + "'";
        } while (t != &first);
        text_ += "\n";
    }

    std::string text_;
    std::vector<task_handle> tasks_; // of the runtime at hand
    std::vector<task_handle>
        kept_; // let go when no lock is held: what a task leaves is the program's
    std::vector<detail::core_ref<detail::future_core>> kept_awaited_;
    std::unordered_map<const task_base*, task_base*> awaited_;
    std::unordered_map<const task_base*, std::size_t> walk_of_;
    std::size_t walks_ = 0;
    std::unordered_map<const void*, std::string> names_;
};

} // namespace

void dump_tasks(std::ostream& to) {
    dump all;
    detail::for_each_runtime([&](detail::runtime_core& r) { all.add(r); });
    to << all.text() << std::flush;
}

void dump_tasks(std::ostream& to, runtime& of) {
    dump one;
    one.add(of.core());
    to << one.text() << std::flush;
}

} // namespace weft
