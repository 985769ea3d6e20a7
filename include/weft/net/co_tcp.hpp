// SPDX-License-Identifier: Apache-2.0
// TCP connections in coroutines: waits that keep no stack.
#pragma once

#include <coroutine>
#include <cstddef>

#include <weft/coro/co_task.hpp>
#include <weft/net/tcp.hpp>

namespace weft {
namespace net::detail {

/// One operation of a coroutine on a socket; lies in the awaiter, so in the coroutine's frame. Protocol: lib/coro/README.md.
class co_socket_wait : public weft::detail::co_turns {
public:
    enum class action : unsigned char { receive, send, send_all, accept, connect };

    co_socket_wait(const weft::detail::io_handle& on, action what, void* data, std::size_t size,
                   weft::detail::deadline_ns limit) noexcept
        : handle_(on),
          data_(data),
          size_(size),
          limit_(limit),
          action_(what) {}
    co_socket_wait(const co_socket_wait&) = delete;
    co_socket_wait& operator=(const co_socket_wait&) = delete;

    [[nodiscard]] bool await_ready();
    [[gnu::noinline]] bool await_suspend(std::coroutine_handle<> h);

protected:
    ~co_socket_wait() = default;
    /// Bytes, a descriptor or 0; or -errno. Throws cancelled_error.
    std::ptrdiff_t end();
    /// The same; throws what the error stands for.
    std::size_t checked_end(const char* what);

private:
    struct attempt;
    [[nodiscard]] attempt& under_way() noexcept;
    bool waits_again(weft::detail::co_driver& driver) noexcept override;
    std::ptrdiff_t perform_with_stack();

    const weft::detail::io_handle& handle_;
    void* const data_;
    const std::size_t size_; // bytes, or of an address
    const weft::detail::deadline_ns limit_;
    std::ptrdiff_t result_ = 0;
    const action action_;
    bool started_ = false; // attempt_ is there
    bool cancelled_ = false;
    alignas(void*) std::byte attempt_[160]; // made of what rooms io and reactor keep private
};

class co_receive final : public co_socket_wait {
public:
    using co_socket_wait::co_socket_wait;
    std::size_t await_resume() { return checked_end("weft: read"); }
};
class co_send final : public co_socket_wait {
public:
    using co_socket_wait::co_socket_wait;
    std::size_t await_resume() { return checked_end("weft: write"); }
};
class co_send_all final : public co_socket_wait {
public:
    using co_socket_wait::co_socket_wait;
    void await_resume() { checked_end("weft: write"); }
};
class co_accept final : public co_socket_wait {
public:
    using co_socket_wait::co_socket_wait;
    tcp_stream await_resume() {
        return tcp_stream(weft::detail::io_handle(static_cast<int>(checked_end("weft: accept"))));
    }
};

/// What the functions below give; the operation itself is made in the frame of who awaits it.
template <class Wait>
auto co_operation(const weft::detail::io_handle& on, co_socket_wait::action what,
                  const void* data = nullptr, std::size_t size = 0,
                  weft::detail::deadline_ns limit = weft::detail::k_never) {
    using weft::detail::deadline_ns;
    using weft::detail::io_handle;
    return weft::detail::co_request<Wait, const io_handle&, co_socket_wait::action, void*,
                                    std::size_t, deadline_ns>(on, what, const_cast<void*>(data),
                                                              size, limit);
}

} // namespace net::detail

/// Operations on sockets in a coroutine: each does, throws and can be cancelled as the member of that name. To be awaited at once;
/// the stream and the buffer must live until then. While it waits the task keeps no stack. A call of the member itself works as
/// well, and keeps one.
///
///     weft::co_task<void> echo(weft::net::tcp_stream s) {
///         char buffer[512];
///         while (auto n = co_await weft::co::read_some(s, buffer)) co_await weft::co::write_all(s, {buffer, n});
///     }
namespace co {

/// At least one byte, at most the buffer; 0: the peer has ended, or the buffer is empty.
[[nodiscard]] inline auto read_some(net::tcp_stream& from, net::mutable_buffer to) {
    using namespace net::detail;
    return co_operation<co_receive>(from.handle(), co_socket_wait::action::receive, to.data,
                                    to.size);
}
/// With a limit: then timeout_error. So below.
[[nodiscard]] inline auto read_some(net::tcp_stream& from, net::mutable_buffer to,
                                    std::chrono::nanoseconds limit) {
    using namespace net::detail;
    return co_operation<co_receive>(from.handle(), co_socket_wait::action::receive, to.data,
                                    to.size, weft::detail::deadline_after(limit));
}
/// At least one byte of a buffer that is not empty.
[[nodiscard]] inline auto write_some(net::tcp_stream& to, net::const_buffer from) {
    using namespace net::detail;
    return co_operation<co_send>(to.handle(), co_socket_wait::action::send, from.data, from.size);
}
[[nodiscard]] inline auto write_some(net::tcp_stream& to, net::const_buffer from,
                                     std::chrono::nanoseconds limit) {
    using namespace net::detail;
    return co_operation<co_send>(to.handle(), co_socket_wait::action::send, from.data, from.size,
                                 weft::detail::deadline_after(limit));
}
/// Everything; the limit is for all of it. After an exception nobody knows how much was sent.
[[nodiscard]] inline auto write_all(net::tcp_stream& to, net::const_buffer from) {
    using namespace net::detail;
    return co_operation<co_send_all>(to.handle(), co_socket_wait::action::send_all, from.data,
                                     from.size);
}
[[nodiscard]] inline auto write_all(net::tcp_stream& to, net::const_buffer from,
                                    std::chrono::nanoseconds limit) {
    using namespace net::detail;
    return co_operation<co_send_all>(to.handle(), co_socket_wait::action::send_all, from.data,
                                     from.size, weft::detail::deadline_after(limit));
}
/// The next connection, with TCP_NODELAY.
[[nodiscard]] inline auto accept(net::tcp_listener& at) {
    using namespace net::detail;
    return co_operation<co_accept>(at.handle(), co_socket_wait::action::accept);
}
[[nodiscard]] inline auto accept(net::tcp_listener& at, std::chrono::nanoseconds limit) {
    using namespace net::detail;
    return co_operation<co_accept>(at.handle(), co_socket_wait::action::accept, nullptr, 0,
                                   weft::detail::deadline_after(limit));
}
/// As tcp_stream::connect. The look-up of a name keeps a stack; the attempts do not.
co_task<net::tcp_stream> connect(net::address to, net::connect_options options = {});
co_task<net::tcp_stream> connect(std::string host, std::uint16_t port,
                                 net::connect_options options = {});

} // namespace co
} // namespace weft
