// SPDX-License-Identifier: Apache-2.0
#include "reactor/readiness.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "base/assert.hpp"

namespace weft::detail {
namespace {

// The operation left its word by our exchange: it is ours to complete. Exactly one of the completer and the waiter's
// retract gets it; the waiter who lost that race waits for let_go, so op is alive until one of the two lines below.
unsigned complete(operation& op, ssize_t result) noexcept {
    op.result = result;
    if (op.who.wake()) return 1; // from here on op may be gone
    op.let_go.store(true, std::memory_order_release); // pairs with the acquire of whoever waits for it
    return 0;
}

unsigned set_mark(io_slot& slot, io_direction d, std::uintptr_t mark, ssize_t result) noexcept {
    // acq_rel: acquire sees the waiting operation, release shows what the mark means; pairs with submit's CAS
    std::uintptr_t before = slot.word(d).load(std::memory_order_relaxed);
    do {
        if (before == io_slot::k_closed) return 0;
    } while (!slot.word(d).compare_exchange_weak(before, mark, std::memory_order_acq_rel, std::memory_order_relaxed));
    return before > io_slot::k_last_mark ? complete(*reinterpret_cast<operation*>(before), result) : 0;
}

ssize_t ask_kernel(operation& op) noexcept { return try_operation(op.kind, op.slot->fd, op.buffer, op.size); }

int state_of(int fd, short events) noexcept {
    pollfd p{fd, events, 0};
    const int n = poll(&p, 1, 0);
    if (n == 0) errno = EAGAIN;
    return n > 0 ? 0 : -1;
}

} // namespace

ssize_t try_operation(operation_kind kind, int fd, void* buffer, std::size_t size) noexcept {
    ssize_t n = 0;
    do {
        switch (kind) {
        case operation_kind::receive: n = recv(fd, buffer, size, MSG_DONTWAIT); break;
        case operation_kind::send: n = send(fd, buffer, size, MSG_DONTWAIT | MSG_NOSIGNAL); break;
        case operation_kind::accept: n = accept4(fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC); break;
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
    std::atomic<std::uintptr_t>& word = slot.word(direction_of(op.kind));
    const bool reads = op.kind == operation_kind::receive;
    for (;;) {
        std::uintptr_t seen = word.load(std::memory_order_acquire); // pairs with set_mark
        if (seen == io_slot::k_closed) return op.result = -ECANCELED, true;
        if (seen > io_slot::k_last_mark) return op.result = -EBUSY, true; // one at a time per direction
        const bool known_empty = seen == io_slot::k_unknown && reads && !slot.hung_up.load(std::memory_order_relaxed);
        if (!known_empty) {
            // The mark is used up BEFORE the kernel is asked: an edge that comes in between sets it again.
            if (seen == io_slot::k_ready && op.kind != operation_kind::send &&
                !word.compare_exchange_strong(seen, io_slot::k_unknown, std::memory_order_acq_rel))
                continue;
            const ssize_t n = ask_kernel(op);
            if (n != -EAGAIN) {
                // As much as asked for, or an accepted connection: there may be more, and no new edge will say so.
                const bool maybe_more = op.kind == operation_kind::accept || n == static_cast<ssize_t>(op.size);
                std::uintptr_t unknown = io_slot::k_unknown;
                if (maybe_more && op.kind != operation_kind::send)
                    word.compare_exchange_strong(unknown, io_slot::k_ready, std::memory_order_acq_rel);
                return op.result = n, true;
            }
            if (op.kind == operation_kind::send && seen == io_slot::k_ready) {
                word.compare_exchange_strong(seen, io_slot::k_unknown, std::memory_order_acq_rel);
                continue; // an edge may have come between the two: ask once more with the mark used up
            }
            if (slot.hung_up.load(std::memory_order_relaxed) && seen == io_slot::k_ready) continue;
        }
        if (op.who.who == nullptr && !begin(op, context)) return op.result = -ECANCELED, true;
        std::uintptr_t unknown = io_slot::k_unknown;
        // release shows the operation to set_mark's acquire
        if (word.compare_exchange_strong(unknown, reinterpret_cast<std::uintptr_t>(&op), std::memory_order_acq_rel))
            return false;
        // An edge or close came first. The wait has begun; the caller ends it itself when it sees the result.
    }
}

bool retract_by_readiness(operation& op) noexcept {
    auto self = reinterpret_cast<std::uintptr_t>(&op);
    return op.slot->word(direction_of(op.kind))
        .compare_exchange_strong(self, io_slot::k_unknown, std::memory_order_acq_rel);
}

unsigned mark_ready(io_slot& slot, io_direction direction) noexcept {
    return set_mark(slot, direction, io_slot::k_ready, -EAGAIN);
}

void mark_closed(io_slot& slot) noexcept {
    set_mark(slot, io_direction::read, io_slot::k_closed, -ECANCELED);
    set_mark(slot, io_direction::write, io_slot::k_closed, -ECANCELED);
}

} // namespace weft::detail
