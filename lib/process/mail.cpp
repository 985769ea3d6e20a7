// SPDX-License-Identifier: Apache-2.0
// The side of those who wait: they receive themselves what they wait for. Protocol: README.md, "Mail".
#include "process/bell_listener.hpp"
#include "process/pool.hpp"
#include "sched/thread_wait.hpp"

namespace weft::detail {

// ---- under the mutex ----------------------------------------------------------------------------------------------------

// While an answer sets nothing in motion but who waits for it: it may come as late as that one runs.
bool process_pool::may_use_mail() const noexcept {
    return !stopping_ && queue_.empty() &&
           std::ranges::all_of(workers_, [](const auto& w) { return w->in_pipeline() < 2; });
}

// From here on the manager receives.
void process_pool::stop_mail() noexcept {
    mail_in_use_ = false;
    bool is_left = false;
    for (const auto& w : workers_) is_left |= !w->leave_to_manager();
    if (is_left) wake_manager();
}

bool process_pool::is_heard_in(const runtime_core* runtime) const noexcept {
    return runtime != nullptr && std::ranges::any_of(listeners_, [runtime](const auto& l) {
               return &l->runtime() == runtime;
           });
}

// ---- who waits ----------------------------------------------------------------------------------------------------------

// A plain thread: sleeps until the answer is there, or somebody else will receive it.
void process_pool::receive_here(process_call& call, deadline_ns deadline) noexcept {
    std::shared_ptr<worker_page> page;
    std::uint32_t asleep = 0;
    {
        const std::lock_guard guard(mutex_);
        if (call.worker == nullptr || !may_use_mail()) return;
        asleep = call.worker->wait_for_mail();
        page = call.worker->page();
    }
    if (asleep != 0) static_cast<void>(sleep_on_shared(page->box.futex_word(), asleep, deadline));
    take_mail([&](mail& m) -> process_worker* {
        process_worker* w = call.worker;
        if (w == nullptr) return nullptr;
        if (asleep != 0) w->leave_to_manager(); // if it is not there yet
        return w->take_mail(m) ? w : nullptr;
    });
}

// A runtime that has made a call: from the next one on it hears the bell, and completes what its tasks wait for.
void process_pool::listen_in(runtime_core& runtime, int bell) noexcept {
    std::shared_ptr<bell_listener> listener;
    try {
        listener = bell_listener::start(weak_from_this(), runtime, bell);
        const std::lock_guard guard(mutex_);
        if (!listener->has_stopped() && !stopping_ && !is_heard_in(&runtime)) {
            listeners_.push_back(listener);
            return;
        }
    } catch (...) {} // the manager receives its answers
    // Another worker of the runtime was quicker, or one of the two ends.
    if (listener) listener->stop();
}

void process_pool::forget(const bell_listener& one) noexcept {
    const std::lock_guard guard(mutex_);
    std::erase_if(listeners_, [&one](const auto& l) { return l.get() == &one; });
    stop_mail();
}

// ---- mail ---------------------------------------------------------------------------------------------------------------

// `find` takes it from a worker and says from which; null: there is none.
bool process_pool::take_mail(const std::function<process_worker*(mail&)>& find) noexcept {
    mail m;
    std::unique_lock guard(mutex_);
    process_worker* w = find(m);
    if (w == nullptr) return false;
    completers_.push_back(std::this_thread::get_id()); // before the pool may seem idle
    process_call* call = note_answer(*w, m.answer.id);
    guard.unlock();
    if (call != nullptr) complete(*call, m.answer, m.result, {});
    guard.lock();
    completers_.erase(std::ranges::find(completers_, std::this_thread::get_id()));
    close_if_done();
    return true;
}

void process_pool::collect_mail() noexcept {
    const auto any = [this](mail& m) -> process_worker* {
        for (const auto& w : workers_)
            if (w->take_mail(m)) return w.get();
        return nullptr;
    };
    while (take_mail(any)) {}
}

} // namespace weft::detail
