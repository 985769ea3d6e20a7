// SPDX-License-Identifier: Apache-2.0
#include "reactor/readiness.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace weft::detail {
namespace {

unsigned complete_if_any(operation* op, ssize_t result) noexcept {
    return op != nullptr ? complete(*op, result) : 0;
}

int state_of(int fd, short events) noexcept {
    pollfd p{fd, events, 0};
    const int n = poll(&p, 1, 0);
    if (n == 0) errno = EAGAIN;
    if (n > 0 && (p.revents & POLLNVAL) != 0) errno = EBADF;
    return n > 0 && (p.revents & POLLNVAL) == 0 ? 0 : -1;
}

// MSG_NOSIGNAL is for sockets alone: a write to a pipe that nobody reads raises SIGPIPE in this thread, which is taken back
// here, unless one was pending before.
ssize_t write_without_signal(int fd, const void* buffer, std::size_t size) noexcept {
    sigset_t pipe_signal, before, pending;
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
    sigemptyset(&pending);
    if (sigismember(&before, SIGPIPE) == 1) sigpending(&pending);
    const ssize_t n = write(fd, buffer, size);
    const int error = errno;
    if (n < 0 && error == EPIPE && sigismember(&pending, SIGPIPE) == 0) {
        constexpr timespec k_now{};
        while (sigtimedwait(&pipe_signal, nullptr, &k_now) < 0 && errno == EINTR) {}
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    errno = error;
    return n;
}

} // namespace

ssize_t try_operation(operation_kind kind, int fd, void* buffer, std::size_t size) noexcept {
    ssize_t n = 0;
    do {
        switch (kind) {
        case operation_kind::receive: n = recv(fd, buffer, size, MSG_DONTWAIT); break;
        case operation_kind::send: n = send(fd, buffer, size, MSG_DONTWAIT | MSG_NOSIGNAL); break;
        case operation_kind::receive_message:
            n = recvmsg(fd, static_cast<msghdr*>(buffer), MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
            break;
        case operation_kind::send_message:
            n = sendmsg(fd, static_cast<msghdr*>(buffer), MSG_DONTWAIT | MSG_NOSIGNAL);
            break;
        case operation_kind::read: n = read(fd, buffer, size); break;
        case operation_kind::write: n = write_without_signal(fd, buffer, size); break;
        case operation_kind::accept:
            n = accept4(fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
            break;
        case operation_kind::connect:
            n = connect(fd, static_cast<const sockaddr*>(buffer), static_cast<socklen_t>(size));
            // Asked again after EINPROGRESS, the kernel says EISCONN or the error of the attempt.
            if (n != 0 && errno == EISCONN) n = 0;
            if (n != 0 && (errno == EINPROGRESS || errno == EALREADY)) errno = EAGAIN;
            break;
        case operation_kind::readable: n = state_of(fd, POLLIN | POLLRDHUP); break;
        case operation_kind::writable: n = state_of(fd, POLLOUT); break;
        }
    } while (n < 0 && errno == EINTR);
    return n >= 0 ? n : -errno;
}

bool submit_by_readiness(operation& op, bool (*begin)(operation&, void*), void* context) noexcept {
    io_slot& slot = *op.slot;
    basic_readiness<operation>::habits habit;
    habit.short_is_empty = op.kind == operation_kind::receive || op.kind == operation_kind::read;
    habit.tries_first = op.kind == operation_kind::send ||
                        op.kind == operation_kind::send_message || op.kind == operation_kind::write;
    habit.leaves_more =
        op.kind == operation_kind::accept || op.kind == operation_kind::receive_message;
    return slot.direction(direction_of(op.kind))
        .submit(
            op, habit, slot.hung_up,
            [&] { return try_operation(op.kind, slot.fd, op.buffer, op.size); },
            [&] { return begin(op, context); });
}

bool retract_by_readiness(operation& op) noexcept {
    return op.slot->direction(direction_of(op.kind)).retract(op);
}

unsigned mark_ready(io_slot& slot, io_direction direction) noexcept {
    return complete_if_any(slot.direction(direction).mark_ready(), -EAGAIN);
}

void mark_closed(io_slot& slot) noexcept {
    for (auto& direction : slot.directions) complete_if_any(direction.mark_closed(), -ECANCELED);
}

} // namespace weft::detail
