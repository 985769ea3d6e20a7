// SPDX-License-Identifier: Apache-2.0
#include <weft/task/future_core.hpp>

#include <algorithm>
#include <mutex>

#include "base/assert.hpp"
#include "task/callbacks.hpp"
#include "task/runtime_core.hpp"

namespace weft::detail {

/// Callbacks that were added one after the other in one runtime, in the line of those who wait.
struct callback_node : future_node {
    explicit callback_node(const scheduler* h) noexcept : home(h) {}
    const scheduler* const home; // of that runtime, which may be gone by now; null: there was none
    callback_list callbacks;
};

namespace {

callback_node* as_callbacks(future_node* node) noexcept {
    return node != nullptr && node->who.who == nullptr ? static_cast<callback_node*>(node)
                                                       : nullptr;
}

std::uint64_t new_number() noexcept {
    static std::atomic<std::uint64_t> last{0};
    return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

// On a fiber of the runtime where they were added; without one, or if it is gone, here.
void run_at_home(const scheduler* home, callback_list callbacks,
                 const std::shared_ptr<callback_line>& line) noexcept {
    runtime_core* here = current_runtime_or_null();
    const auto run_in = [&](runtime_core* r) { run_soon(r, std::move(callbacks), line); };
    if (home == nullptr || (here != nullptr && home == &here->sched()))
        run_in(here);
    else if (!if_alive(*home, [&](runtime_core& r) { run_in(&r); }))
        run_in(nullptr);
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
    if (me == nullptr) before_wait(deadline);
    wait w(wait_reason::future, cancellable);
    future_node node;
    // Before begin: a canceller that freezes this wait reads it. The caller's handle keeps this alive meanwhile.
    if (me != nullptr) me->awaits.store(this, std::memory_order_relaxed);
    bool began = false, pending = false, came_before = false;
    lock_.lock();
    if (state_.load(std::memory_order_relaxed) == outcome_kind::pending) {
        pending = true;
        began = w.begin();
        if (!began && me != nullptr && takes_waiters_cancel()) {
            came_before = me->word.take_cancel();
            began = w.begin();
        }
        if (began) {
            node.who = w.self();
            line_.push_back(node);
        }
    }
    lock_.unlock();
    if (came_before && began) me->pass_cancel_on();
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
    return complete(outcome_kind::cancelled, [&] { store_message(std::move(message)); });
}

// The last under the lock: either who completes this finds none, or we find it complete. True: dropped. (Others may go while the
// lock is held: with a callback that is moved.)
bool future_core::drop_while_pending() noexcept {
    if (refs_.drop_unless_last()) return true;
    lock_.lock();
    const bool pending = state_.load(std::memory_order_relaxed) == outcome_kind::pending;
    if (pending) refs_.drop_kept();
    lock_.unlock();
    return pending;
}

// The next waiter whose wait this completion ends, or the next callbacks.
future_node* future_core::next_to_tell(outcome_kind kind) noexcept {
    while (future_node* node = line_.pop_front())
        if (as_callbacks(node) != nullptr || ((node->gate == nullptr || node->gate->passes(kind)) &&
                                              node->who.claim(wait_end::notified)))
            return node;
    return nullptr;
}

// Enters with lock_ held. The waiters' nodes lie in their frames: each is claimed under the lock, stays where it is until its
// waiter is resumed, and is gone then. Callbacks go at their place in the line, so one that was added before somebody waited has
// run before that one goes on, if there is one worker.
void future_core::finish_locked(outcome_kind kind) noexcept {
    state_.store(kind,
                 std::memory_order_release); // pairs with state(): the value or error is there
    future_node* first = line_.empty() ? nullptr : next_to_tell(kind);
    if (!line_.empty() || as_callbacks(first) != nullptr) [[unlikely]]
        return tell_locked(kind, *first);
    const bool nobody_has_it = keeps_itself_ && refs_.none();
    lock_.unlock(); // who has it may let it go from here on: drop_ref
    if (first != nullptr) first->who.who->resume();
    if (nobody_has_it) destroy();
}

// More than one waiter, or callbacks.
void future_core::tell_locked(outcome_kind kind, future_node& first) noexcept {
    add_ref(); // the task that completes this is the current one as long as callbacks are on their way
    intrusive_list<future_node> told;
    unsigned callbacks = 0;
    for (future_node* node = &first; node != nullptr; node = next_to_tell(kind)) {
        callbacks += as_callbacks(node) != nullptr;
        told.push_back(*node);
    }
    lock_.unlock();                      // as above
    std::shared_ptr<callback_line> line; // if there are callbacks at several places
    if (callbacks > 1) line = std::make_shared<callback_line>();
    while (future_node* node = told.pop_front()) {
        if (callback_node* calls = as_callbacks(node)) {
            run_at_home(calls->home, std::move(calls->callbacks), line);
            delete calls;
        } else {
            node->who.who->resume();
        }
    }
    drop_ref();
}

std::uint64_t future_core::add_done_callback(unique_function<void()> f) {
    if (context_ref& mine = current_context())
        f = [f = std::move(f), mine]() mutable {
            const context_scope in(mine);
            f();
        };
    runtime_core* here = current_runtime_or_null();
    const scheduler* home = here != nullptr ? &here->sched() : nullptr;
    if (home == nullptr && as_task() != nullptr) home = &as_task()->home();
    callback_list one;
    one.push_back({std::move(f), new_number()});
    {
        const std::lock_guard guard(lock_);
        if (state_.load(std::memory_order_relaxed) == outcome_kind::pending) {
            callback_node* last = as_callbacks(line_.back());
            if (last == nullptr || last->home != home)
                line_.push_back(*(last = new callback_node(home)));
            last->callbacks.push_back(std::move(one.front()));
            return last->callbacks.back().number;
        }
    }
    run_at_home(home, std::move(one), nullptr);
    return 0;
}

bool future_core::remove_done_callback(std::uint64_t number) noexcept {
    unique_function<void()> removed; // destroyed without the lock
    const std::lock_guard guard(lock_);
    for (future_node* n = line_.front(); n != nullptr; n = line_.next(*n)) {
        callback_node* node = as_callbacks(n);
        if (node == nullptr) continue;
        const auto at = std::ranges::find(node->callbacks, number, &done_call::number);
        if (at == node->callbacks.end()) continue;
        removed = std::move(at->function);
        node->callbacks.erase(at);
        if (node->callbacks.empty()) {
            line_.remove(*node);
            delete node;
        }
        return true;
    }
    return false;
}

void future_core::drop_callbacks() noexcept {
    while (callback_node* node = as_callbacks(line_.pop_front())) delete node;
}

} // namespace weft::detail
