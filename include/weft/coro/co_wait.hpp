// SPDX-License-Identifier: Apache-2.0
// One wait of a coroutine, without the type of what it waits for. Protocol: lib/coro/README.md.
#pragma once

#include <coroutine>
#include <cstddef>

#include <weft/coro/co_driver.hpp>
#include <weft/sync/channel.hpp>
#include <weft/sync/event.hpp>
#include <weft/sync/mutex.hpp>
#include <weft/sync/semaphore.hpp>

namespace weft::detail {

// They lie in awaiters, so in coroutines' frames, and are as small as can be: how far a wait has come is told by the waker in its
// node (co_waits.hpp). Each `begin` is an await_suspend: true, the stack is given away.

class co_future_wait {
public:
    bool begin(future_core& core, co_driver& driver, std::coroutine_handle<> h);
    /// The future is done, or throws.
    void end(future_core& core);

private:
    future_node node_;
};

class co_time_wait {
public:
    co_time_wait() noexcept;
    bool begin(deadline_ns until, co_driver& driver, std::coroutine_handle<> h);
    void end();

private:
    // A timer of room reactor, whose header is private, and its waker.
    alignas(void*) std::byte timer_[48];
};

/// In the line of a mutex, a semaphore or an event.
class co_line_wait {
public:
    /// `take(queue)` under the guard: true, it has taken what it wanted and published the new state. Else the state is `waiting`.
    using take_function = bool (*)(wait_queue& queue, wait_queue::state_type state);
    bool begin(wait_reason why, wait_queue& queue, wait_queue::state_type waiting,
               take_function take, co_driver& driver, std::coroutine_handle<> h);
    void end(wait_queue& queue);

private:
    wait_node node_;
};

class co_channel_wait {
public:
    bool begin_send(channel_core& c, const void* element, co_driver& driver,
                    std::coroutine_handle<> h);
    bool begin_receive(channel_core& c, void* element, co_driver& driver,
                       std::coroutine_handle<> h);
    /// Did it take place? False: the channel is closed.
    bool end(channel_core& c);

private:
    bool begin(channel_core& c, wait_list& (*line)(channel_core&), void* element, bool sends,
               co_driver& driver, std::coroutine_handle<> h);
    channel_core::node node_;
    wait_list* line_ = nullptr;
    channel_core::result result_ = channel_core::result::must_wait;
};

/// What the primitives of room sync are made of.
struct co_sync {
    static wait_queue& queue(mutex& m) noexcept { return m.queue_; }
    static wait_queue& queue(event& e) noexcept { return e.queue_; }
    template <std::ptrdiff_t Most>
    static wait_queue& queue(counting_semaphore<Most>& s) noexcept {
        return s.core_.queue_;
    }
    template <class T>
    static channel_core& core(channel<T>& c) noexcept {
        return c.core_;
    }
    static bool take_mutex(wait_queue& q, wait_queue::state_type state) noexcept;
    static bool take_permit(wait_queue& q, wait_queue::state_type state) noexcept;
    static bool see_event(wait_queue& q, wait_queue::state_type state) noexcept;
};

} // namespace weft::detail
