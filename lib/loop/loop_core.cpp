// SPDX-License-Identifier: Apache-2.0
#include "loop/loop_core.hpp"

#include "base/assert.hpp"

namespace weft::detail {

loop_core::loop_core(runtime_core& runtime, reactor& home) : runtime_(runtime), home_(home) {}

void loop_core::throw_closed() {
    throw runtime_closed(
        "weft: the loop is closed: its runtime is shut down, or close() was called");
}

callback_ref loop_core::make(unique_function<void()> f, const void* site) {
    auto c = callback_ref::adopt(new callback(*this, std::move(f), site));
    runtime_.sched().provide_stack(*c.get(), 0);
    return c;
}

void loop_core::unmake(callback_ref c) noexcept {
    runtime_.sched().withdraw_stack(*c.get());
    c->cancel();
}

// ---- the queue --------------------------------------------------------------------------------------------------------

callback_ref loop_core::post(unique_function<void()> f, const void* site) {
    if (is_closed()) throw_closed();
    callback_ref c = make(std::move(f), site);
    if (!enqueue(c, true)) {
        unmake(std::move(c));
        throw_closed();
    }
    return c;
}

void loop_core::queue(callback_ref c) noexcept { enqueue(c, false); }

// The queue gets a reference, and so does the fiber. False: closed, nothing has happened.
bool loop_core::enqueue(const callback_ref& ref, bool only_if_open) noexcept {
    callback& c = *ref.get();
    bool by_callback = false;
    {
        const std::lock_guard guard(lock_);
        if (only_if_open && is_closed()) return false;
        c.add_ref();
        c.add_ref();
        queue_.push_back(c);
        ++fibers_;
        by_callback = server_ != nullptr && server_ == current_fiber();
    }
    runtime_.sched().make_ready(c);
    if (by_callback) worker::current()->look_soon(); // IO goes before what a callback schedules
    return true;
}

// There are as many fibers to come as callbacks in the queue, so each fiber calls one, its own or an older one. While the
// server calls one that waits, the others leave their turns to it.
void loop_core::serve(fiber& me) noexcept {
    {
        const std::lock_guard guard(lock_);
        if (server_ != nullptr) {
            ++owed_;
            return;
        }
        server_ = &me;
    }
    for (;;) {
        callback_ref next;
        {
            const std::lock_guard guard(lock_);
            next = callback_ref::adopt(queue_.pop_front());
        }
        WEFT_ASSERT(next);
        next->call();
        {
            const std::lock_guard guard(lock_);
            if (owed_ == 0) {
                server_ = nullptr;
                return;
            }
            --owed_;
        }
        ++me.masks;
        if (others_wait()) yield_now();
        --me.masks;
    }
}

void loop_core::fiber_ends() noexcept {
    {
        const std::lock_guard guard(lock_);
        if (--fibers_ != 0 || !is_closed()) return;
    }
    const std::lock_guard guard(end_mutex_);
    ended_.notify_all();
}

// ---- timers -----------------------------------------------------------------------------------------------------------

callback_ref loop_core::post_at(deadline_ns when, unique_function<void()> f, const void* site) {
    if (is_closed()) throw_closed();
    callback_ref c = make(std::move(f), site);
    c->time.fire = &loop_core::expire;
    c->time.when = when;
    {
        const std::lock_guard guard(timers_mutex_);
        if (!is_closed()) {
            timers_.push_back(c->time);
            c->add_ref(); // the timer's
            home_.add(c->time);
            if (worker* w = worker::current();
                when <= home_.time().now() && w != nullptr && &w->home() == &runtime_.sched())
                w->look_soon();
            return c;
        }
    }
    c->time.fire = nullptr;
    unmake(std::move(c));
    throw_closed();
}

void loop_core::expire(timer& t) noexcept {
    const auto c = callback_ref::adopt(static_cast<callback_timer&>(t).of);
    c->owner().queue(c);
}

bool loop_core::forget(callback& c) noexcept {
    const std::lock_guard guard(timers_mutex_);
    if (c.time.is_linked()) timers_.remove(c.time);
    return reactor::remove(c.time);
}

// ---- descriptors and signals --------------------------------------------------------------------------------------------

void loop_core::watch_fd(int fd, io_direction direction, unique_function<void()> f,
                         const void* site) {
    auto fresh = std::make_shared<fd_watch>(*this, fd, direction, std::move(f), site);
    std::shared_ptr<fd_watch> before; // its function goes without our lock
    const std::lock_guard guard(watches_mutex_);
    if (is_closed()) throw_closed();
    auto& place = fds_[{fd, direction}];
    before = std::exchange(place, nullptr);
    if (before) before->stop();
    try {
        fresh->start();
    } catch (...) {
        fds_.erase({fd, direction});
        throw;
    }
    place = std::move(fresh);
}

bool loop_core::unwatch_fd(int fd, io_direction direction) {
    std::shared_ptr<fd_watch> gone;
    const std::lock_guard guard(watches_mutex_);
    const auto at = fds_.find({fd, direction});
    if (at == fds_.end()) return false;
    gone = std::move(at->second);
    fds_.erase(at);
    gone->stop();
    return true;
}

void loop_core::watch_signal(int signal, unique_function<void()> f, const void* site) {
    auto fresh = std::make_shared<signal_handler>(*this, std::move(f), site);
    fresh->watch.emplace(signal, [h = fresh.get()] { h->arrived(); });
    std::shared_ptr<signal_handler> before;
    {
        const std::lock_guard guard(watches_mutex_);
        if (!is_closed()) { before = std::exchange(signals_[signal], std::move(fresh)); }
    }
    if (before) before->stop();
    if (fresh) {
        fresh->stop();
        throw_closed();
    }
}

bool loop_core::unwatch_signal(int signal) {
    std::shared_ptr<signal_handler> gone;
    {
        const std::lock_guard guard(watches_mutex_);
        const auto at = signals_.find(signal);
        if (at == signals_.end()) return false;
        gone = std::move(at->second);
        signals_.erase(at);
    }
    gone->stop();
    return true;
}

// ---- the end ------------------------------------------------------------------------------------------------------------

void loop_core::close() noexcept {
    fiber* waits = nullptr;
    {
        const std::lock_guard guard(lock_);
        if (closed_.exchange(true, std::memory_order_relaxed)) return;
        if (server_ != nullptr && server_->word.request_cancel()) waits = server_;
    }
    if (waits != nullptr) waits->resume(); // nobody else does: its wait was ours to end
    for (;;) {
        callback_ref c;
        {
            const std::lock_guard guard(timers_mutex_);
            callback_timer* t = timers_.pop_front();
            if (t == nullptr) break;
            c = callback_ref::share(t->of);
        }
        c->cancel();
    }
    decltype(fds_) fds;
    decltype(signals_) signals;
    {
        const std::lock_guard guard(watches_mutex_);
        fds.swap(fds_);
        signals.swap(signals_);
    }
    for (auto& [key, watch] : fds) watch->stop();
    for (auto& [signal, handler] : signals) handler->stop();
}

void loop_core::await_end() noexcept {
    std::unique_lock lock(end_mutex_);
    ended_.wait(lock, [this] {
        const std::lock_guard guard(lock_);
        return fibers_ == 0;
    });
}

} // namespace weft::detail
