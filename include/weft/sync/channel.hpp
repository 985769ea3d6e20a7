// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <iterator>
#include <optional>
#include <type_traits>
#include <utility>

#include <weft/base/error.hpp>
#include <weft/base/input_iterator.hpp>
#include <weft/sync/channel_core.hpp>
#include <weft/sync/channel_element.hpp>

namespace weft {

/// A pipe of values between tasks, plain threads, or both: Go's channel, closed without a panic.
///
/// Holds up to `capacity` values; with 0 a send ends when a receiver has the value. Values arrive in the order of their
/// sends; senders and receivers are served in the order of their arrival. After close, what is in the buffer is received
/// still; then every receive returns empty at once.
///
///     weft::channel<std::string> lines(64);
///     auto reader = weft::create_task([&] { for (std::string& line : lines) use(line); });
///     lines.send("one");
///     lines.close();
///
/// A cancelled send has sent nothing and its value stays where it was; a cancelled receive has taken nothing. A value that
/// was handed over before the cancel is returned; the cancel comes at the next wait.
///
/// Thread-safe. T is movable; its code never runs under the channel's lock. One that is larger than 128 bytes or not
/// trivially copyable travels in a block of its own (std::unique_ptr needs none).
template <class T>
class channel {
    static_assert(std::is_object_v<T> && !std::is_const_v<T> && std::is_move_constructible_v<T>,
                  "weft::channel<T>: T must be a movable object type");

public:
    using value_type = T;

    explicit channel(std::size_t capacity = 0) noexcept
        : core_(capacity, detail::incoming<T>::k_size) {}
    channel(const channel&) = delete;
    channel& operator=(const channel&) = delete;
    /// Nobody may wait any more. Values that nobody received are destroyed.
    ~channel() {
        detail::incoming<T> rest;
        while (core_.try_receive(rest.bytes()) == result::done) rest.drop();
    }

    /// Suspends while there is no room (capacity 0: no receiver). A cancel point where it waits, and every 1000th time
    /// anyway. Throws channel_closed if it is closed, also while it waits; cancelled_error; what copying throws.
    void send(const T& value) requires std::is_copy_constructible_v<T> {
        detail::outgoing<T> out(value);
        if (!core_.send(out.bytes())) throw channel_closed();
        out.sent();
    }
    /// The same; `value` is moved from only if it was sent.
    void send(T&& value) {
        detail::outgoing<T> out(std::move(value));
        bool sent = false;
        try {
            sent = core_.send(out.bytes());
        } catch (...) {
            out.give_back(value);
            throw;
        }
        if (!sent) {
            out.give_back(value);
            throw channel_closed();
        }
        out.sent();
    }

    /// Suspends while it is empty and open. Empty: it is closed, and nothing is left. A cancel point as send.
    /// Throws cancelled_error; what moving throws (then the value is lost).
    std::optional<T> recv() {
        detail::incoming<T> in;
        if (!core_.receive(in.bytes())) return std::nullopt;
        return in.take();
    }

    /// Never suspends. False: no room (capacity 0: no receiver waits), or closed.
    [[nodiscard]] bool try_send(const T& value) requires std::is_copy_constructible_v<T> {
        detail::outgoing<T> out(value);
        if (core_.try_send(out.bytes()) != result::done) return false;
        out.sent();
        return true;
    }
    /// The same; `value` is moved from only if it was sent.
    [[nodiscard]] bool try_send(T&& value) {
        detail::outgoing<T> out(std::move(value));
        if (core_.try_send(out.bytes()) != result::done) {
            out.give_back(value);
            return false;
        }
        out.sent();
        return true;
    }

    /// Never suspends. Empty: nothing is there now; `closed` tells whether something may still come.
    [[nodiscard]] std::optional<T> try_recv() {
        detail::incoming<T> in;
        if (core_.try_receive(in.bytes()) != result::done) return std::nullopt;
        return in.take();
    }

    /// Wakes all who wait: receivers find it closed, senders throw channel_closed and keep their value. Never suspends.
    /// Throws channel_closed if it was closed before.
    void close() {
        if (!core_.close()) throw channel_closed();
    }

    [[nodiscard]] bool closed() const noexcept { return core_.closed(); }
    /// How many values are in the buffer now; those of waiting senders do not count.
    [[nodiscard]] std::size_t size() const noexcept { return core_.size(); }
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }
    [[nodiscard]] std::size_t capacity() const noexcept { return core_.capacity(); }

    /// Receives; ends where the channel is closed and empty. An input iterator: the value is its own until it goes on.
    using iterator = detail::pull_iterator<channel, T, &channel::recv>;
    [[nodiscard]] iterator begin() { return iterator(*this); }
    [[nodiscard]] std::default_sentinel_t end() const noexcept { return std::default_sentinel; }

    /// For select.
    [[nodiscard]] detail::channel_core& core() noexcept { return core_; }

private:
    friend struct detail::sync_probe;
    friend struct detail::co_sync;
    using result = detail::channel_core::result;
    detail::channel_core core_;
};

} // namespace weft
