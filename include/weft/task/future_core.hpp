// SPDX-License-Identifier: Apache-2.0
// What every future shares: state, waiters, callbacks, references. Protocol: lib/task/README.md.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <weft/base/error.hpp>
#include <weft/base/ref_count.hpp>
#include <weft/base/unique_function.hpp>
#include <weft/sched/suspend.hpp>

namespace weft::detail {

class task_base;

enum class outcome_kind : unsigned char { pending, value, exception, cancelled };

/// Lets a wait for several futures end when enough of them have: in the waiter's frame, asked by each that completes.
struct wait_gate {
    std::atomic<std::size_t> left; ///< so many completions end the wait
    bool failures_end_it;
    bool passes(outcome_kind kind) noexcept {
        const bool failed =
            kind == outcome_kind::exception || (kind == outcome_kind::cancelled && cancels_count);
        // acq_rel: the one that ends the wait has seen what the others wrote
        return left.fetch_sub(1, std::memory_order_acq_rel) == 1 || (failures_end_it && failed);
    }
    bool cancels_count = false; ///< is a cancelled one a failure?
};

/// Who waits for a future; with a gate if it waits for others, too. Without a waiter it is a callback_node.
struct future_node : wait_node {
    wait_gate* gate = nullptr;
};

/// The untyped part. Reference-counted; lives until the last handle or promise lets go, and a task's until it is complete: the
/// task itself needs no reference (README.md, "Who keeps it").
///
/// | field                     | guarded by                                                      |
/// |---------------------------|-----------------------------------------------------------------|
/// | state_                    | written once under lock_ (release); read anywhere (acquire)     |
/// | line_                     | lock_                                                           |
/// | error_, message_          | written before state_, read-only after                          |
class future_core {
public:
    future_core(const future_core&) = delete;
    future_core& operator=(const future_core&) = delete;

    void add_ref() noexcept { refs_.add(); }
    void drop_ref() noexcept {
        if (keeps_itself_ && !done() && drop_while_pending()) return;
        if (!refs_.drop()) return;
        // Who completed it may be on its way out still, without a reference: whose that was has seen it done.
        lock_.await_free();
        destroy();
    }

    [[nodiscard]] outcome_kind state() const noexcept {
        return state_.load(std::memory_order_acquire);
    } // with complete
    [[nodiscard]] bool done() const noexcept { return state() != outcome_kind::pending; }

    /// Waits until done. Throws cancelled_error if the caller is cancelled (then the wait is over, not the work),
    /// would_deadlock if it is the caller's own task.
    void await_done();
    /// The same with a limit; false when it passed.
    bool await_done_until(deadline_ns deadline, bool cancellable = true);
    /// Waits whatever happens: for children that must end first.
    void join() noexcept;

    /// Throws what the outcome says: nothing for a value. Marks an exception as seen.
    void throw_outcome();
    [[nodiscard]] std::exception_ptr error() noexcept {
        seen_.store(true, std::memory_order_relaxed);
        return error_;
    }
    /// The message of a cancelled end.
    [[nodiscard]] std::string message() const { return message_ ? *message_ : std::string(); }
    void mark_seen() noexcept { seen_.store(true, std::memory_order_relaxed); }

    /// Calls f once done; at once, by the runtime, if it is already. Never inside the call that completes. A number to remove
    /// it by; 0: its call is on the way already.
    std::uint64_t add_done_callback(unique_function<void()> f);
    /// False: it was called, its call is on the way, or it was removed before.
    bool remove_done_callback(std::uint64_t number) noexcept;

    /// Asks for cancellation; what that means depends on who makes the result. False: already done.
    virtual bool cancel(std::string message) = 0;
    /// The task whose result this is, or null.
    virtual task_base* as_task() noexcept { return nullptr; }
    /// Does a cancel of the only waiter go on to this (a task, a call in an executor), or only end its wait (a promise)?
    [[nodiscard]] virtual bool takes_waiters_cancel() const noexcept { return false; }

    /// What is no task (a plain thread, a callback) is about to wait here, until that deadline at most. Who makes the result may let
    /// it do the work that completes this.
    virtual void before_wait(deadline_ns /*deadline*/) noexcept {}

    /// Registers a node that is told (claimed and resumed) at completion. False: done already, nothing registered.
    bool add_waiter(future_node& node) noexcept;
    void remove_waiter(future_node& node) noexcept;
    /// Is `who` the one and only waiter?
    [[nodiscard]] bool waits_alone(const waiter& who) noexcept;

    /// Completes with what the derived class stored. False: it was complete already. Any thread.
    bool complete_exception(std::exception_ptr e) noexcept;
    bool complete_cancelled(std::string message) noexcept;

protected:
    /// `keeps_itself`: without a reference it lives on until complete_here.
    explicit future_core(unsigned refs, bool keeps_itself = false) noexcept
        : refs_(refs),
          keeps_itself_(keeps_itself) {}
    virtual ~future_core() {
        if (!line_.empty()) drop_callbacks();
    }
    virtual void destroy() noexcept { delete this; }

