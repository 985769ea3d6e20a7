// SPDX-License-Identifier: Apache-2.0
#include "process/wire.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace weft::detail {
namespace {

constexpr std::size_t k_most_fds = 2;
union control_space {
    cmsghdr header;
    char bytes[CMSG_SPACE(k_most_fds * sizeof(int))];
};

} // namespace

int send_message(int socket, std::span<const iovec> parts, std::span<const int> fds,
                 bool wait) noexcept {
    msghdr m{};
    m.msg_iov = const_cast<iovec*>(parts.data()); // NOLINT: sendmsg does not write
    m.msg_iovlen = parts.size();
    control_space space{};
    if (!fds.empty()) {
        m.msg_control = space.bytes;
        m.msg_controllen = CMSG_SPACE(fds.size_bytes());
        cmsghdr* c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(fds.size_bytes());
        std::memcpy(CMSG_DATA(c), fds.data(), fds.size_bytes());
    }
    for (;;) {
        if (sendmsg(socket, &m, MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT)) >= 0) return 0;
        if (errno != EINTR) return errno;
    }
}

received receive_message(int socket, std::span<std::byte> into, bool wait) noexcept {
    iovec part{into.data(), into.size()};
    control_space space{};
    msghdr m{};
    m.msg_iov = &part;
    m.msg_iovlen = 1;
    m.msg_control = space.bytes;
    m.msg_controllen = sizeof space.bytes;
    received r;
    do {
        r.size = recvmsg(socket, &m, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
    } while (r.size < 0 && errno == EINTR);
    if (r.size < 0) {
        r.size = -errno;
        return r;
    }
    for (cmsghdr* c = CMSG_FIRSTHDR(&m); c != nullptr; c = CMSG_NXTHDR(&m, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
        const std::size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count && i < k_most_fds; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof fd);
            r.fds[i] = unique_fd(fd);
        }
    }
    return r;
}

} // namespace weft::detail
