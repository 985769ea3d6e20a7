// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <tuple>

#include <weft/task/future.hpp>
#include <weft/task/task_base.hpp>

namespace weft {

/// A handle to a task of any result: all of task<T> but the result. Cheap, shared; empty by default.
class task_handle {
public:
    task_handle() noexcept = default;
    [[nodiscard]] bool valid() const noexcept { return static_cast<bool>(core_); }
    [[nodiscard]] bool done() const { return checked().core().done(); }
    [[nodiscard]] bool cancelled() const {
        return checked().core().state() == detail::outcome_kind::cancelled;
    }
    [[nodiscard]] std::string name() const { return checked().name(); }
    [[nodiscard]] std::uint64_t id() const { return checked().id(); }
    /// Asks for cancellation: the wait it is suspended in, or its next one, throws cancelled_error(msg). False: done.
    bool cancel(std::string msg = {}) const { return checked().core().cancel(std::move(msg)); }
    /// Takes one request back; at zero, one that was not delivered yet is withdrawn. Returns how many are left.
    unsigned uncancel() const { return checked().uncancel(); }
    [[nodiscard]] unsigned cancelling() const { return checked().cancelling(); }
    [[nodiscard]] std::exception_ptr exception() const {
        detail::future_core& c = checked().core();
        if (!c.done()) throw invalid_state("weft: exception() of a task that is not done");
        if (c.state() == detail::outcome_kind::cancelled) throw cancelled_error(c.message());
        return c.error();
    }
    /// Waits for its end, whatever that is; throws only if the caller is cancelled.
    void wait() const { checked().core().await_done(); }
    /// As that of future.
    template <class F>
    done_callback add_done_callback(F f) const {
        detail::future_core& c = checked().core();
        return {c, c.add_done_callback(std::move(f))};
    }

    /// For the library.
    [[nodiscard]] detail::future_core& core() const { return checked().core(); }

    friend bool operator==(const task_handle& a, const task_handle& b) noexcept {
        return a.core_.get() == b.core_.get();
    }

    explicit task_handle(detail::core_ref<detail::future_core> core) noexcept
        : core_(std::move(core)) {}

private:
    [[nodiscard]] detail::task_base& checked() const {
        if (!core_) throw invalid_state("weft: an empty task handle");
        return *core_->as_task();
    }
    detail::core_ref<detail::future_core> core_;
};

/// A callable running concurrently; a future<T> with a name and more say. Dropping the handle does not cancel: the runtime
/// owns every task. An exception that nobody takes is reported once to the runtime's exception handler.
template <class T>
class task : public future<T> {
public:
    task() noexcept = default;
    [[nodiscard]] std::string name() const { return base().name(); }
    [[nodiscard]] std::uint64_t id() const { return base().id(); }
    unsigned uncancel() const { return base().uncancel(); }
    [[nodiscard]] unsigned cancelling() const { return base().cancelling(); }

