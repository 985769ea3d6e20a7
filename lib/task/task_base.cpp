// SPDX-License-Identifier: Apache-2.0
#include <weft/task/task_base.hpp>

#include <mutex>
#include <stdexcept>

#include "base/assert.hpp"
#include "base/signal_print.hpp"
#include "base/thread_stack.hpp"
#include "task/runtime_core.hpp"

namespace weft::detail {
namespace {

std::atomic<std::uint64_t> last_id{0};

} // namespace

task_base* current_task_base() noexcept {
    fiber* f = current_fiber();
    return f != nullptr && f->is_task ? static_cast<task_base*>(f) : nullptr;
}

task_base::task_base(runtime_core& runtime, task_options&& options, const void* spawn_site)
    : fiber(runtime.sched(), true),
      spawn_site_(spawn_site) {
    is_pinned = options.pinned;
    if (!options.name.empty() || options.stack_size != 0 || options.file != nullptr)
        details_.reset(new details{
            std::move(options.name), {}, options.stack_size, options.file, options.line, nullptr});
}

runtime_core& task_base::owner() const noexcept { return *home().runtime; }

task_base::details& task_base::with_details() {
    if (!details_) details_ = std::make_unique<details>();
    return *details_;
}

std::uint64_t task_base::id() const noexcept {
    std::uint64_t id = id_.load(std::memory_order_relaxed);
    if (id != 0) return id;
    const std::uint64_t fresh = last_id.fetch_add(1, std::memory_order_relaxed) + 1;
    return id_.compare_exchange_strong(id, fresh, std::memory_order_relaxed) ? fresh : id;
}

std::string task_base::name() const {
    {
        const std::lock_guard guard(lock_);
        if (details_ && !details_->name.empty()) return details_->name;
    }
    return "Task-" + std::to_string(id());
}

std::string task_base::description() const {
    std::string text = "task '" + name() + "'";
    const char* file = nullptr;
    int line = 0;
    {
        const std::lock_guard guard(
            lock_); // a task that ends makes its details while the monitor reports it
        if (details_) {
            file = details_->file;
            line = details_->line;
        }
    }
    if (file != nullptr) {
        text.append(", created at ").append(file).append(":");
        text += std::to_string(line);
    } else if (spawn_site_ != nullptr) {
        text.append(", created by ").append(describe_code(spawn_site_));
    }
    return text;
}

void task_base::set_name(std::string name) {
    const std::lock_guard guard(lock_);
    with_details().name.swap(name);
}

bool task_base::note_request(const std::string& message) {
    const std::lock_guard guard(lock_);
    if (core().done()) return false;
    ++requests_;
    // As in asyncio: a wait that an earlier request ends, or is about to, keeps that one's message.
    if ((details_ || !message.empty()) && !word.cancel_arriving()) with_details().message = message;
    return true;
}

unsigned task_base::cancelling() const noexcept {
    const std::lock_guard guard(lock_);
    return requests_;
}

unsigned task_base::uncancel() noexcept {
    const std::lock_guard guard(lock_);
    if (requests_ > 0 && --requests_ == 0)
        word.take_cancel(); // withdrawn if no wait has delivered it (CPython 3.13)
    return requests_;
}

bool task_base::cancel(std::string message) {
    if (!note_request(message)) return false;
    pass_cancel_on(message);
    return true;
}

void task_base::pass_cancel_on() {
    std::string message;
    {
        const std::lock_guard guard(lock_);
        if (details_) message = details_->message;
    }
    pass_cancel_on(message);
}

// asyncio's order: what a task waits for alone is cancelled first, innermost first; the task sees the cancel when that has
// ended. The walk goes down one step at a time: the waiter is frozen only while its link is read, and never while a lock is
// held; a task whose request this walk has just left (a cycle) ends it.
void task_base::pass_cancel_on(const std::string& message) {
    core_ref<future_core> held; // keeps the task below alive
    for (task_base* t = this;;) {
        wait_word::epoch_type epoch = 0;
        if (!t->word.freeze(epoch)) {
            if (t->word.request_cancel()) t->resume();
            return;
        }
        auto inner = core_ref<future_core>::share(t->awaits.load(std::memory_order_relaxed));
        t->word.thaw_cancelled();
        if (inner && inner->takes_waiters_cancel() && inner->waits_alone(*t)) {
            task_base* below = inner->as_task();
            if (below == nullptr) { // a call in an executor
                if (inner->cancel(message)) return;
            } else if (below != this && !below->word.cancel_pending() &&
                       below->note_request(message)) {
                held = std::move(inner);
                t = below;
                continue;
            }
        }
        if (waker{t, epoch}.claim(wait_end::cancelled)) t->resume();
        return;
    }
}

void task_base::throw_cancelled() {
    word.take_cancel();
    std::string message;
    {
        const std::lock_guard guard(lock_);
        if (details_) message = details_->message;
    }
    throw cancelled_error(std::move(message));
}

bool task_base::take_final_cancel(std::string& message) noexcept {
    if (!word.cancel_pending() || !word.take_cancel()) return false;
    const std::lock_guard guard(lock_);
    if (details_) message = details_->message;
    return true;
}

void task_base::keep_reporter() noexcept {
    const std::lock_guard guard(lock_);
    with_details().exceptions = owner().exceptions();
}

void task_base::report_unseen(std::exception_ptr e) noexcept {
    if (!details_ || !details_->exceptions) return;
    details_->exceptions->report({"an exception of " + description() + " was never retrieved",
                                  std::move(e), name(), details_->file, details_->line});
}

void task_base::print_owner(int fd) const noexcept {
    // From a signal handler on this task's own thread: no lock, no allocation. A name changed this moment prints oddly.
    signal_print(fd, "task '");
    const details* d = details_.get();
    if (d == nullptr || d->name.empty()) {
        signal_print(fd, "Task-");
        signal_print(fd, id());
    } else {
        signal_print(fd, d->name.c_str());
    }
    signal_print(fd, "'");
    if (d != nullptr && d->file != nullptr) {
        signal_print(fd, ", created at ");
        signal_print(fd, d->file);
        signal_print(fd, ":");
        signal_print(fd, static_cast<std::uint64_t>(d->line));
    } else if (spawn_site_ != nullptr) {
        signal_print(fd, ", created by the code at 0x");
        signal_print(fd, reinterpret_cast<std::uintptr_t>(spawn_site_), 16);
    }
}

void launch(task_base& t) {
    constexpr std::size_t k_largest_stack = std::size_t{1} << 30;
    if (t.stack_size() > k_largest_stack)
        throw std::invalid_argument("weft: create_task's .stack_size is " +
                                    std::to_string(t.stack_size()) + " bytes; at most 1 GiB");
    runtime_core& r = t.owner();
    r.sched().provide_stack(t, t.stack_size());
    try {
        if (!r.enlist(t)) throw runtime_closed();
    } catch (...) {
        r.sched().withdraw_stack(t);
        throw;
    }
    r.sched().make_ready(t);
}

void delist(task_base& t) noexcept { t.owner().delist(t); }

void count_end(runtime_core& r) noexcept { r.count_end(); }

} // namespace weft::detail
