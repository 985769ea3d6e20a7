// SPDX-License-Identifier: Apache-2.0
#include "net/accept.hpp"

#include <cerrno>

#include "net/socket.hpp"

namespace weft::net::detail {
namespace {

// What went wrong with the connection since it came (accept(2), "Error handling").
bool is_of_one_client(int error) noexcept {
    switch (error) {
    case ECONNABORTED:
    case EPROTO:
    case EPERM:
    case ENOPROTOOPT:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case EOPNOTSUPP: return true;
    default: return false;
    }
}

} // namespace

bool lacks_room(int minus_error) noexcept {
    const int e = -minus_error;
    return e == EMFILE || e == ENFILE || e == ENOBUFS || e == ENOMEM;
}

int accept_client(const weft::detail::io_handle& listener) {
    for (;;) {
        const int fd = accept_one(listener);
        if (fd >= 0 || lacks_room(fd) || fd == -ECANCELED || fd == -EBADF) return fd;
        if (!is_of_one_client(-fd)) throw_io_error(fd, "weft: accept");
    }
}

} // namespace weft::net::detail
