// SPDX-License-Identifier: Apache-2.0
// What every future shares: state, waiters, callbacks, references. Protocol: lib/task/README.md.
#pragma once

#include <atomic>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <weft/base/error.hpp>
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

/// Who waits for a future; with a gate if it waits for others, too.
struct future_node : wait_node {
    wait_gate* gate = nullptr;
};

/// The untyped part. Reference-counted; lives until the last handle, promise or task lets go.
///
/// | field                     | guarded by                                                      |
/// |---------------------------|-----------------------------------------------------------------|
/// | state_                    | written once under lock_ (release); read anywhere (acquire)     |
/// | waiters_, callbacks       | lock_                                                           |
/// | error_, message           | written before state_, read-only after                          |
class future_core {
public:
    future_core(const future_core&) = delete;
    future_core& operator=(const future_core&) = delete;

    void add_ref() noexcept { refs_.fetch_add(1, std::memory_order_relaxed); }
    void drop_ref() noexcept {
        // acq_rel: everything done through other handles happens before the destructor; a sole owner needs no locked
        // operation, since nobody else can make it two
        if (refs_.load(std::memory_order_acquire) == 1 ||
            refs_.fetch_sub(1, std::memory_order_acq_rel) == 1)
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
    [[nodiscard]] std::string message() const { return extras_ ? extras_->message : std::string(); }
    void mark_seen() noexcept { seen_.store(true, std::memory_order_relaxed); }

    /// Calls f once done; at once, by the runtime, if it is already. Never inside the call that completes.
    void add_done_callback(unique_function<void()> f);

    /// Asks for cancellation; what that means depends on who makes the result. False: already done.
    virtual bool cancel(std::string message) = 0;
    /// The task whose result this is, or null.
    virtual task_base* as_task() noexcept { return nullptr; }
    /// Does a cancel of the only waiter go on to this (a task, a call in an executor), or only end its wait (a promise)?
    [[nodiscard]] virtual bool takes_waiters_cancel() const noexcept { return false; }

    /// Registers a node that is told (claimed and resumed) at completion. False: done already, nothing registered.
    bool add_waiter(future_node& node) noexcept;
    void remove_waiter(future_node& node) noexcept;
    /// Is `who` the one and only waiter?
    [[nodiscard]] bool waits_alone(const waiter& who) noexcept;

    /// Completes with what the derived class stored. False: it was complete already. Any thread.
    bool complete_exception(std::exception_ptr e) noexcept;
    bool complete_cancelled(std::string message) noexcept;

protected:
    explicit future_core(unsigned refs) noexcept : refs_(refs) {}
    virtual ~future_core() = default;
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
    /// An exception that nobody ever asked for, at the last handle's end; null otherwise.
    [[nodiscard]] std::exception_ptr unseen_error() const noexcept {
        return seen_.load(std::memory_order_relaxed) ? nullptr : error_;
    }

private:
    struct extras;
    extras& with_extras();
    void finish_locked(outcome_kind kind) noexcept;
    future_node* claim_waiter(outcome_kind kind) noexcept;
    void schedule_callbacks(std::vector<unique_function<void()>> callbacks) noexcept;

    std::atomic<unsigned> refs_;
    std::atomic<outcome_kind> state_{outcome_kind::pending};
    std::atomic<bool> seen_{false};
    spin_lock lock_;
    intrusive_list<future_node> waiters_;
    std::exception_ptr error_;
    /// What few futures have: a million parked tasks should not pay for it.
    struct extras {
        std::vector<unique_function<void()>> callbacks;
        std::string message;
    };
    std::unique_ptr<extras> extras_;
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
        return complete(outcome_kind::value, [&] {
            if constexpr (std::is_void_v<T>)
                return;
            else if constexpr (std::is_reference_v<T>)
                value_.emplace(std::addressof(args)...);
            else
                value_.emplace(std::forward<Args>(args)...);
        });
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
    explicit future_state(unsigned refs) noexcept : future_core(refs) {}

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
