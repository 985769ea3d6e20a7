// SPDX-License-Identifier: Apache-2.0
#include <weft/task/future_core.hpp>

#include <algorithm>
#include <mutex>

#include "base/assert.hpp"
#include "task/callbacks.hpp"
#include "task/runtime_core.hpp"

namespace weft::detail {

future_core::extras& future_core::with_extras() {
    if (!extras_) extras_ = std::make_unique<extras>();
    return *extras_;
}

bool future_core::add_waiter(future_node& node) noexcept {
    lock_.lock();
    const bool pending = state_.load(std::memory_order_relaxed) == outcome_kind::pending;
    if (pending) waiters_.push_back(node);
    lock_.unlock();
    return pending;
}

void future_core::remove_waiter(future_node& node) noexcept {
    lock_.lock();
    if (node.is_linked()) waiters_.remove(node);
    lock_.unlock();
}

bool future_core::waits_alone(const waiter& who) noexcept {
    lock_.lock();
    future_node* first = waiters_.front();
    const bool alone =
        first != nullptr && first->who.who == &who && waiters_.next(*first) == nullptr;
    lock_.unlock();
    return alone;
}

bool future_core::await_done_until(deadline_ns deadline, bool cancellable) {
    if (done()) return true;
    task_base* me = current_task_base();
    if (me != nullptr && as_task() == me) throw would_deadlock("weft: a task can't await itself");
    wait w(cancellable);
    future_node node;
    // Before begin: a canceller that freezes this wait reads it. The caller's handle keeps this alive meanwhile.
    if (me != nullptr) me->awaits.store(this, std::memory_order_relaxed);
    bool began = false, pending = false;
    lock_.lock();
    if (state_.load(std::memory_order_relaxed) == outcome_kind::pending) {
        pending = true;
        began = w.begin();
        if (began) {
            node.who = w.self();
            waiters_.push_back(node);
        }
    }
    lock_.unlock();
    const wait_end end = began ? w.park(deadline) : wait_end::notified;
    if (me != nullptr) me->awaits.store(nullptr, std::memory_order_relaxed);
    if (!pending) return true;
    if (!began) w.throw_cancelled();
    if (end == wait_end::notified) return true;
    remove_waiter(node);
    if (end == wait_end::cancelled) w.throw_cancelled();
    return done();
}

void future_core::await_done() { await_done_until(k_never); }

void future_core::join() noexcept { await_done_until(k_never, false); }

void future_core::throw_outcome() {
    const outcome_kind kind = state();
    if (kind == outcome_kind::value) [[likely]]
        return;
    WEFT_ASSERT(kind != outcome_kind::pending);
    if (kind == outcome_kind::exception) std::rethrow_exception(error());
    // If the caller's own cancel went through this, it is delivered herewith.
    task_base* me = current_task_base();
    if (me != nullptr && me->word.cancel_pending() && me->masks == 0) me->throw_cancelled();
    throw cancelled_error(message());
}

bool future_core::complete_exception(std::exception_ptr e) noexcept {
    return complete(outcome_kind::exception, [&] { error_ = std::move(e); });
}

bool future_core::complete_cancelled(std::string message) noexcept {
    return complete(outcome_kind::cancelled, [&] {
        if (!message.empty()) with_extras().message = std::move(message);
    });
}

// The next waiter whose wait this completion ends.
future_node* future_core::claim_waiter(outcome_kind kind) noexcept {
    while (future_node* node = waiters_.pop_front())
        if ((node->gate == nullptr || node->gate->passes(kind)) &&
            node->who.claim(wait_end::notified))
            return node;
    return nullptr;
}

// Enters with lock_ held. The waiters' nodes lie in their frames: each is claimed under the lock and resumed after it, when
// the node may be gone already.
void future_core::finish_locked(outcome_kind kind) noexcept {
    constexpr unsigned k_batch = 16;
    state_.store(kind,
                 std::memory_order_release); // pairs with state(): the value or error is there
    std::vector<done_call> callbacks;
    if (extras_) callbacks.swap(extras_->callbacks);
    for (;;) {
        waiter* claimed[k_batch];
        unsigned count = 0;
        while (count < k_batch) {
            future_node* node = claim_waiter(kind);
            if (node == nullptr) break;
            claimed[count++] = node->who.who;
        }
        lock_.unlock();
        for (unsigned i = 0; i < count; ++i) claimed[i]->resume();
        if (count < k_batch) break;
        lock_.lock();
    }
    if (!callbacks.empty()) schedule_callbacks(std::move(callbacks));
}

std::uint64_t future_core::add_done_callback(unique_function<void()> f) {
    if (context_ref& mine = current_context())
        f = [f = std::move(f), mine]() mutable {
            const context_scope in(mine);
            f();
        };
    runtime_core* here = current_runtime_or_null();
    done_call call{std::move(f), 0, here != nullptr ? &here->sched() : nullptr};
    if (here == nullptr && as_task() != nullptr) call.home = &as_task()->home();
    {
        const std::lock_guard guard(lock_);
        if (state_.load(std::memory_order_relaxed) == outcome_kind::pending) {
            extras& x = with_extras();
            call.number = x.last_number + 1;
            x.callbacks.push_back(std::move(call));
            return ++x.last_number;
        }
    }
    std::vector<done_call> one;
    one.push_back(std::move(call));
    schedule_callbacks(std::move(one));
    return 0;
}

bool future_core::remove_done_callback(std::uint64_t number) noexcept {
    done_call removed; // destroyed without the lock
    const std::lock_guard guard(lock_);
    if (state_.load(std::memory_order_relaxed) != outcome_kind::pending || !extras_) return false;
    const auto at = std::ranges::find(extras_->callbacks, number, &done_call::number);
    if (at == extras_->callbacks.end()) return false;
    removed = std::move(*at);
    extras_->callbacks.erase(at);
    return true;
}

// Those of each runtime run there, on a fiber of their own, in the order they were added; without a runtime, here.
void future_core::schedule_callbacks(std::vector<done_call> callbacks) noexcept {
    runtime_core* here = current_runtime_or_null();
    while (!callbacks.empty()) {
        const scheduler* home = callbacks.front().home;
        const auto others = std::ranges::stable_partition(
            callbacks, [home](const done_call& c) { return c.home == home; });
        std::vector<done_call> rest(std::move_iterator(others.begin()),
                                    std::move_iterator(others.end()));
        callbacks.erase(others.begin(), others.end());
        if (here != nullptr && (home == nullptr || home == &here->sched()))
            run_soon(*here, std::move(callbacks));
        else if (home == nullptr ||
                 !if_alive(*home, [&](runtime_core& r) { run_soon(r, std::move(callbacks)); }))
            run_callbacks(callbacks);
        callbacks = std::move(rest);
    }
}

} // namespace weft::detail
