// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <concepts>
#include <memory>
#include <type_traits>

#include <weft/task/task.hpp>

namespace weft {

namespace detail {

/// In debug mode, where to say that one was never awaited; else null.
std::shared_ptr<reporter> coroutine_watch() noexcept;
void report_never_awaited(const std::shared_ptr<reporter>& to, const void* made_at) noexcept;

template <class T>
class coroutine_state {
public:
    explicit coroutine_state(unique_function<T()> f, const void* made_at)
        : function_(std::move(f)),
          made_at_(made_at),
          watch_(coroutine_watch()) {}
    ~coroutine_state() {
        if (watch_ != nullptr && !taken_.load(std::memory_order_relaxed))
            report_never_awaited(watch_, made_at_);
    }
    coroutine_state(const coroutine_state&) = delete;
    coroutine_state& operator=(const coroutine_state&) = delete;

    unique_function<T()> take() {
        if (taken_.exchange(true, std::memory_order_relaxed))
            throw invalid_state("weft: a coroutine is awaited once; this one was before");
        return std::move(function_);
    }

private:
    unique_function<T()> function_;
    const void* const made_at_;
    const std::shared_ptr<reporter> watch_;
    std::atomic<bool> taken_{false};
};

} // namespace detail

/// A callable with its arguments bound, which nobody has called yet: asyncio's coroutine object. Copies are the same one; it runs
/// once, by the first of await (here, as a call), create_task and ensure_future (concurrently), or a call of its own; whoever
/// comes later gets invalid_state. So it goes wherever a callable does: gather, wait_for, run.
///
/// Thread-safe as a value; of two threads that await it, one gets it. In debug mode (runtime_options::debug) one that is destroyed
/// without having run is reported to the runtime's exception handler.
///
///     weft::coroutine c(download, url);
///     std::string page = weft::await(c);
template <class T>
class [[nodiscard]] coroutine {
public:
    using value_type = T;

    /// Runs nothing. Arguments are copied or moved as std::thread does.
    template <class F, class... Args>
        requires(!std::is_same_v<std::decay_t<F>, coroutine> &&
                 std::is_invocable_r_v<T, std::decay_t<F>, std::decay_t<Args>...>)
    [[gnu::noinline]] explicit coroutine(F&& f, Args&&... args)
        : state_(std::make_shared<detail::coroutine_state<T>>(
              unique_function<T()>(
                  detail::bind_call(std::forward<F>(f), std::forward<Args>(args)...)),
              __builtin_return_address(0))) {}

    /// Runs it here. Throws invalid_state if it was awaited before.
    T operator()() const { return take()(); }

    /// For create_task: what it would run; it counts as awaited from here on.
    [[nodiscard]] unique_function<T()> take() const { return state_->take(); }

private:
    std::shared_ptr<detail::coroutine_state<T>> state_;
};

template <class F, class... Args>
coroutine(F, Args...) -> coroutine<std::invoke_result_t<std::decay_t<F>, std::decay_t<Args>...>>;

/// Runs it here, in the calling task or thread, as a call. Throws invalid_state if it was awaited before.
template <class T>
T await(const coroutine<T>& c) {
    return c();
}

/// Runs it as a task. Throws as create_task does, and invalid_state if it was awaited before.
template <class T>
[[gnu::noinline]] task<T> create_task(const coroutine<T>& c) {
    return detail::start_task(detail::current_runtime(), {}, __builtin_return_address(0), c.take());
}
template <class T>
[[gnu::noinline]] task<T> create_task(task_options options, const coroutine<T>& c) {
    return detail::start_task(detail::current_runtime(), std::move(options),
                              __builtin_return_address(0), c.take());
}
template <class T>
[[gnu::noinline]] task<T> create_task(coroutine<T>& c) {
    return create_task(std::as_const(c));
}
template <class T>
[[gnu::noinline]] task<T> create_task(coroutine<T>&& c) {
    return create_task(std::as_const(c));
}

/// A type of the user's own that says by a member await() how it is waited for.
template <class X>
concept awaits_itself = requires(X&& x) {
    std::forward<X>(x).await();
}
&&!requires(X & x) { x.core(); }; // the library's own futures

/// x.await(): suspends, returns and throws as that does.
///
///     struct connection { reply await() { ready.wait(); return take_reply(); } ... };
///     reply r = weft::await(c);
template <awaits_itself X>
decltype(auto) await(X&& x) {
    return std::forward<X>(x).await();
}

/// The same handle for a task or future; a task for a coroutine, any callable, or what awaits itself. Throws as create_task
/// does.
template <class T>
task<T> ensure_future(const task<T>& t) {
    return t;
}
template <class T>
future<T> ensure_future(const future<T>& f) {
    return f;
}
template <class T>
task<T> ensure_future(const coroutine<T>& c) {
    return create_task(c);
}
template <class F>
    requires std::invocable<std::decay_t<F>>
auto ensure_future(F&& f) { return create_task(std::forward<F>(f)); }
template <awaits_itself X>
    requires(!std::invocable<std::decay_t<X>>)
auto ensure_future(X&& x) {
    return create_task([x = std::decay_t<X>(std::forward<X>(x))]() mutable -> decltype(auto) {
        return std::move(x).await();
    });
}

} // namespace weft
