// SPDX-License-Identifier: Apache-2.0
#include <weft/loop/event_loop.hpp>

#include <mutex>

#include <weft/base/spin_lock.hpp>

#include "loop/loop_core.hpp"
#include "loop/loop_set.hpp"
#include <weft/context/stack.hpp>

namespace weft {

using detail::scheduler;

event_loop::event_loop(const runtime_options& options, const detail::testing_options& testing)
    : runtime_(detail::make_runtime(options, testing, true)) {
    core_ = std::make_unique<detail::loop_core>(*runtime_, runtime_->sched().reactor_at(0));
    detail::loop_set::of(*runtime_).adopt(*this);
}

event_loop::~event_loop() { end(); }

bool event_loop::is_closed() const noexcept { return core_->is_closed(); }

void event_loop::check_may_run(const char* what) const {
    const std::string me = std::string("weft::event_loop::") + what;
    if (detail::current_fiber() != nullptr)
        throw std::logic_error(me + " in a task or callback: await it, or create_task it");
    const auto* s = static_cast<const detail::stack*>(detail::current_stack());
    if (s != nullptr && s->is_greenlet)
        throw std::logic_error(me + " in a greenlet: run the loop on the thread's own stack");
    if (is_closed()) throw runtime_closed(me + " of a closed loop");
    if (is_running()) throw std::logic_error(me + ": the loop runs already, on another thread");
}

void event_loop::run_here() {
    if (running_.exchange(true, std::memory_order_acquire)) // pairs with the end of the last run
        throw std::logic_error("weft::event_loop: the loop runs already, on another thread");
    runtime_->sched().run_here(scheduler::run_until::stopped);
    running_.store(false, std::memory_order_release);
}

void event_loop::run_forever() {
    check_may_run("run_forever");
    run_here();
}

void event_loop::stop() noexcept { runtime_->sched().stop_run(); }

namespace {

/// A run that waits for a future.
struct waiting_run {
    detail::spin_lock lock;
    event_loop* loop; // null: the run has ended
};

} // namespace

// The callback that stops the run may come after it, from any thread: then it must not stop the next one.
void event_loop::run_until_done(detail::future_core& f) {
    auto run = std::make_shared<waiting_run>();
    run->loop = this;
    f.add_done_callback([run] {
        const std::lock_guard guard(run->lock);
        if (run->loop != nullptr) run->loop->stop();
    });
    run_here();
    {
        const std::lock_guard guard(run->lock);
        run->loop = nullptr;
        runtime_->sched().forget_stop();
    }
    if (!f.done())
        throw std::runtime_error(
            "weft::event_loop: the loop was stopped before the future was done");
}

void event_loop::close() {
    if (is_closed()) return;
    if (is_running() || detail::current_fiber() != nullptr)
        throw std::logic_error("weft::event_loop::close of a loop that runs: stop it first");
    end();
}

// Every fiber of the runtime must have ended before it goes, and nobody but us runs them.
void event_loop::end() noexcept {
    if (is_closed()) return;
    runtime_->cancel_and_wait(detail::k_never);
    core_->close();
    runtime_->run_rest_here();
    runtime_->shut_down_attachments();
    runtime_->run_rest_here();
}

} // namespace weft
