// SPDX-License-Identifier: Apache-2.0
// What can be awaited in a coroutine: futures and tasks by themselves, the rest by the functions of weft::co.
#pragma once

#include <concepts>
#include <coroutine>
#include <mutex> // std::unique_lock
#include <optional>
#include <tuple>
#include <utility>

#include <weft/coro/co_wait.hpp>
#include <weft/coro/foreign.hpp>
#include <weft/task/future.hpp>
#include <weft/task/task.hpp>

namespace weft {
namespace detail {

// Every awaiter: await_ready does the whole wait where there is a stack to wait with (no driver); else await_suspend gives it
// away. await_suspend is noinline: the frame may be gone when it returns, and so must hold nothing of it.

/// What the functions of weft::co give: an awaiter that is not made yet. (The awaiter can't move; made by await_transform it is built
/// in the frame.)
template <class Awaiter, class... Args>
class co_request {
public:
    explicit co_request(Args... args) : arguments_(std::forward<Args>(args)...) {}
    [[nodiscard]] Awaiter awaiter() && {
        return std::apply([](Args&... a) { return Awaiter(std::forward<Args>(a)...); }, arguments_);
    }

private:
    std::tuple<Args...> arguments_;
};

template <class T>
class future_awaiter {
public:
    future_awaiter(future<T> f, bool move_out) : future_(std::move(f)), move_out_(move_out) {
        if (!future_.valid()) throw invalid_state("weft: an empty future or task handle");
    }
    [[nodiscard]] bool await_ready() {
        if (future_.core()->done()) return true;
        if (current_driver() != nullptr) return false;
        future_.core()->await_done();
        return true;
    }
    [[gnu::noinline]] bool await_suspend(std::coroutine_handle<> h) {
        return wait_.begin(*future_.core(), *current_driver(), h);
    }
    T await_resume() {
        wait_.end(*future_.core());
        return future_.core()->get(move_out_);
    }

private:
    const future<T> future_;
    co_future_wait wait_;
    const bool move_out_;
};

class time_awaiter {
public:
    explicit time_awaiter(deadline_ns until) noexcept : until_(until) {}
    [[nodiscard]] bool await_ready();
    [[gnu::noinline]] bool await_suspend(std::coroutine_handle<> h) {
        return wait_.begin(until_, *current_driver(), h);
    }
    void await_resume() { wait_.end(); }

private:
    const deadline_ns until_;
    co_time_wait wait_;
};

/// Primitive: mutex, semaphore or event. `Operations`: try_take and take as ordinary functions, take_locked and k_waiting.
template <class Primitive, class Operations>
class line_awaiter {
public:
    explicit line_awaiter(Primitive& p) noexcept : primitive_(p) {}
    [[nodiscard]] bool await_ready() {
        if (Operations::try_take(primitive_)) return true;
        if (current_driver() != nullptr) return false;
        Operations::take(primitive_);
        return true;
    }
    [[gnu::noinline]] bool await_suspend(std::coroutine_handle<> h) {
        return wait_.begin(Operations::k_why, co_sync::queue(primitive_), Operations::k_waiting,
                           Operations::take_locked, *current_driver(), h);
    }
    auto await_resume() {
        wait_.end(co_sync::queue(primitive_));
        return Operations::taken(primitive_);
    }

private:
    Primitive& primitive_;
    co_line_wait wait_;
};

struct mutex_operations {
    static bool try_take(mutex& m) noexcept { return m.try_lock(); }
    static void take(mutex& m) { m.lock(); }
    static constexpr auto take_locked = &co_sync::take_mutex;
    static constexpr auto k_why = wait_reason::mutex;
    static constexpr wait_queue::state_type k_waiting = wait_queue::k_one; // locked
    static std::unique_lock<mutex> taken(mutex& m) { return {m, std::adopt_lock}; }
};
struct semaphore_operations {
    static bool try_take(auto& s) noexcept { return s.try_acquire(); }
    static void take(auto& s) { s.acquire(); }
    static constexpr auto take_locked = &co_sync::take_permit;
    static constexpr auto k_why = wait_reason::semaphore;
    static constexpr wait_queue::state_type k_waiting = 0;
    static void taken(auto&) noexcept {}
};
struct event_operations {
    static bool try_take(event& e) noexcept { return e.is_set(); }
    static void take(event& e) { e.wait(); }
    static constexpr auto take_locked = &co_sync::see_event;
    static constexpr auto k_why = wait_reason::event;
    static constexpr wait_queue::state_type k_waiting = 0;
    static void taken(event&) noexcept {}
};

template <class T>
class receive_awaiter {
public:
    explicit receive_awaiter(channel<T>& c) noexcept : channel_(c) {}
    [[nodiscard]] bool await_ready() {
        if (current_driver() != nullptr) return false;
        result_.emplace(channel_.recv());
        return true;
    }
    [[gnu::noinline]] bool await_suspend(std::coroutine_handle<> h) {
        return wait_.begin_receive(co_sync::core(channel_), in_.bytes(), *current_driver(), h);
    }
    std::optional<T> await_resume() {
        if (result_) return *std::move(result_);
        if (!wait_.end(co_sync::core(channel_))) return std::nullopt;
        return in_.take();
    }

private:
    channel<T>& channel_;
    co_channel_wait wait_;
    incoming<T> in_;
    std::optional<std::optional<T>> result_; // received with a stack
};

template <class T>
class send_awaiter {
public:
    send_awaiter(channel<T>& c, T value) : channel_(c), value_(std::move(value)) {}
    [[nodiscard]] bool await_ready() {
        if (current_driver() != nullptr) return false;
        channel_.send(std::move(value_));
        return true;
    }
    [[gnu::noinline]] bool await_suspend(std::coroutine_handle<> h) {
        out_.emplace(std::move(value_));
        return wait_.begin_send(co_sync::core(channel_), out_->bytes(), *current_driver(), h);
    }
    void await_resume() {
        if (!out_) return;
        if (!wait_.end(co_sync::core(channel_))) throw channel_closed();
        out_->sent();
    }

private:
    channel<T>& channel_;
    T value_;
    std::optional<outgoing<T>> out_;
    co_channel_wait wait_;
};

template <class T>
auto awaiter_of(const future<T>& f) {
    static_assert(
        std::is_void_v<T> || std::is_reference_v<T> || std::is_copy_constructible_v<T>,
        "weft: co_await of a named handle copies the result, which this type forbids: write "
        "co_await std::move(x)");
    return future_awaiter<T>(f, false);
}
template <class T>
auto awaiter_of(future<T>&& f) {
    return future_awaiter<T>(std::move(f), true);
}
template <class T>
auto awaiter_of(const task<T>& t) {
    return awaiter_of(static_cast<const future<T>&>(t));
}
template <class T>
auto awaiter_of(task<T>&& t) {
    return awaiter_of(static_cast<future<T>&&>(t));
}
template <class A, class... Args>
A awaiter_of(co_request<A, Args...>&& r) {
    return std::move(r).awaiter();
}
template <foreign_awaitable A>
auto awaiter_of(A&& a) {
    return awaiter_of(future_of(std::forward<A>(a)));
}
template <class T>
auto awaiter_of(co_task<T>&& co);
template <class T>
auto awaiter_of(co_task<T>& co);

} // namespace detail

/// The waits of a coroutine that are not futures: to be awaited at once, as co_await weft::co::f(...). They keep no stack while they
/// wait, and are cancel points as the ordinary functions of these names.
namespace co {

/// For at least d.
///
///     co_await weft::co::sleep_for(10ms);
template <class Rep, class Period>
[[nodiscard]] auto sleep_for(std::chrono::duration<Rep, Period> d) {
    return detail::co_request<detail::time_awaiter, detail::deadline_ns>(
        detail::deadline_after(detail::to_nanoseconds(d)));
}
/// Until t, of any clock.
template <class Clock, class Duration>
[[nodiscard]] auto sleep_until(std::chrono::time_point<Clock, Duration> t) {
    return detail::co_request<detail::time_awaiter, detail::deadline_ns>(detail::deadline_at(t));
}
/// Gives a std::unique_lock that owns the mutex.
///
///     auto held = co_await weft::co::lock(m);
[[nodiscard]] inline auto lock(mutex& m) {
    return detail::co_request<detail::line_awaiter<mutex, detail::mutex_operations>, mutex&>(m);
}
/// Takes a permit.
template <std::ptrdiff_t Most>
[[nodiscard]] auto acquire(counting_semaphore<Most>& s) {
    using semaphore = counting_semaphore<Most>;
    return detail::co_request<detail::line_awaiter<semaphore, detail::semaphore_operations>,
                              semaphore&>(s);
}
/// Until the event is set.
[[nodiscard]] inline auto wait(event& e) {
    return detail::co_request<detail::line_awaiter<event, detail::event_operations>, event&>(e);
}
/// The next value; empty: the channel is closed.
template <class T>
[[nodiscard]] auto recv(channel<T>& c) {
    return detail::co_request<detail::receive_awaiter<T>, channel<T>&>(c);
}
/// Throws channel_closed. The value is lost if it was not sent.
template <class T>
[[nodiscard]] auto send(channel<T>& c, std::type_identity_t<T> value) {
    return detail::co_request<detail::send_awaiter<T>, channel<T>&, T>(c, std::move(value));
}

} // namespace co
} // namespace weft
