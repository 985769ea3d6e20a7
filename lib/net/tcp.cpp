// SPDX-License-Identifier: Apache-2.0
#include <weft/net/tcp.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "net/socket.hpp"

namespace weft::net {
namespace {

using detail::checked;
using detail::open_fd;
using weft::detail::deadline_after;
using weft::detail::deadline_ns;
using weft::detail::io_handle;
using weft::detail::k_never;
using weft::detail::operation_kind;

tcp_stream connect_until(const address& to, deadline_ns limit, bool no_delay) {
    const std::string what = "weft: can't connect to " + to.to_string();
    io_handle h = detail::open_socket(to.native()->sa_family, SOCK_STREAM, what);
    if (no_delay) detail::set_option(h.fd(), IPPROTO_TCP, TCP_NODELAY, 1);
    // The attempt begins before the socket is registered: epoll calls an idle one hung up.
    auto* native = const_cast<sockaddr*>(to.native());
    ssize_t n = detail::start_connect(h.fd(), native, to.native_size());
    if (n == -EINPROGRESS || n == -EINTR)
        n = h.get()->perform(operation_kind::connect, native, to.native_size(), limit);
    if (n < 0) detail::throw_io_error(n, what);
    return tcp_stream(std::move(h));
}

} // namespace

tcp_stream tcp_stream::connect(const address& to, const connect_options& options) {
    return connect_until(to, options.timeout ? deadline_after(*options.timeout) : k_never,
                         options.no_delay);
}

tcp_stream tcp_stream::connect(const std::string& host, std::uint16_t port,
                               const connect_options& options) {
    const deadline_ns limit = options.timeout ? deadline_after(*options.timeout) : k_never;
    const std::vector<address> all = resolve(host, port);
    if (all.size() == 1) return connect_until(all.front(), limit, options.no_delay);
    std::string tried;
    std::error_code last;
    for (const address& a : all) {
        try {
            return connect_until(a, limit, options.no_delay);
        } catch (const std::system_error& e) { // the next one
            last = e.code();
            tried += (tried.empty() ? "" : ", ") + a.to_string() + " (" + last.message() + ")";
        }
    }
    throw std::system_error(last, "weft: can't connect to " + host + ":" + std::to_string(port) +
                                      ", tried " + tried);
}

void tcp_stream::set_no_delay(bool on) {
    checked(
        detail::set_option(open_fd(handle(), "weft: set_no_delay"), IPPROTO_TCP, TCP_NODELAY, on),
        "weft: set_no_delay");
}

address tcp_stream::local_address() const {
    return detail::local_of(open_fd(handle(), "weft: local_address"));
}
address tcp_stream::peer_address() const {
    return detail::peer_of(open_fd(handle(), "weft: peer_address"));
}

tcp_stream tcp_stream::adopt(int fd) { return tcp_stream(detail::adopt_socket(fd)); }

tcp_listener tcp_listener::bind(const std::string& host, std::uint16_t port,
                                const listen_options& options) {
    const std::string what = "weft: can't listen on " + host + ":" + std::to_string(port);
    const auto a = address::parse(host == "localhost" ? "127.0.0.1" : host, port);
    if (!a) detail::throw_io_error(-EADDRNOTAVAIL, what + " (not a numeric address)");
    tcp_listener l;
    l.handle_ = detail::open_socket(a->native()->sa_family, SOCK_STREAM, what);
    const int fd = l.handle_.fd();
    detail::set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1); // accepted sockets inherit it
    if (options.reuse_address) detail::set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (options.reuse_port)
        checked(detail::set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1), what.c_str());
    if (::bind(fd, a->native(), a->native_size()) != 0 || ::listen(fd, options.backlog) != 0)
        detail::throw_io_error(-errno, what);
    l.address_ = detail::local_of(fd);
    return l;
}

} // namespace weft::net
