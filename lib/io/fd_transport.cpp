// SPDX-License-Identifier: Apache-2.0
#include <sys/socket.h>

#include <cerrno>

#include "io/descriptor.hpp"
#include "io/transport.hpp"

namespace weft::detail {

ssize_t fd_transport::receive(void* to, std::size_t size) {
    const auto what = kind_ == kind::socket ? operation_kind::receive : operation_kind::read;
    const ssize_t n = handle_.get()->perform(what, to, size);
    // acquire pairs with stop_receiving: the end that its shutdown makes is not taken for the peer's
    return n <= 0 && no_more_.load(std::memory_order_acquire) ? -ECANCELED : n;
}

ssize_t fd_transport::send(const void* from, std::size_t size) {
    return handle_.get()->perform(sending(), const_cast<void*>(from), size);
}

ssize_t fd_transport::try_send(const void* from, std::size_t size) noexcept {
    return handle_.get()->attempt(sending(), const_cast<void*>(from), size);
}

int fd_transport::shutdown_write() noexcept {
    if (kind_ == kind::pipe) {
        close();
        return 0;
    }
    const int fd = handle_.fd();
    if (fd < 0) return -ECANCELED;
    return shutdown(fd, SHUT_WR) == 0 ? 0 : -errno;
}

void fd_transport::stop_receiving() noexcept {
    no_more_.store(true, std::memory_order_release); // pairs with receive
    const int fd = handle_.fd();
    if (kind_ == kind::socket && fd >= 0) shutdown(fd, SHUT_RD);
}

} // namespace weft::detail
