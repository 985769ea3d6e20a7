// SPDX-License-Identifier: Apache-2.0
#include "net/socket.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>

namespace weft::net::detail {

int send_all(const weft::detail::io_handle& h, const_buffer from, deadline_ns limit) {
    const char* at = static_cast<const char*>(from.data);
    std::size_t left = from.size;
    while (left > 0) {
        const ssize_t n = send_some(h, {at, left}, limit);
        if (n < 0) return static_cast<int>(n);
        at += n;
        left -= static_cast<std::size_t>(n);
    }
    return 0;
}

[[gnu::noinline]] int set_option(int fd, int level, int option, int value) noexcept {
    return setsockopt(fd, level, option, &value, sizeof value) == 0 ? 0 : -errno;
}

[[gnu::noinline]] int start_connect(int fd, const sockaddr* to, socklen_t size) noexcept {
    return ::connect(fd, to, size) == 0 ? 0 : -errno;
}

[[gnu::noinline]] weft::detail::io_handle open_socket(int family, int type,
                                                      const std::string& what) {
    const int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) throw_io_error(-errno, what);
    return weft::detail::io_handle(fd);
}

weft::detail::io_handle adopt_socket(int fd) {
    const int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        throw_io_error(-errno, "weft: adopt");
    return weft::detail::io_handle(fd);
}

address peer_of(int fd) noexcept {
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    if (getpeername(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return {};
    return {reinterpret_cast<const sockaddr*>(&storage), size};
}

address local_of(int fd) noexcept {
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    if (getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return {};
    return {reinterpret_cast<const sockaddr*>(&storage), size};
}

std::string name_of(const address& a) {
    if (a.empty() || a.native()->sa_family != AF_UNIX) return a.to_string();
    constexpr std::size_t k_before = offsetof(sockaddr_un, sun_path);
    const char* path = reinterpret_cast<const sockaddr_un*>(a.native())->sun_path;
    const std::size_t size = a.native_size() > k_before ? a.native_size() - k_before : 0;
    // One in the file system ends with a zero, one that is abstract begins with it.
    return size == 0 || path[0] == '\0' ? std::string(path, size)
                                        : std::string(path, strnlen(path, size));
}

} // namespace weft::net::detail
