// SPDX-License-Identifier: Apache-2.0
#include <weft/task/future_core.hpp>

#include "base/assert.hpp"
#include "task/callbacks.hpp"
#include "task/runtime_core.hpp"

namespace weft::detail {

/// Callbacks that were added one after the other, in the line of those who wait.
struct callback_node : future_node {
    callback_list callbacks;
};

namespace {

callback_node* as_callbacks(future_node* node) noexcept {
    return node != nullptr && node->who.who == nullptr ? static_cast<callback_node*>(node)
                                                       : nullptr;
}

} // namespace

bool future_core::add_waiter(future_node& node) noexcept {
    lock_.lock();
    const bool pending = state_.load(std::memory_order_relaxed) == outcome_kind::pending;
    if (pending) line_.push_back(node);
    lock_.unlock();
    return pending;
}

void future_core::remove_waiter(future_node& node) noexcept {
    lock_.lock();
    if (node.is_linked()) line_.remove(node);
    lock_.unlock();
}

bool future_core::waits_alone(const waiter& who) noexcept {
    lock_.lock();
    bool here = false, others = false;
    for (future_node* n = line_.front(); n != nullptr && !others; n = line_.next(*n))
        if (n->who.who == &who)
            here = true;
        else
            others = as_callbacks(n) == nullptr;
    lock_.unlock();
    return here && !others;
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
            line_.push_back(node);
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
        if (!message.empty()) message_ = std::make_unique<std::string>(std::move(message));
    });
}

// The next waiter whose wait this completion ends, or the next callbacks.
future_node* future_core::next_to_tell(outcome_kind kind) noexcept {
    while (future_node* node = line_.pop_front())
        if (as_callbacks(node) != nullptr || ((node->gate == nullptr || node->gate->passes(kind)) &&
                                              node->who.claim(wait_end::notified)))
            return node;
    return nullptr;
}

// Enters with lock_ held. The waiters' nodes lie in their frames: each is claimed under the lock and resumed after it, when
// the node may be gone already. Callbacks go at their place in the line, so one that was added before somebody waited has run
// before that one goes on, if there is one worker.
void future_core::finish_locked(outcome_kind kind) noexcept {
    constexpr unsigned k_batch = 16;
    state_.store(kind,
                 std::memory_order_release); // pairs with state(): the value or error is there
    struct told {
        waiter* who;
        callback_node* callbacks;
    };
    std::shared_ptr<callback_line> line; // if there are callbacks at several places
    for (;;) {
        told batch[k_batch];
        unsigned count = 0, callbacks = 0;
        while (count < k_batch) {
            future_node* node = next_to_tell(kind);
            if (node == nullptr) break;
            callback_node* calls = as_callbacks(node);
            callbacks += calls != nullptr;
            batch[count++] = {node->who.who, calls};
        }
        lock_.unlock();
        if (!line && (callbacks > 1 || (callbacks == 1 && count == k_batch)))
            line = std::make_shared<callback_line>();
        for (unsigned i = 0; i < count; ++i) {
            if (batch[i].who != nullptr) {
                batch[i].who->resume();
            } else {
                const std::unique_ptr<callback_node> calls(batch[i].callbacks);
                run_soon(callbacks_runtime(), std::move(calls->callbacks), line);
            }
        }
        if (count < k_batch) break;
        lock_.lock();
    }
}

void future_core::add_done_callback(unique_function<void()> f) {
    if (context_ref& mine = current_context())
        f = [f = std::move(f), mine]() mutable {
            const context_scope in(mine);
            f();
        };
    lock_.lock();
    if (state_.load(std::memory_order_relaxed) == outcome_kind::pending) {
        try {
            callback_node* last = as_callbacks(line_.back());
            if (last == nullptr) line_.push_back(*(last = new callback_node));
            last->callbacks.push_back(std::move(f));
        } catch (...) {
            lock_.unlock();
            throw;
        }
        lock_.unlock();
        return;
    }
    lock_.unlock();
    callback_list one;
    one.push_back(std::move(f));
    run_soon(callbacks_runtime(), std::move(one));
}

// Null: they run here.
runtime_core* future_core::callbacks_runtime() noexcept {
    return as_task() != nullptr ? &as_task()->owner() : current_runtime_or_null();
}

void future_core::drop_callbacks() noexcept {
    while (callback_node* node = as_callbacks(line_.pop_front())) delete node;
}

} // namespace weft::detail
