// SPDX-License-Identifier: Apache-2.0
#include "io/descriptor.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <mutex>

#include <weft/io/io_handle.hpp>
#include <weft/sched/suspend.hpp>

#include "base/assert.hpp"
#include "io/perform.hpp"
#include "reactor/readiness.hpp"
#include "sched/scheduler.hpp"

namespace weft::detail {
namespace {

constexpr unsigned k_operations_per_look =
    16; // each may move some 64 KiB: well under 100 us in all
constexpr unsigned k_waits_to_move = 16;
constexpr deadline_ns k_look_again = 50'000'000;

} // namespace

bool descriptor::enter() noexcept {
    std::uint32_t now = calls_.load(std::memory_order_relaxed);
    do {
        if ((now & k_closed) != 0) return false;
    } while (!calls_.compare_exchange_weak(now, now + 1, std::memory_order_relaxed));
    return true;
}

void descriptor::leave() noexcept {
    // acq_rel: what every call did comes before the release of the fd
    if (calls_.fetch_sub(1, std::memory_order_acq_rel) == (k_closed | 1)) release();
}

void descriptor::release() noexcept {
    if (io_slot* slot = slot_.load(std::memory_order_relaxed)) pool_->release(slot);
    ::close(fd_);
    // acq_rel pairs with drop: the one who comes second sees all that the first did
    if ((end_.fetch_or(k_released, std::memory_order_acq_rel) & k_dropped) != 0) delete this;
}

void descriptor::close() noexcept {
    const std::uint32_t before =
        calls_.fetch_or(k_closed, std::memory_order_acq_rel); // pairs with enter's CAS and leave
    if ((before & k_closed) != 0) return;
    if (before > 1) {
        {
            const std::lock_guard guard(attach_lock_);
            if (io_slot* slot = slot_.load(std::memory_order_relaxed)) pool_->close(*slot);
        }
        shutdown(fd_, SHUT_RDWR); // ends the poll(2) of a plain thread
    }
    leave();
}

void descriptor::drop() noexcept {
    close();
    if ((end_.fetch_or(k_dropped, std::memory_order_acq_rel) & k_released) != 0)
        delete this; // pairs with release
}

// A loop over one that is always ready must neither starve the others nor be deaf to cancel.
void descriptor::look_around() {
    operation_point();
    const unsigned n = looks_.load(std::memory_order_relaxed) + 1;
    looks_.store(n, std::memory_order_relaxed);
    if (n % k_operations_per_look != 0) return;
    throw_if_cancelled();
    if (others_wait()) yield_now();
}

io_slot* descriptor::attached_slot(scheduler& home, int& error) noexcept {
    // acquire pairs with attach_to: the slot behind the pool is seen
    if (owner_.load(std::memory_order_acquire) != home.slots().get()) [[unlikely]] {
        const std::lock_guard guard(attach_lock_);
        if (owner_.load(std::memory_order_relaxed) != home.slots().get() &&
            (error = attach_to(home)) != 0)
            return nullptr;
    }
    io_slot* slot = slot_.load(std::memory_order_relaxed);
    if (slot->waits_elsewhere.load(std::memory_order_relaxed) >= k_waits_to_move) [[unlikely]]
        follow(*slot, home);
    return slot;
}

// Under attach_lock_. The first task's call registers the descriptor; so does the first one in another runtime.
int descriptor::attach_to(scheduler& home) noexcept {
    if ((calls_.load(std::memory_order_relaxed) & k_closed) != 0) return EBADF;
    if (io_slot* old = slot_.load(std::memory_order_relaxed)) {
        if (calls_.load(std::memory_order_relaxed) > 2)
            return EBUSY; // another runtime is using it this moment
        pool_->release(old);
        slot_.store(nullptr, std::memory_order_relaxed);
        owner_.store(nullptr, std::memory_order_relaxed);
    }
    io_slot* slot = nullptr;
    try {
        slot = home.slots()->take(fd_);
    } catch (const std::bad_alloc&) { return ENOMEM; }
    reactor& local = home.local_reactor();
    slot->home.store(&local, std::memory_order_relaxed);
    if (const std::error_code e = local.kernel().attach(*slot)) {
        home.slots()->put(slot);
        return e.value();
    }
    pool_ = home.slots();
    slot_.store(slot, std::memory_order_relaxed);
    owner_.store(pool_.get(), std::memory_order_release); // pairs with attached_slot
    return 0;
}

// The worker whose reactor watches this is not the one that keeps waiting on it: the next reactor finds the events where
// they are wanted. Registering reports the present state as an edge, so none is lost in between.
void descriptor::follow(io_slot& slot, scheduler& home) noexcept {
    const std::lock_guard guard(attach_lock_);
    slot.waits_elsewhere.store(0, std::memory_order_relaxed);
    reactor* before = slot.home.load(std::memory_order_relaxed);
    reactor* local = &home.local_reactor();
    if (before == local || (calls_.load(std::memory_order_relaxed) & k_closed) != 0) return;
    if (calls_.load(std::memory_order_relaxed) > 2)
        return; // the other direction is in use: another time
    before->kernel().detach(slot);
    slot.home.store(local, std::memory_order_relaxed);
    if (!local->kernel().attach(slot)) return;
    slot.home.store(before, std::memory_order_relaxed);
    if (before->kernel().attach(slot))
        before->kernel().close(slot); // no memory in the kernel: it can't be waited for
}

ssize_t descriptor::perform(operation_kind kind, void* buffer, std::size_t size,
                            deadline_ns limit) {
    look_around();
    const call in(*this);
    if (!in) return -EBADF;
    fiber* me = current_fiber();
    if (me == nullptr) return perform_blocking(kind, buffer, size, limit);
    int error = 0;
    io_slot* slot = attached_slot(me->home(), error);
    if (slot == nullptr) return -error;
    const ssize_t n = perform_on(*slot, me->home(), kind, buffer, size, limit);
    // Asked after close has shut it down, the kernel says that the peer has ended: it has not.
    return n <= 0 && fd() < 0 ? -ECANCELED : n;
}

ssize_t descriptor::attempt(operation_kind kind, void* buffer, std::size_t size) noexcept {
    const call in(*this);
    if (!in) return -EBADF;
    const ssize_t n = try_operation(kind, fd_, buffer, size);
    return n <= 0 && fd() < 0 ? -ECANCELED : n;
}

ssize_t descriptor::perform_blocking(operation_kind kind, void* buffer, std::size_t size,
                                     deadline_ns limit) noexcept {
    for (;;) {
        const ssize_t n = try_operation(kind, fd_, buffer, size);
        if (fd() < 0 && n <= 0) return -ECANCELED;
        if (n != -EAGAIN) return n;
        // close can't shut down what is no socket: its threads look now and then.
        const deadline_ns until =
            is_of_sockets(kind) ? limit
                                : std::min(limit, time_source::monotonic_now() + k_look_again);
        const int error = poll_once(fd_, direction_of(kind), until);
        if (error != 0 && !(error == -ETIME && until < limit)) return error;
    }
}

// ---- the handle -----------------------------------------------------------------------------------------------------

io_handle::io_handle(int fd) {
    try {
        descriptor_ = new descriptor(fd);
    } catch (...) {
        ::close(fd);
        throw;
    }
}

int io_handle::fd() const noexcept { return descriptor_ != nullptr ? descriptor_->fd() : -1; }

void io_handle::close() const noexcept {
    if (descriptor_ != nullptr) descriptor_->close();
}

void io_handle::drop() noexcept { std::exchange(descriptor_, nullptr)->drop(); }

} // namespace weft::detail
