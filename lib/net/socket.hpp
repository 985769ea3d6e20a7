// SPDX-License-Identifier: Apache-2.0
// Socket calls that say their errors as values, for this room and for http.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <cerrno>
#include <string>

#include <weft/io/buffer.hpp>
#include <weft/io/io_handle.hpp>
#include <weft/net/address.hpp>

#include "io/descriptor.hpp"
#include "io/throw_error.hpp"

namespace weft::net::detail {

using weft::detail::deadline_ns;
using weft::detail::k_never;
using weft::detail::throw_io_error;

/// Bytes, or -errno as descriptor::perform; throws cancelled_error only.
inline ssize_t receive(const weft::detail::io_handle& h, mutable_buffer to,
                       deadline_ns limit = k_never) {
    if (!h) return -EBADF;
    if (to.size == 0) return 0;
    return h.get()->perform(weft::detail::operation_kind::receive, to.data, to.size, limit);
}
inline ssize_t send_some(const weft::detail::io_handle& h, const_buffer from,
                         deadline_ns limit = k_never) {
    if (!h) return -EBADF;
    if (from.size == 0) return 0;
    return h.get()->perform(weft::detail::operation_kind::send, const_cast<void*>(from.data),
                            from.size, limit);
}
/// Bytes, or -errno. `kind`: receive_message or send_message.
inline ssize_t perform_message(const weft::detail::io_handle& h, weft::detail::operation_kind kind,
                               msghdr& message, deadline_ns limit = k_never) {
    return h ? h.get()->perform(kind, &message, sizeof message, limit) : -EBADF;
}
/// All of it: 0, or -errno.
int send_all(const weft::detail::io_handle& h, const_buffer from, deadline_ns limit = k_never);
/// A descriptor, non-blocking and close-on-exec; or -errno.
inline int accept_one(const weft::detail::io_handle& h, deadline_ns limit = k_never) {
    return h ? static_cast<int>(
                   h.get()->perform(weft::detail::operation_kind::accept, nullptr, 0, limit))
             : -EBADF;
}
inline std::size_t checked(ssize_t n, const char* what) {
    if (n < 0) throw_io_error(n, what);
    return static_cast<std::size_t>(n);
}
inline int open_fd(const weft::detail::io_handle& h, const char* what) {
    const int fd = h.fd();
    if (fd < 0) throw_io_error(-EBADF, what);
    return fd;
}
// Noinline: a function that waits must not ask for errno twice, since the compiler may keep its address from before, when
// the task was on another thread. 0, or -errno.
int set_option(int fd, int level, int option, int value) noexcept;
int start_connect(int fd, const sockaddr* to, socklen_t size) noexcept;
/// A non-blocking socket of that family.
weft::detail::io_handle open_socket(int family, int type, const std::string& what);
/// Takes over a socket and makes it non-blocking.
weft::detail::io_handle adopt_socket(int fd);
address peer_of(int fd) noexcept;
address local_of(int fd) noexcept;
/// As address::to_string; of a Unix socket, its path.
std::string name_of(const address& a);

} // namespace weft::net::detail
