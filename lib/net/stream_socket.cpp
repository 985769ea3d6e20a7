// SPDX-License-Identifier: Apache-2.0
#include <weft/net/stream_socket.hpp>

#include <sys/socket.h>

#include "net/socket.hpp"

namespace weft::net {

using detail::checked;
using weft::detail::deadline_after;
using weft::detail::operation_kind;

std::size_t stream_socket::read_some(mutable_buffer to) {
    return checked(detail::receive(handle_, to), "weft: read");
}
std::size_t stream_socket::read_some(mutable_buffer to, std::chrono::nanoseconds limit) {
    return checked(detail::receive(handle_, to, deadline_after(limit)), "weft: read");
}

std::size_t stream_socket::write_some(const_buffer from) {
    return checked(detail::send_some(handle_, from), "weft: write");
}
std::size_t stream_socket::write_some(const_buffer from, std::chrono::nanoseconds limit) {
    return checked(detail::send_some(handle_, from, deadline_after(limit)), "weft: write");
}

void stream_socket::write_all(const_buffer from) {
    checked(detail::send_all(handle_, from), "weft: write");
}
void stream_socket::write_all(const_buffer from, std::chrono::nanoseconds limit) {
    checked(detail::send_all(handle_, from, deadline_after(limit)), "weft: write");
}

void stream_socket::shutdown_write() {
    if (::shutdown(detail::open_fd(handle_, "weft: shutdown"), SHUT_WR) != 0)
        detail::throw_io_error(-errno, "weft: shutdown");
}

namespace {

msghdr message_of(const detail::asio_slices& slices) noexcept {
    msghdr m{};
    m.msg_iov = const_cast<iovec*>(slices.data());
    m.msg_iovlen = slices.size();
    return m;
}

} // namespace

std::ptrdiff_t stream_socket::receive_into(const detail::asio_slices& to) {
    msghdr m = message_of(to);
    return detail::perform_message(handle_, operation_kind::receive_message, m);
}
std::ptrdiff_t stream_socket::send_from(const detail::asio_slices& from) {
    msghdr m = message_of(from);
    return detail::perform_message(handle_, operation_kind::send_message, m);
}

weft::detail::io_handle socket_listener::accept_handle() {
    return weft::detail::io_handle(
        static_cast<int>(checked(detail::accept_one(handle_), "weft: accept")));
}
weft::detail::io_handle socket_listener::accept_handle(std::chrono::nanoseconds limit) {
    return weft::detail::io_handle(static_cast<int>(
        checked(detail::accept_one(handle_, deadline_after(limit)), "weft: accept")));
}

namespace detail {

std::size_t checked_asio(std::ptrdiff_t n, const char* what) { return checked(n, what); }

} // namespace detail

} // namespace weft::net
