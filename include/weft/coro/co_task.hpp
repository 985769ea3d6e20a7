// SPDX-License-Identifier: Apache-2.0
// Coroutines as tasks.
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

#include <weft/coro/co_await.hpp>
#include <weft/coro/co_driver.hpp>
#include <weft/task/runtime.hpp>

namespace weft {

template <class T>
class co_task;

namespace detail {

/// Goes on with the coroutine that awaits this one, or tells the task that it has ended, or returns to the call.
struct co_final_awaiter {
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> h) const noexcept {
        leave(h.promise());
    }
    void await_resume() const noexcept {}
    static void leave(co_promise_base& ended) noexcept;
};

class co_promise_base {
public:
    std::suspend_always initial_suspend() const noexcept { return {}; }
    co_final_awaiter final_suspend() const noexcept { return {}; }
    void unhandled_exception() noexcept { error = std::current_exception(); }

    /// What a coroutine may await: see co_await.hpp.
    template <class Awaitable>
    decltype(auto) await_transform(Awaitable&& a) {
        return awaiter_of(std::forward<Awaitable>(a));
    }

    std::exception_ptr error;
    std::coroutine_handle<> continuation; // who awaits it; null: it is a task
};

inline void co_final_awaiter::leave(co_promise_base& ended) noexcept {
    if (ended.continuation)
        transfer_to(ended.continuation);
    else
        static_cast<co_driver*>(current_fiber())->coroutine_ended(ended); // destroys the frame
}

template <class T>
class co_promise final : public co_promise_base {
public:
    co_task<T> get_return_object() noexcept;
    template <class U>
        requires std::convertible_to<U&&, T>
    void return_value(U&& x) {
        if constexpr (std::is_reference_v<T>)
            value_ = std::addressof(x);
        else
            value_.emplace(std::forward<U>(x));
    }
    T take() {
        if (error) std::rethrow_exception(std::move(error));
        if constexpr (std::is_reference_v<T>)
            return static_cast<T>(**value_);
        else
            return std::move(*value_);
    }

private:
    std::optional<stored<T>> value_;
};

template <>
class co_promise<void> final : public co_promise_base {
public:
    co_task<void> get_return_object() noexcept;
    void return_void() const noexcept {}
    void take() {
        if (error) std::rethrow_exception(std::move(error));
    }
};

/// Owns a coroutine's frame.
template <class T>
class co_frame {
public:
    using handle = std::coroutine_handle<co_promise<T>>;
    co_frame() noexcept = default;
    explicit co_frame(handle h) noexcept : handle_(h) {}
    co_frame(co_frame&& o) noexcept : handle_(std::exchange(o.handle_, nullptr)) {}
    co_frame& operator=(co_frame&& o) noexcept {
        std::swap(handle_, o.handle_);
        return *this;
    }
    ~co_frame() { reset(); }
    void reset() noexcept {
        if (handle_) release().destroy();
    }
    handle release() noexcept { return std::exchange(handle_, nullptr); }
    [[nodiscard]] handle get() const noexcept { return handle_; }
    explicit operator bool() const noexcept { return static_cast<bool>(handle_); }

private:
    handle handle_;
};

/// A coroutine awaited by another one.
template <class T>
class co_child_awaiter {
public:
    explicit co_child_awaiter(co_frame<T> frame) noexcept : frame_(std::move(frame)) {}
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> parent) noexcept {
        frame_.get().promise().continuation = parent;
        transfer_to(frame_.get());
    }
    T await_resume() { return frame_.get().promise().take(); }

private:
    co_frame<T> frame_;
};

/// The task's block: driver and future. Two references at birth: the handle's and the runtime's. The coroutine's frame belongs to
/// it until the first step, then to the coroutine, which gives it back with its end.
template <class T>
class co_block final : public co_driver, public future_state<T> {
public:
    co_block(runtime_core& runtime, task_options&& options, const void* site, co_frame<T> frame)
        : co_driver(runtime, std::move(options), site, frame.get()),
          future_state<T>(2) {
        frame.release();
    }
    ~co_block() override {
        if (!has_started()) destroy_coroutine();
        if (auto e = this->unseen_error()) report_unseen(std::move(e));
    }

    future_core& core() noexcept override { return *this; }
    bool cancel(std::string message) override { return task_base::cancel(std::move(message)); }
    task_base* as_task() noexcept override { return this; }
    [[nodiscard]] bool takes_waiters_cancel() const noexcept override { return true; }

private:
    void destroy() noexcept override { delete this; }

    bool starts() noexcept override {
        std::string message;
        if (!take_final_cancel(message)) return true;
        destroy_coroutine();
        this->complete_cancelled(std::move(message));
        leave();
        return false;
    }

