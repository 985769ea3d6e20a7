// SPDX-License-Identifier: Apache-2.0
// Socket calls that say their errors as values, for this room and for http.
#pragma once

#include <sys/types.h>

#include <cerrno>
#include <string>

#include <weft/io/io_handle.hpp>
#include <weft/net/address.hpp>
#include <weft/net/buffer.hpp>

#include "io/descriptor.hpp"

namespace weft::net::detail {

using weft::detail::deadline_ns;
using weft::detail::k_never;

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
/// All of it: 0, or -errno.
int send_all(const weft::detail::io_handle& h, const_buffer from, deadline_ns limit = k_never);
/// A descriptor, non-blocking and close-on-exec; or -errno.
inline int accept_one(const weft::detail::io_handle& h, deadline_ns limit = k_never) {
    return h ? static_cast<int>(
                   h.get()->perform(weft::detail::operation_kind::accept, nullptr, 0, limit))
             : -EBADF;
}
// Noinline: a function that waits must not ask for errno twice, since the compiler may keep its address from before, when
// the task was on another thread. 0, or -errno.
int set_option(int fd, int level, int option, int value) noexcept;
int start_connect(int fd, const sockaddr* to, socklen_t size) noexcept;
/// A non-blocking socket of that family.
weft::detail::io_handle open_socket(int family, int type, const std::string& what);
address peer_of(int fd) noexcept;
address local_of(int fd) noexcept;

/// Throws timeout_error for -ETIME, else std::system_error.
[[noreturn]] void throw_io_error(ssize_t minus_error, const std::string& what);

} // namespace weft::net::detail
