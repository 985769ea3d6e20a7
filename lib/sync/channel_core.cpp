// SPDX-License-Identifier: Apache-2.0
#include <weft/sync/channel_core.hpp>

#include <algorithm>
#include <cstring>
#include <new>

namespace weft::detail {
namespace {

channel_core::node* claim(wait_list& line) noexcept {
    return static_cast<channel_core::node*>(claim_first(line));
}

void resume(channel_core::node* claimed) noexcept {
    if (claimed != nullptr) claimed->who.who->resume();
}

} // namespace

// ---- with the lock held ---------------------------------------------------------------------

channel_core::result channel_core::put(const void* element, node*& wake) {
    if (closed_) return result::closed;
    // Somebody receives: the buffer is empty, nobody's element is overtaken.
    if (node* receiver = claim(receivers_)) {
        std::memcpy(receiver->element, element, element_size_);
        receiver->took_place = true;
        wake = receiver;
        return result::done;
    }
    if (size_ == capacity_) return result::must_wait;
    if (size_ == room_) grow();
    push(element);
    return result::done;
}

channel_core::result channel_core::take(void* element, node*& wake) noexcept {
    if (size_ == 0 && capacity_ != 0) return closed_ ? result::closed : result::must_wait;
    if (size_ != 0) pop(element);
    node* sender = claim(senders_);
    if (sender == nullptr && capacity_ == 0) return closed_ ? result::closed : result::must_wait;
    if (sender != nullptr) {
        if (capacity_ != 0)
            push(sender->element); // the slot that pop made free
        else
            std::memcpy(element, sender->element, element_size_);
        sender->took_place = true;
        wake = sender;
    }
    return result::done;
}

void channel_core::push(const void* element) noexcept {
    std::memcpy(slot(size_), element, element_size_);
    ++size_;
}

void channel_core::pop(void* element) noexcept {
    std::memcpy(element, slot(0), element_size_);
    first_ = first_ + 1 < room_ ? first_ + 1 : 0;
    --size_;
}

// A channel may allow more than it ever holds: the ring doubles up to the capacity.
void channel_core::grow() {
    constexpr std::size_t k_first_room = 16;
    const std::size_t room = std::min(capacity_, std::max(k_first_room, room_ * 2));
    if (room > static_cast<std::size_t>(-1) / 2 / element_size_) throw std::bad_alloc();
    std::unique_ptr<std::byte[]> ring(new std::byte[room * element_size_]);
    for (std::size_t i = 0; i < size_; ++i)
        std::memcpy(ring.get() + i * element_size_, slot(i), element_size_);
    ring_ = std::move(ring);
    room_ = room;
    first_ = 0;
}

// ---- whole operations -----------------------------------------------------------------------

bool channel_core::send(const void* element) {
    operation_point();
    node* wake = nullptr;
    std::unique_lock lock(guard);
    const result r = put(element, wake);
    if (r == result::must_wait) return wait_in_line(senders_, const_cast<void*>(element), lock);
    lock.unlock();
    resume(wake);
    return r == result::done;
}

bool channel_core::receive(void* element) {
    operation_point();
    node* wake = nullptr;
    std::unique_lock lock(guard);
    const result r = take(element, wake);
    if (r == result::must_wait) return wait_in_line(receivers_, element, lock);
    lock.unlock();
    resume(wake);
    return r == result::done;
}

// True: the element was handed over. False: closed. Throws cancelled_error: the element is where it was.
bool channel_core::wait_in_line(wait_list& line, void* element, std::unique_lock<spin_lock>& lock) {
    wait w(&line == &senders_ ? wait_reason::channel_send : wait_reason::channel_receive);
    node me;
    me.element = element;
    if (!w.begin()) {
        lock.unlock();
        w.throw_cancelled();
    }
    me.who = w.self();
    line.push_back(me);
    lock.unlock();
    if (w.park() == wait_end::notified) return me.took_place;
    lock.lock();
    if (me.is_linked()) line.remove(me); // else somebody met it dead and dropped it
    lock.unlock();
    w.throw_cancelled();
}

channel_core::result channel_core::try_send(const void* element) {
    node* wake = nullptr;
    std::unique_lock lock(guard);
    const result r = put(element, wake);
    lock.unlock();
    resume(wake);
    return r;
}

channel_core::result channel_core::try_receive(void* element) noexcept {
    node* wake = nullptr;
    std::unique_lock lock(guard);
    const result r = take(element, wake);
    lock.unlock();
    resume(wake);
    return r;
}

bool channel_core::close() noexcept {
    wait_list claimed;
    std::unique_lock lock(guard);
    if (closed_) return false;
    closed_ = true;
    for (wait_list* line : {&receivers_, &senders_})
        while (node* waiting = claim(*line)) {
            waiting->was_closed = true;
            claimed.push_back(*waiting);
        }
    lock.unlock();
    while (wait_node* waiting = claimed.pop_front()) waiting->who.who->resume();
    return true;
}

bool channel_core::closed() const noexcept {
    const std::lock_guard lock(guard);
    return closed_;
}

std::size_t channel_core::size() const noexcept {
    const std::lock_guard lock(guard);
    return size_;
}

} // namespace weft::detail
