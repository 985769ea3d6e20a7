// SPDX-License-Identifier: Apache-2.0
#include "task/runtime_core.hpp"

#include <chrono>
#include <cstdio>

#include "greenlet/report.hpp"

namespace weft::detail {
namespace {

scheduler_options with_observer(scheduler_options o, stuck_observer& observer) {
    if (o.watch) o.watch->observer = &observer;
    return o;
}

void report_broken_cleanup(const char* what, std::exception_ptr e) noexcept {
    runtime_core* r = current_runtime_or_null();
    const std::shared_ptr<reporter> to =
        r != nullptr ? r->exceptions() : std::make_shared<reporter>(nullptr);
    const task_base* t = current_task_base();
    to->report({what, std::move(e), t != nullptr ? t->name() : std::string(), nullptr, 0});
}

} // namespace

runtime_core::runtime_core(const runtime_options& options, const scheduler_options& scheduling)
    : options_(options),
      exceptions_(std::make_shared<class reporter>(options.exception_handler)),
      debug_(options.debug),
      slow_after_(options.slow_task_after.count()),
      shards_(scheduling.workers + 1),
      scheduler_(with_observer(scheduling, *this)) {
    scheduler_.runtime = this;
    report_cleanups_to(report_broken_cleanup);
}

runtime_core::shard& runtime_core::local_shard(unsigned& index) noexcept {
    worker* w = worker::current();
    const auto own = static_cast<unsigned>(shards_.size() - 1); // spares share them
    index = w != nullptr && &w->home() == &scheduler_ ? w->index() % own : own;
    return shards_[index];
}

bool runtime_core::enlist(task_base& t) noexcept {
    unsigned index = 0;
    shard& s = local_shard(index);
    t.shard_ = static_cast<unsigned short>(index); // workers and spares are some thousands at most
    const std::lock_guard guard(s.lock);
    if (s.closed) return false;
    s.tasks.push_back(t);
    t.is_listed = true;
    ++s.count;
    return true;
}

void runtime_core::delist(task_base& t) noexcept {
    worker::current()->forget_running_task(); // before the lock: see describe_running
    shard& s = shards_[t.shard_];
    {
        const std::lock_guard guard(s.lock);
        s.tasks.remove(t);
        --s.count;
    }
    if (closing_.load(
            std::memory_order_seq_cst)) { // pairs with cancel_and_wait, through the shard's lock
        if (scheduler_.is_run_by_caller()) return scheduler_.stop_run();
        const std::lock_guard guard(mutex_);
        task_ended_.notify_all();
    }
}

std::vector<task_handle> runtime_core::live_tasks() {
    std::vector<task_handle> all;
    for (shard& s : shards_) {
        for (;;) { // room is made without the lock
            const std::size_t room = all.capacity() - all.size();
            std::unique_lock guard(s.lock);
            if (s.count > room) {
                const std::size_t need = all.size() + s.count + 16;
                guard.unlock();
                all.reserve(need);
                continue;
            }
            for (task_base* t = s.tasks.front(); t != nullptr; t = s.tasks.next(*t))
                all.emplace_back(core_ref<future_core>::share(&t->core()));
            break;
        }
    }
    return all;
}

std::size_t runtime_core::live_count() noexcept {
    std::size_t n = 0;
    for (shard& s : shards_) {
        const std::lock_guard guard(s.lock);
        n += s.count;
    }
    return n;
}

std::vector<task_handle> runtime_core::cancel_and_wait(deadline_ns deadline) {
    closing_.store(true, std::memory_order_seq_cst); // pairs with delist
    for (shard& s : shards_) {
        const std::lock_guard guard(s.lock);
        s.closed = true;
    }
    for (const task_handle& t : live_tasks()) t.cancel("the runtime is shutting down");
    if (scheduler_
            .is_run_by_caller()) { // nobody else runs them: an event_loop is closed without a limit
        while (live_count() != 0) scheduler_.run_here(scheduler::run_until::stopped);
        return {};
    }
    std::unique_lock lock(mutex_);
    auto none = [this] { return live_count() == 0; };
    if (deadline == k_never) {
        task_ended_.wait(lock, none);
    } else {
        const std::chrono::steady_clock::time_point until{std::chrono::nanoseconds(deadline)};
        task_ended_.wait_until(lock, until, none);
    }
    lock.unlock();
    return live_tasks();
}

attachment& runtime_core::attached(attachment_maker make) {
    const std::lock_guard guard(attachment_mutex_);
    for (auto& [maker, made] : attachments_)
        if (maker == make) return *made;
    attachment& fresh = *attachments_.emplace_back(make, make(*this)).second;
    if (attachments_shut_down_) fresh.shut_down();
    return fresh;
}

// The latest first: it may use an earlier one.
void runtime_core::shut_down_attachments() noexcept {
    const std::lock_guard guard(attachment_mutex_);
    attachments_shut_down_ = true;
    for (auto a = attachments_.rbegin(); a != attachments_.rend(); ++a) a->second->shut_down();
}

void reporter::set_handler(handler h) {
    auto next = std::make_shared<const handler>(std::move(h));
    const std::lock_guard guard(lock_);
    handler_.swap(next);
}

void reporter::report(const exception_context& what) noexcept {
    std::shared_ptr<const handler> now;
    {
        const std::lock_guard guard(lock_);
        now = handler_;
    }
    try {
        if (*now) return (*now)(what);
    } catch (...) {
        std::fprintf(stderr, "weft: the exception handler threw %s\n",
                     describe(std::current_exception()).c_str());
    }
    std::fprintf(stderr, "weft: %s: %s", what.message.c_str(), describe(what.exception).c_str());
    if (!what.task_name.empty()) std::fprintf(stderr, " (task '%s')", what.task_name.c_str());
    if (what.file != nullptr) std::fprintf(stderr, " created at %s:%d", what.file, what.line);
    std::fputc('\n', stderr);
}

runtime_core* current_runtime_or_null() noexcept {
    fiber* f = current_fiber();
    return f != nullptr ? f->home().runtime : nullptr;
}

runtime_core& current_runtime() {
    if (runtime_core* r = current_runtime_or_null()) return *r;
    throw std::logic_error(
        "weft: this needs a running task: call it below weft::run or runtime::block_on");
}

void report_unseen_error(std::exception_ptr e) noexcept {
    const exception_context what{"an exception was never retrieved", std::move(e), {}, nullptr, 0};
    if (runtime_core* r = current_runtime_or_null())
        r->exceptions()->report(what);
    else
        reporter({}).report(what);
}

} // namespace weft::detail
