// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <concepts>
#include <future>

#include <weft/task/future_core.hpp>

namespace weft {

template <class T>
class promise;
template <class T>
class task;

/// A handle to a result that somebody else will set. Cheap, shared; empty by default.
///
/// Thread safety: any number of handles from any threads; one handle object as any value.
/// Waiting functions suspend the calling task, or block a plain thread.
///
///     weft::promise<int> p;
///     weft::future<int> f = p.get_future();
///     p.set_value(7);
///     int x = f.get();
template <class T>
class future {
public:
    using value_type = T;
    future() noexcept = default;

    /// Not empty?
    [[nodiscard]] bool valid() const noexcept { return static_cast<bool>(core_); }

    /// Suspends until done; the value (a copy from a named handle), or throws what the result is. A cancel point.
    T await() const& { return wait_and_get(false); }
    /// The same, moving the value out: a later await of another handle throws invalid_state.
    T await() && { return wait_and_get(true); }
    /// The same as await.
    T get() const& { return wait_and_get(false); }
    T get() && { return wait_and_get(true); }

    /// Waits at most that long; never cancels. std::future_status::ready or timeout.
    template <class Rep, class Period>
    [[nodiscard]] std::future_status wait_for(std::chrono::duration<Rep, Period> d) const {
        return checked().await_done_until(detail::deadline_after(detail::to_nanoseconds(d)))
                   ? std::future_status::ready
                   : std::future_status::timeout;
    }

    [[nodiscard]] bool done() const { return checked().done(); }
    /// Did it end cancelled?
    [[nodiscard]] bool cancelled() const {
        return checked().state() == detail::outcome_kind::cancelled;
    }
    /// The value of a done future, without waiting. Throws invalid_state if it is not done; else as await.
    T result() const {
        detail::future_state<T>& s = checked();
        if (!s.done()) throw invalid_state("weft: result() of a future that is not done");
        return s.get(false);
    }
    /// The exception of a done future, or null. Throws invalid_state if it is not done, cancelled_error if cancelled.
    [[nodiscard]] std::exception_ptr exception() const {
        detail::future_state<T>& s = checked();
        if (!s.done()) throw invalid_state("weft: exception() of a future that is not done");
        if (s.state() == detail::outcome_kind::cancelled) throw cancelled_error(s.message());
        return s.error();
    }
    /// Asks for cancellation. False if it is done. Any thread; does not suspend.
    bool cancel(std::string message = {}) const { return checked().cancel(std::move(message)); }

    /// Calls f() or f(future<T>) once, when done, on the runtime where it was added; never inside this call or the one that
    /// completes. Without a runtime, on the thread that completes, or here. The result can take it back:
    /// f.add_done_callback(g).remove().
    template <class F>
    done_callback add_done_callback(F f) const {
        detail::future_state<T>& s = checked();
        if constexpr (std::invocable<F&, future<T>>)
            return {s,
                    s.add_done_callback([f = std::move(f), self = *this]() mutable { f(self); })};
        else
            return {s, s.add_done_callback(std::move(f))};
    }

    /// For the library's own parts.
    [[nodiscard]] detail::future_state<T>* core() const noexcept { return core_.get(); }
    explicit future(detail::core_ref<detail::future_state<T>> core) noexcept
        : core_(std::move(core)) {}

protected:
    [[nodiscard]] detail::future_state<T>& checked() const {
        if (!core_) throw invalid_state("weft: an empty future or task handle");
        return *core_.get();
    }
    T wait_and_get(bool move_out) const {
        detail::future_state<T>& s = checked();
        s.await_done();
        return s.get(move_out);
    }
    detail::core_ref<detail::future_state<T>> core_;
};

namespace detail {

/// A future that a promise sets.
template <class T>
class promise_state final : public future_state<T> {
public:
    promise_state() noexcept : future_state<T>(1) {}
    ~promise_state() override {
        if (auto e = this->unseen_error()) report_unseen_error(std::move(e));
    }
    bool cancel(std::string message) override {
        return this->complete_cancelled(std::move(message));
    }
};

} // namespace detail

/// The setting end of a future. Movable. Every member may be called by any thread; none suspends.
/// set_value and set_exception return whether they took effect: on a future that was cancelled meanwhile they do nothing and
/// return false. A second set throws invalid_state. Destroyed unset: the future throws broken_promise.
template <class T>
class promise {
public:
    promise() : core_(decltype(core_)::adopt(new detail::promise_state<T>)) {}
    promise(promise&&) noexcept = default;
    promise& operator=(promise&& o) noexcept {
        if (this != &o) {
            abandon();
            core_ = std::move(o.core_);
            set_ = o.set_;
        }
        return *this;
    }
    ~promise() { abandon(); }

    [[nodiscard]] future<T> get_future() const { return future<T>(checked()); }

    /// Arguments: the value, or nothing for void.
    template <class... Args>
        requires(std::is_void_v<T> ? sizeof...(Args) == 0 : sizeof...(Args) == 1)
    bool set_value(Args&&... args) {
        begin_set();
        return checked()->complete_value(std::forward<Args>(args)...);
    }
    bool set_exception(std::exception_ptr e) {
        begin_set();
        return checked()->complete_exception(std::move(e));
    }
    /// Ends the future as cancelled.
    bool set_cancelled(std::string message = {}) {
        return checked()->complete_cancelled(std::move(message));
    }

private:
    using core_type = detail::core_ref<detail::future_state<T>>;
    const core_type& checked() const {
        if (!core_) throw invalid_state("weft: a promise that was moved from");
        return core_;
    }
    void begin_set() {
        if (set_.exchange(true)) throw invalid_state("weft: the promise is already set");
    }
    void abandon() noexcept {
        if (!core_ || core_->done()) return;
        core_->mark_seen(); // news to those who wait; if nobody does, there is nothing to report
        core_->complete_exception(std::make_exception_ptr(broken_promise()));
    }
    /// Tells a second set from one that lost against a cancel. Moves as its value.
    struct flag {
        std::atomic<bool> on{false};
        flag() = default;
        flag(flag&& o) noexcept : on(o.on.load(std::memory_order_relaxed)) {}
        flag& operator=(const flag& o) noexcept {
            on.store(o.on.load(std::memory_order_relaxed), std::memory_order_relaxed);
            return *this;
        }
        bool exchange(bool v) noexcept {
            return on.exchange(v, std::memory_order_acq_rel);
        } // orders two setters
    };
    core_type core_;
    flag set_;
};

/// Suspends until x is done; its value, or throws. `await(x)` of a named handle copies, `await(std::move(x))` and
/// `await(create_task(f))` move the value out. On a plain thread it blocks. A cancel point: a cancel of the only one who waits
/// for a task goes to that task first. Throws cancelled_error, would_deadlock for the running task itself.
template <class T>
T await(const future<T>& x) {
    static_assert(std::is_void_v<T> || std::is_reference_v<T> || std::is_copy_constructible_v<T>,
                  "weft::await of a named handle copies the result, which this type forbids: write "
                  "await(std::move(x))");
    return x.await();
}
template <class T>
T await(future<T>&& x) {
    return std::move(x).await();
}

} // namespace weft