    /// Calls store() and completes, if this is still pending.
    template <class Store>
    bool complete(outcome_kind kind, Store store) {
        lock_.lock();
        if (state_.load(std::memory_order_relaxed) != outcome_kind::pending) {
            lock_.unlock();
            return false;
        }
        try {
            store();
        } catch (...) {
            error_ = std::current_exception();
            kind = outcome_kind::exception;
        }
        finish_locked(kind);
        return true;
    }
    /// By the only one who ever completes this, after it has stored the outcome. Then this may be gone: with complete, too, for
    /// who has no reference.
    void complete_here(outcome_kind kind) noexcept {
        lock_.lock();
        finish_locked(kind);
    }
    void store_error(std::exception_ptr e) noexcept { error_ = std::move(e); }
    void store_message(std::string message) {
        if (!message.empty()) message_ = std::make_unique<std::string>(std::move(message));
    }
    /// An exception that nobody ever asked for, at the last handle's end; null otherwise.
    [[nodiscard]] std::exception_ptr unseen_error() const noexcept {
        return seen_.load(std::memory_order_relaxed) ? nullptr : error_;
    }

private:
    void finish_locked(outcome_kind kind) noexcept;
    [[nodiscard]] bool drop_while_pending() noexcept;
    void tell_locked(outcome_kind kind, future_node& first) noexcept;
    future_node* next_to_tell(outcome_kind kind) noexcept;
    void drop_callbacks() noexcept;

    ref_count refs_;
    std::atomic<outcome_kind> state_{outcome_kind::pending};
    std::atomic<bool> seen_{false};
    spin_lock lock_;
    const bool keeps_itself_;
    intrusive_list<future_node> line_; ///< who waits, and callbacks, in order of arrival
    std::exception_ptr error_;
    std::unique_ptr<std::string>
        message_; ///< few have one: a million parked tasks should not pay for it
};

/// Hands an exception that no task took to the runtime of the caller, or to stderr.
void report_unseen_error(std::exception_ptr e) noexcept;

/// The stored form of a result: void as monostate, a reference as its address.
template <class T>
using stored =
    std::conditional_t<std::is_void_v<T>, std::monostate,
                       std::conditional_t<std::is_reference_v<T>, std::remove_reference_t<T>*, T>>;

template <class T>
class future_state : public future_core {
public:
    template <class... Args>
    bool complete_value(Args&&... args) {
        return complete(outcome_kind::value, [&] { store_value(std::forward<Args>(args)...); });
    }

    /// The value, after done() and throw_outcome(). `move_out`: leaves none behind.
    T get(bool move_out) {
        throw_outcome();
        if constexpr (std::is_void_v<T>) {
            return;
        } else {
            if (!value_) throw invalid_state("weft: the result was moved out by an earlier await");
            if constexpr (std::is_reference_v<T>) {
                return static_cast<T>(**value_);
            } else {
                if constexpr (std::is_copy_constructible_v<T>)
                    if (!move_out) return *value_;
                T out = std::move(*value_);
                value_.reset();
                return out;
            }
        }
    }

protected:
    explicit future_state(unsigned refs, bool keeps_itself = false) noexcept
        : future_core(refs, keeps_itself) {}

    /// Before it is complete.
    template <class... Args>
    void store_value(Args&&... args) {
        if constexpr (std::is_void_v<T>)
            return;
        else if constexpr (std::is_reference_v<T>)
            value_.emplace(std::addressof(args)...);
        else
            value_.emplace(std::forward<Args>(args)...);
    }
    void forget_value() noexcept {
        if constexpr (!std::is_void_v<T>) value_.reset();
    }

private:
    struct nothing {};
    [[no_unique_address]] std::conditional_t<std::is_void_v<T>, nothing, std::optional<stored<T>>>
        value_;
};

/// Counts references to a future_core or what derives from it.
template <class Core>
class core_ref {
public:
    core_ref() noexcept = default;
    /// Takes over one reference.
    static core_ref adopt(Core* core) noexcept {
        core_ref r;
        r.core_ = core;
        return r;
    }
    static core_ref share(Core* core) noexcept {
        if (core != nullptr) core->add_ref();
        return adopt(core);
    }
    core_ref(const core_ref& o) noexcept : core_(o.core_) {
        if (core_ != nullptr) core_->add_ref();
    }
    core_ref(core_ref&& o) noexcept : core_(std::exchange(o.core_, nullptr)) {}
    core_ref& operator=(core_ref o) noexcept {
        std::swap(core_, o.core_);
        return *this;
    }
    ~core_ref() {
        if (core_ != nullptr) core_->drop_ref();
    }
    [[nodiscard]] Core* get() const noexcept { return core_; }
    Core* operator->() const noexcept { return core_; }
    explicit operator bool() const noexcept { return core_ != nullptr; }
    /// Gives the reference away.
    Core* release() noexcept { return std::exchange(core_, nullptr); }

private:
    Core* core_ = nullptr;
};

} // namespace weft::detail

namespace weft {

/// A done callback that was added: the way to take it back. Thread-safe as a value; does not suspend.
class done_callback {
public:
    /// Takes it back. False: it was called, its call is on the way, or it was removed before.
    bool remove() const noexcept { return number_ != 0 && future_->remove_done_callback(number_); }

    /// For the futures alone.
    done_callback(detail::future_core& future, std::uint64_t number) noexcept
        : future_(detail::core_ref<detail::future_core>::share(&future)),
          number_(number) {}

private:
    detail::core_ref<detail::future_core> future_;
    std::uint64_t number_;
};

} // namespace weft
