// SPDX-License-Identifier: Apache-2.0
// What a channel is without the type of its elements. Protocol and proofs: lib/sync/README.md.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex> // std::unique_lock

#include <weft/sched/suspend.hpp>

namespace weft::detail {

struct sync_probe; // tests look at who waits
struct co_sync;    // coroutines wait here, too: room coro

/// Carries elements as bytes: whatever happens under the lock is a memcpy, never a user's code.
///
/// The steps with a lock held (put, take, enlist, drop) are public for a select over several channels: it takes all locks,
/// tries each case, enlists one node per channel with the same waker, and after its wait drops those that did not take place.
class channel_core {
public:
    /// A waiting sender or receiver; lies in its frame. Who claims it fills the rest in before he resumes it.
    struct node : wait_node {
        void* element = nullptr; // what is sent, or where the received one goes
        bool took_place = false; // the element was handed over
        bool was_closed =
            false; // the channel was closed instead: for a select, which waits in several
    };
    enum class result { done, closed, must_wait };

    channel_core(std::size_t capacity, std::size_t element_size) noexcept
        : capacity_(capacity),
          element_size_(element_size) {}
    channel_core(const channel_core&) = delete;
    channel_core& operator=(const channel_core&) = delete;

    /// False: closed, nothing was sent. Throws cancelled_error or std::bad_alloc: nothing was sent.
    bool send(const void* element);
    /// False: closed and empty. Throws cancelled_error: nothing was received.
    bool receive(void* element);
    result try_send(const void* element);
    result try_receive(void* element) noexcept;
    /// False: it was closed before.
    bool close() noexcept;

    [[nodiscard]] bool closed() const noexcept;
    [[nodiscard]] std::size_t size() const noexcept;
    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

    // ---- with the lock held ------------------------------------------------------------------------------------
    mutable spin_lock guard;
    /// Copies the element into a waiting receiver's frame or into the buffer. `wake` must be resumed after unlocking.
    result put(const void* element, node*& wake);
    /// Copies the oldest element out, and lets the first waiting sender's into its place.
    result take(void* element, node*& wake) noexcept;
    /// False: put, or take, would have to wait. True: maybe not; those in line may have been ended by others.
    [[nodiscard]] bool may_put() const noexcept {
        return size_ != capacity_ || closed_ || !receivers_.empty();
    }
    [[nodiscard]] bool may_take() const noexcept {
        return size_ != 0 || closed_ || !senders_.empty();
    }
    [[nodiscard]] wait_list& senders() noexcept { return senders_; }
    [[nodiscard]] wait_list& receivers() noexcept { return receivers_; }

private:
    bool wait_in_line(wait_list& line, void* element, std::unique_lock<spin_lock>& lock);
    void push(const void* element) noexcept;
    void pop(void* element) noexcept;
    void grow();
    [[nodiscard]] std::byte* slot(std::size_t nth) const noexcept {
        const std::size_t i = first_ + nth;
        return ring_.get() + (i < room_ ? i : i - room_) * element_size_;
    }

    const std::size_t capacity_, element_size_;
    bool closed_ = false;
    std::unique_ptr<std::byte[]>
        ring_; // room_ slots, size_ of them used from first_ on; grows up to the capacity
    std::size_t room_ = 0, first_ = 0, size_ = 0;
    wait_list
        senders_; // somebody still waits here: the buffer is full, no receiver waits, it is open
    wait_list
        receivers_; // somebody still waits here: the buffer is empty, no sender waits, it is open
};

} // namespace weft::detail