    void coroutine_ended(co_promise_base& outermost) noexcept override {
        auto& promise = static_cast<co_promise<T>&>(outermost);
        co_frame<T> frame(std::coroutine_handle<co_promise<T>>::from_promise(promise));
        std::string message;
        try {
            if constexpr (std::is_void_v<T>) {
                promise.take();
                end_body(frame);
                if (!take_final_cancel(message)) this->complete_value();
            } else {
                decltype(auto) result = promise.take();
                end_body(frame);
                if (!take_final_cancel(message)) this->complete_value(std::forward<T>(result));
            }
            if (!this->done()) this->complete_cancelled(std::move(message));
        } catch (const cancelled_error& e) {
            end_body(frame);
            this->complete_cancelled(e.what());
        } catch (...) {
            end_body(frame);
            keep_reporter();
            this->complete_exception(std::current_exception());
        }
        leave();
    }

    /// What the body had goes before the result is there: who sees that sees it gone. As task_block.
    void end_body(co_frame<T>& frame) noexcept {
        frame.reset();
        end_greenlets();
        locals = {};
    }

    // The last of it.
    void leave() noexcept {
        if (observer != nullptr) observer->task_ended(*this);
        delist(*this);
        count_end(owner());
        this->drop_ref();
    }
};

template <class T>
task<T> start_co_task(runtime_core& runtime, task_options&& options, const void* site,
                      co_frame<T> frame) {
    if (!frame) throw invalid_state("weft: an empty co_task, or one that was started already");
    if (options.stack_size != 0)
        throw std::invalid_argument("weft: a co_task has no stack of its own, so no .stack_size");
    auto* block = new co_block<T>(runtime, std::move(options), site, std::move(frame));
    try {
        launch(*block);
    } catch (...) {
        block->future_core::drop_ref();
        block->future_core::drop_ref();
        throw;
    }
    return task<T>(core_ref<future_state<T>>::adopt(block));
}

} // namespace detail

/// A coroutine: nothing runs before it is awaited or made a task. Movable; one that never ran is destroyed without having
/// begun. A parked one costs its frame, and as a task of its own a block of some hundred bytes; no stack.
///
///     weft::co_task<int> twice(int x) { co_await weft::co::sleep_for(1s);  co_return 2 * x; }
///     int a = weft::await(twice(1));                        // from a fiber or a plain thread: runs here, as a call
///     auto t = weft::create_task(twice(2));                 // concurrently
///     weft::co_task<int> both() { co_return co_await twice(1) + co_await weft::create_task(twice(2)); }
///
/// In it may be awaited: futures and tasks, other co_tasks, what weft::co has, and any other awaitable. Ordinary functions that wait
/// work as well; the task keeps a stack while they do.
template <class T>
class [[nodiscard]] co_task {
public:
    using promise_type = detail::co_promise<T>;
    using value_type = T;
    co_task() noexcept = default;
    explicit co_task(detail::co_frame<T> frame) noexcept : frame_(std::move(frame)) {}

    /// Not empty, and not started?
    [[nodiscard]] bool valid() const noexcept { return static_cast<bool>(frame_); }

    /// For the library's own parts.
    [[nodiscard]] detail::co_frame<T> release() && noexcept { return std::move(frame_); }

private:
    detail::co_frame<T> frame_;
};

namespace detail {

template <class T>
co_task<T> co_promise<T>::get_return_object() noexcept {
    return co_task<T>(co_frame<T>(std::coroutine_handle<co_promise>::from_promise(*this)));
}
inline co_task<void> co_promise<void>::get_return_object() noexcept {
    return co_task<void>(co_frame<void>(std::coroutine_handle<co_promise>::from_promise(*this)));
}

template <class T>
auto awaiter_of(co_task<T>&& co) {
    co_frame<T> frame = std::move(co).release();
    if (!frame) throw invalid_state("weft: an empty co_task, or one that was started already");
    return co_child_awaiter<T>(std::move(frame));
}
template <class T>
auto awaiter_of(co_task<T>& co) {
    return awaiter_of(std::move(co));
}

} // namespace detail

/// Runs the coroutine here, as a call: the calling fiber or thread waits where it does. Its result or exception. Throws
/// invalid_state if it is empty or was awaited before. A cancel point where the coroutine waits.
template <class T>
T await(co_task<T>&& co) {
    detail::co_frame<T> frame = std::move(co).release();
    if (!frame) throw invalid_state("weft: an empty co_task, or one that was started already");
    const detail::nested_run keeps_its_stack;
    frame.get().promise().continuation = std::noop_coroutine();
    detail::run_chain(frame.get()); // to its end: every await in it is an ordinary wait
    return frame.get().promise().take();
}
template <class T>
T await(co_task<T>& co) {
    return await(std::move(co));
}

/// Runs the coroutine as a task of the running task's runtime. As create_task of a callable.
template <class T>
[[gnu::noinline]] task<T> create_task(co_task<T> co) {
    return detail::start_co_task(detail::current_runtime(), {}, __builtin_return_address(0),
                                 std::move(co).release());
}
template <class T>
[[gnu::noinline]] task<T> create_task(task_options options, co_task<T> co) {
    return detail::start_co_task(detail::current_runtime(), std::move(options),
                                 __builtin_return_address(0), std::move(co).release());
}

} // namespace weft