    operator task_handle() const {
        static_cast<void>(this->checked());
        return task_handle(detail::core_ref<detail::future_core>::share(this->core_.get()));
    }
    explicit task(detail::core_ref<detail::future_state<T>> core) noexcept
        : future<T>(std::move(core)) {}

private:
    [[nodiscard]] detail::task_base& base() const { return *this->checked().as_task(); }
};

namespace detail {

/// f with its arguments, copied or moved as std::thread does.
template <class F, class... Args>
auto bind_call(F&& f, Args&&... args) {
    if constexpr (sizeof...(Args) == 0)
        return std::decay_t<F>(std::forward<F>(f));
    else
        return [f = std::decay_t<F>(std::forward<F>(f)),
                bound = std::tuple<std::decay_t<Args>...>(
                    std::forward<Args>(args)...)]() mutable -> decltype(auto) {
            return std::apply(
                [&f](auto&... a) -> decltype(auto) {
                    return std::invoke(std::move(f), std::move(a)...);
                },
                bound);
        };
}

struct no_preparation {
    void operator()(task_base&) const noexcept {}
};

/// Makes the block, lets `prepare` see it before it can run, and launches it.
template <class Call, class Prepare = no_preparation>
auto start_task(runtime_core& runtime, task_options&& options, const void* site, Call&& call,
                Prepare prepare = {}) {
    using function = std::decay_t<Call>;
    using result = std::invoke_result_t<function&>;
    static_assert(!std::is_rvalue_reference_v<result>,
                  "weft: a task can't return an rvalue reference");
    auto* block = new task_block<result, function>(runtime, std::move(options), site,
                                                   std::forward<Call>(call));
    prepare(*block);
    try {
        launch(*block);
    } catch (...) {
        block->give_up();
        block->future_core::drop_ref();
        throw;
    }
    return task<result>(core_ref<future_state<result>>::adopt(block));
}

} // namespace detail

/// Runs f(args...) as a task of the running task's runtime. Arguments are copied or moved as std::thread does. Does not
/// suspend; the body never begins inside this call. Throws std::logic_error without a runtime, runtime_closed after its
/// shutdown, std::system_error if there is no memory for another stack.
///
///     auto t = weft::create_task([](int x) { return x + 1; }, 41);
///     int y = weft::await(t);
template <class F, class... Args>
    requires std::invocable<std::decay_t<F>, std::decay_t<Args>...>
[[gnu::noinline]] auto create_task(F&& f, Args&&... args) {
    return detail::start_task(detail::current_runtime(), {}, __builtin_return_address(0),
                              detail::bind_call(std::forward<F>(f), std::forward<Args>(args)...));
}
template <class F, class... Args>
    requires std::invocable<std::decay_t<F>, std::decay_t<Args>...>
[[gnu::noinline]] auto create_task(task_options options, F&& f, Args&&... args) {
    return detail::start_task(detail::current_runtime(), std::move(options),
                              __builtin_return_address(0),
                              detail::bind_call(std::forward<F>(f), std::forward<Args>(args)...));
}

/// The running task. Throws std::logic_error outside one.
task_handle current_task();

namespace this_task {
[[nodiscard]] std::uint64_t id();
[[nodiscard]] std::string name();
void set_name(std::string name);
/// Is a cancel waiting to be delivered, or under way?
[[nodiscard]] bool cancel_requested();
} // namespace this_task

/// While one is alive, waits of this task are no cancel points; a request is delivered at the first wait after. For clean-up
/// that must finish, and for destructors that wait. Task-bound: make it and let it go in the same task.
class mask_cancel {
public:
    mask_cancel() noexcept : fiber_(detail::current_fiber()) {
        if (fiber_ != nullptr) ++fiber_->masks;
    }
    ~mask_cancel() {
        if (fiber_ != nullptr) --fiber_->masks;
    }
    mask_cancel(const mask_cancel&) = delete;
    mask_cancel& operator=(const mask_cancel&) = delete;

private:
    detail::fiber* fiber_;
};

/// Suspends for at least d (zero or less: as yield). A cancel point. Works on plain threads too.
void sleep_for(std::chrono::nanoseconds d);
template <class Rep, class Period>
void sleep_for(std::chrono::duration<Rep, Period> d) {
    sleep_for(detail::to_nanoseconds(d));
}
/// Suspends until t, never shorter; t of any clock.
template <class Clock, class Duration>
void sleep_until(std::chrono::time_point<Clock, Duration> t) {
    if constexpr (std::is_same_v<Clock, clock>)
        sleep_for(detail::to_nanoseconds(t - clock::now()));
    else
        while (Clock::now() < t) sleep_for(detail::to_nanoseconds(t - Clock::now()));
}
/// Lets every ready task run first. A cancel point.
void yield();
/// Throws if this task is cancelled; yields if others wait for this core. For loops that compute: costs some ns.
void checkpoint();

} // namespace weft
