// SPDX-License-Identifier: Apache-2.0
#include "task/runtime_core.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "greenlet/report.hpp"

namespace weft::detail {
namespace {

/// The runtimes that live.
struct living_runtimes {
    // Held while one of them is used: it ends only afterwards. Recursive: without memory for a fiber a callback runs inside.
    std::recursive_mutex mutex;
    std::vector<runtime_core*> all;
};
// Never destroyed: a runtime may be static itself.
living_runtimes& living() {
    static auto& l = *new living_runtimes;
    return l;
}

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
      live_(scheduling.workers + scheduling.spares + scheduling.started),
      scheduler_(with_observer(scheduling, *this)) {
    scheduler_.runtime = this;
    report_cleanups_to(report_broken_cleanup);
    const std::lock_guard guard(living().mutex);
    living().all.push_back(this);
}

runtime_core::~runtime_core() {
    const std::lock_guard guard(living().mutex);
    std::erase(living().all, this);
}

void for_each_runtime(const std::function<void(runtime_core&)>& f) {
    const std::lock_guard guard(living().mutex);
    for (std::size_t i = 0; i < living().all.size(); ++i) f(*living().all[i]);
}

bool if_alive(const scheduler& s, const std::function<void(runtime_core&)>& f) {
    const std::lock_guard guard(living().mutex);
    const auto& all = living().all;
    const auto r = std::ranges::find_if(all, [&s](auto* l) { return &l->sched() == &s; });
    if (r != all.end()) f(**r);
    return r != all.end();
}

bool runtime_core::enlist(task_base& t) {
    t.is_listed = true;
    worker* w = scheduler_.own_worker();
    t.slot_ = w != nullptr ? live_.add(t, w->index()) : live_.add_from_outside(t);
    if (t.slot_ == nullptr) tell_that_one_ended(); // it was counted for a moment
    return t.slot_ != nullptr;
}

void runtime_core::delist(task_base& t) noexcept {
    worker& w = *current_stack()->runner;
    w.forget_running_task(); // before: see describe_running
    live_.remove(*t.slot_, w.index());
}

void runtime_core::count_end() noexcept {
    if (live_.count_end(current_stack()->runner->index())) [[unlikely]]
        tell_that_one_ended();
}

// While closed. Under the mutex: whoever waits has counted before, and waits; or counts after.
void runtime_core::tell_that_one_ended() noexcept {
    if (scheduler_.is_run_by_caller()) return scheduler_.stop_run();
    const std::lock_guard guard(mutex_);
    task_ended_.notify_all();
}

std::vector<task_handle> runtime_core::cancel_and_wait(deadline_ns deadline) {
    live_.close();
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
    if (!what.task_name.empty() && what.message.find(what.task_name) == std::string::npos)
        std::fprintf(stderr, " (task '%s')", what.task_name.c_str());
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
