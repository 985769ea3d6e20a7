// SPDX-License-Identifier: Apache-2.0
// Awaitables of other libraries, in fibers and in our coroutines.
#pragma once

#include <coroutine>
#include <exception>
#include <type_traits>
#include <utility>

#include <weft/coro/co_driver.hpp>
#include <weft/task/future.hpp>

namespace weft {

template <class T>
class co_task;

namespace detail {

template <class A>
concept has_member_co_await = requires(A&& a) {
    std::forward<A>(a).operator co_await();
};
template <class A>
concept has_free_co_await = requires(A&& a) {
    operator co_await(std::forward<A>(a));
};
template <class A>
concept is_awaiter = requires(A& a, std::coroutine_handle<> h) {
    static_cast<bool>(a.await_ready());
    a.await_suspend(h);
    a.await_resume();
};

template <class T>
void is_ours(const volatile future<T>*);
template <class T>
void is_ours(const volatile co_task<T>*);
template <class A>
concept foreign_awaitable = !requires(std::remove_reference_t<A> * a) {
    is_ours(a);
}
&&(has_member_co_await<A> || has_free_co_await<A> || is_awaiter<std::remove_reference_t<A>>);

template <foreign_awaitable A>
decltype(auto) its_awaiter(A&& a) {
    if constexpr (has_member_co_await<A>)
        return std::forward<A>(a).operator co_await();
    else if constexpr (has_free_co_await<A>)
        return operator co_await(std::forward<A>(a));
    else
        return std::forward<A>(a);
}
template <class A>
using foreign_result =
    decltype(std::declval<std::remove_reference_t<decltype(its_awaiter(std::declval<A>()))>&>()
                 .await_resume());

/// A coroutine that nobody owns: it frees itself at its end.
struct follower {
    struct promise_type {
        follower get_return_object() const noexcept { return {}; }
        std::suspend_never initial_suspend() const noexcept { return {}; }
        std::suspend_never final_suspend() const noexcept { return {}; }
        void return_void() const noexcept {}
        [[noreturn]] void unhandled_exception() const noexcept {
            std::terminate();
        } // it catches all
    };
};

template <class A, class R>
follower follow(A awaitable, promise<R> result) {
    try {
        if constexpr (std::is_void_v<R>) {
            co_await std::move(awaitable);
            result.set_value();
        } else {
            result.set_value(co_await std::move(awaitable));
        }
    } catch (...) { result.set_exception(std::current_exception()); }
}

/// A future of what the awaitable gives, which is awaited from here on.
template <foreign_awaitable A>
auto future_of(A&& a) {
    using value = std::decay_t<A>;
    using result = foreign_result<value&&>;
    using kept =
        std::conditional_t<std::is_rvalue_reference_v<result>, std::decay_t<result>, result>;
    static_assert(std::is_constructible_v<value, A&&>,
                  "weft: an awaitable is moved or copied into its wait: write std::move(x)");
    promise<kept> p;
    future<kept> f = p.get_future();
    const nested_run keeps_its_stack;
    follow<value, kept>(std::forward<A>(a), std::move(p));
    return f;
}

} // namespace detail

/// Awaits an awaitable of any other library from a fiber or a plain thread: its result, or what it throws. The awaitable is moved
/// (or copied) into its wait; it may resume on any thread, the caller goes on at home. A cancel point: a cancelled caller leaves
/// the awaitable to itself.
///
///     auto n = weft::await(other::async_read(socket, buffer));
template <detail::foreign_awaitable A>
auto await(A&& a) -> detail::foreign_result<std::decay_t<A>&&> {
    return detail::future_of(std::forward<A>(a)).await();
}

} // namespace weft
