// SPDX-License-Identifier: Apache-2.0
#include <weft/io/wait_fd.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include <weft/base/error.hpp>
#include <weft/sched/suspend.hpp>

#include "io/perform.hpp"
#include "reactor/readiness.hpp"
#include "sched/scheduler.hpp"

namespace weft {
namespace detail {
namespace {

/// A descriptor registered for one wait.
class one_wait {
public:
    one_wait(int fd, scheduler& home) : home_(home), slot_(home.slots()->take(fd)) {
        reactor& local = home.local_reactor();
        slot_->home.store(&local, std::memory_order_relaxed);
        error_ = local.kernel().attach(*slot_).value();
        if (error_ == EEXIST) { // another task waits for it, or it is one of our own sockets
            twin_ = slot_->fd = duplicate(fd);
            error_ = twin_ < 0 ? EMFILE : local.kernel().attach(*slot_).value();
        }
    }
    ~one_wait() {
        if (error_ == 0)
            home_.slots()->release(slot_);
        else
            home_.slots()->put(slot_);
        if (twin_ >= 0) ::close(twin_);
    }
    one_wait(const one_wait&) = delete;
    one_wait& operator=(const one_wait&) = delete;

    ssize_t perform(operation_kind kind, deadline_ns limit) {
        if (error_ == EPERM) return 0; // a regular file
        return error_ != 0 ? -error_ : perform_on(*slot_, home_, kind, nullptr, 0, limit);
    }

private:
    static int duplicate(int fd) noexcept { return fcntl(fd, F_DUPFD_CLOEXEC, 0); }

    scheduler& home_;
    io_slot* const slot_;
    int error_ = 0;
    int twin_ = -1;
};

ssize_t wait_ready(int fd, operation_kind kind, deadline_ns limit) {
    operation_point();
    ssize_t n = try_operation(kind, fd, nullptr, 0);
    if (n != -EAGAIN) return n;
    if (fiber* me = current_fiber()) return one_wait(fd, me->home()).perform(kind, limit);
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
