// SPDX-License-Identifier: Apache-2.0
#include <weft/io/wait_fd.hpp>

#include <cerrno>
#include <system_error>

#include <weft/base/error.hpp>
#include <weft/sched/suspend.hpp>

#include "io/perform.hpp"
#include "io/registration.hpp"
#include "reactor/readiness.hpp"
#include "sched/scheduler.hpp"

namespace weft {
namespace detail {
namespace {

ssize_t wait_ready(int fd, operation_kind kind, deadline_ns limit) {
    operation_point();
    ssize_t n = try_operation(kind, fd, nullptr, 0);
    if (n != -EAGAIN) return n;
    if (fiber* me = current_fiber()) {
        scheduler& home = me->home();
        const fd_registration here(home, home.local_reactor(), fd);
        if (here.error() == EPERM) return 0; // a regular file
        if (here.error() != 0) return -here.error();
        return perform_on(here.slot(), home, kind, nullptr, 0, limit);
    }
    while ((n = try_operation(kind, fd, nullptr, 0)) == -EAGAIN)
        if (const int error = poll_once(fd, direction_of(kind), limit)) return error;
    return n;
}

void wait_or_throw(int fd, operation_kind kind, deadline_ns limit) {
    const ssize_t n = wait_ready(fd, kind, limit);
    if (n == -ETIME) throw timeout_error("weft: a wait for a descriptor timed out");
    if (n < 0)
        throw std::system_error(static_cast<int>(-n), std::generic_category(),
                                "weft: a wait for a descriptor");
}

} // namespace
} // namespace detail

void wait_readable(int fd) {
    detail::wait_or_throw(fd, detail::operation_kind::readable, detail::k_never);
}
void wait_readable(int fd, std::chrono::nanoseconds limit) {
    detail::wait_or_throw(fd, detail::operation_kind::readable, detail::deadline_after(limit));
}
void wait_writable(int fd) {
    detail::wait_or_throw(fd, detail::operation_kind::writable, detail::k_never);
}
void wait_writable(int fd, std::chrono::nanoseconds limit) {
    detail::wait_or_throw(fd, detail::operation_kind::writable, detail::deadline_after(limit));
}

} // namespace weft
