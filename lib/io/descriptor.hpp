// SPDX-License-Identifier: Apache-2.0
// A descriptor that tasks and plain threads wait on. Protocol: README.md.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <memory>

#include <weft/base/clock.hpp>
#include <weft/base/spin_lock.hpp>

#include "reactor/operation.hpp"

namespace weft::detail {

class scheduler;
class slot_pool;

/// An open, non-blocking descriptor with its place in a reactor.
///
/// | field        | written by                                                                           |
/// |--------------|--------------------------------------------------------------------------------------|
/// | calls_       | everybody: calls in flight, plus one until closed; the one who ends the last closes   |
/// | slot_, pool_ | under attach_lock_: the first call of a task, or one that moves to another reactor    |
/// | looks_       | any call, by guess: it only has to count roughly                                      |
class descriptor {
public:
    /// Takes over fd, which is non-blocking.
    explicit descriptor(int fd) noexcept : fd_(fd) {}
    descriptor(const descriptor&) = delete;
    descriptor& operator=(const descriptor&) = delete;

    /// Does it, waiting as long as need be until the deadline: bytes, a descriptor or 0; or -errno. -ETIME: the deadline has
    /// passed. -ECANCELED: closed meanwhile. -EBADF: closed before. -EBUSY: somebody waits in that direction already.
    /// Suspends a task, blocks a plain thread. Throws cancelled_error, never after the operation took effect.
    ssize_t perform(operation_kind kind, void* buffer, std::size_t size,
                    deadline_ns limit = k_never);

    // ---- for waits that are no calls: a coroutine's (room net)
    /// A call in flight: the fd stays open until its end.
    class call {
    public:
        explicit call(descriptor& d) noexcept : descriptor_(d), entered_(d.enter()) {}
        ~call() {
            if (entered_) descriptor_.leave();
        }
        call(const call&) = delete;
        call& operator=(const call&) = delete;
        explicit operator bool() const noexcept { return entered_; }

    private:
        descriptor& descriptor_;
        const bool entered_;
    };
    /// Before an operation: now and then a cancel point, where the others may run.
    void look_around();
    /// The slot in a reactor of that scheduler, in a call; null: `error` is an errno.
    io_slot* attached_slot(scheduler& home, int& error) noexcept;
    /// The operation as far as it goes without waiting; -EAGAIN: it would wait. No cancel point.
    ssize_t attempt(operation_kind kind, void* buffer, std::size_t size) noexcept;

    /// Ends every wait; closes the fd once nobody is in a call. Any thread, any number of times.
    void close() noexcept;
    /// Closes, and frees this once nobody is in a call. Once.
    void drop() noexcept;

    /// -1 once closed.
    [[nodiscard]] int fd() const noexcept {
        return (calls_.load(std::memory_order_relaxed) & k_closed) == 0 ? fd_ : -1;
    }

private:
    ~descriptor() = default;
    bool enter() noexcept;
    void leave() noexcept;
    void release() noexcept;

    ssize_t perform_blocking(operation_kind kind, void* buffer, std::size_t size,
                             deadline_ns limit) noexcept;
    int attach_to(scheduler& home) noexcept;
    void follow(io_slot& slot, scheduler& home) noexcept;

    static constexpr std::uint32_t k_closed = 1U << 31;
    static constexpr unsigned k_released = 1, k_dropped = 2;

    const int fd_;
    std::atomic<std::uint32_t> calls_{1};
    std::atomic<unsigned> end_{0}; // k_released, k_dropped: who sets the second one frees this
    std::atomic<io_slot*> slot_{nullptr};
    std::atomic<slot_pool*> owner_{nullptr}; // pool_.get(), to be compared without the lock
    std::atomic<unsigned> looks_{0};
    spin_lock attach_lock_;
    std::shared_ptr<slot_pool> pool_;
};

} // namespace weft::detail
