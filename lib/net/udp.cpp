// SPDX-License-Identifier: Apache-2.0
#include <weft/net/udp.hpp>

#include "net/socket.hpp"

namespace weft::net {
namespace {

using weft::detail::deadline_ns;
using weft::detail::io_handle;
using weft::detail::k_never;
using weft::detail::operation_kind;

io_handle open_for(const address& a, const udp_options& options, const std::string& what) {
    io_handle h = detail::open_socket(a.native()->sa_family, SOCK_DGRAM, what);
    const auto set = [&](bool on, int option) {
        if (on) detail::checked(detail::set_option(h.fd(), SOL_SOCKET, option, 1), what.c_str());
    };
    set(options.reuse_address, SO_REUSEADDR);
    set(options.reuse_port, SO_REUSEPORT);
    set(options.broadcast, SO_BROADCAST);
    return h;
}

void send_message(const io_handle& h, const_buffer from, const address* to) {
    iovec bytes{const_cast<void*>(from.data), from.size};
    msghdr m{};
    m.msg_iov = &bytes;
    m.msg_iovlen = 1;
    if (to != nullptr) {
        m.msg_name = const_cast<sockaddr*>(to->native());
        m.msg_namelen = to->native_size();
    }
    const ssize_t n = detail::perform_message(h, operation_kind::send_message, m);
    if (n < 0)
        detail::throw_io_error(n, to != nullptr ? "weft: can't send to " + to->to_string()
                                                : std::string("weft: send"));
}

datagram receive_message(const io_handle& h, mutable_buffer to, deadline_ns limit) {
    iovec bytes{to.data, to.size};
    sockaddr_storage from{};
    msghdr m{};
    m.msg_iov = &bytes;
    m.msg_iovlen = 1;
    m.msg_name = &from;
    m.msg_namelen = sizeof from;
    const std::size_t n = detail::checked(
        detail::perform_message(h, operation_kind::receive_message, m, limit), "weft: receive");
    return {n, address(reinterpret_cast<const sockaddr*>(&from), m.msg_namelen),
            (m.msg_flags & MSG_TRUNC) != 0};
}

} // namespace

udp_socket udp_socket::bind(const std::string& host, std::uint16_t port,
                            const udp_options& options) {
    const std::string what = "weft: can't bind to " + host + ":" + std::to_string(port);
    const auto a = address::parse(host == "localhost" ? "127.0.0.1" : host, port);
    if (!a) detail::throw_io_error(-EADDRNOTAVAIL, what + " (not a numeric address)");
    udp_socket s;
    s.handle_ = open_for(*a, options, what);
    if (::bind(s.handle_.fd(), a->native(), a->native_size()) != 0)
        detail::throw_io_error(-errno, what);
    return s;
}

udp_socket udp_socket::connect(const std::string& host, std::uint16_t port,
                               const udp_options& options) {
    const address to = resolve(host, port).front();
    const std::string what = "weft: can't connect to " + to.to_string();
    udp_socket s;
    s.handle_ = open_for(to, options, what);
    detail::checked(detail::start_connect(s.handle_.fd(), to.native(), to.native_size()),
                    what.c_str());
    return s;
}

void udp_socket::send_to(const_buffer from, const address& to) { send_message(handle_, from, &to); }
void udp_socket::send(const_buffer from) { send_message(handle_, from, nullptr); }

datagram udp_socket::receive_from(mutable_buffer to) {
    return receive_message(handle_, to, k_never);
}
datagram udp_socket::receive_from(mutable_buffer to, std::chrono::nanoseconds limit) {
    return receive_message(handle_, to, weft::detail::deadline_after(limit));
}

address udp_socket::local_address() const {
    return detail::local_of(detail::open_fd(handle_, "weft: local_address"));
}

} // namespace weft::net
