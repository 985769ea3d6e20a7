// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace weft::detail {

/// A place in an intrusive_list. Unlinked: both pointers are null.
struct list_hook {
    list_hook* prev = nullptr;
    list_hook* next = nullptr;
    [[nodiscard]] bool is_linked() const noexcept { return next != nullptr; }
};

/// Doubly linked, owns nothing, every operation O(1). T derives from list_hook. Not thread-safe.
template <class T>
class intrusive_list {
public:
    constexpr intrusive_list() noexcept { head_.prev = head_.next = &head_; }
    intrusive_list(const intrusive_list&) = delete;
    intrusive_list& operator=(const intrusive_list&) = delete;

    [[nodiscard]] bool empty() const noexcept { return head_.next == &head_; }
    [[nodiscard]] T* front() const noexcept {
        return empty() ? nullptr : static_cast<T*>(head_.next);
    }
    [[nodiscard]] T* back() const noexcept {
        return empty() ? nullptr : static_cast<T*>(head_.prev);
    }
    [[nodiscard]] T* next(const T& item) const noexcept {
        list_hook* n = static_cast<const list_hook&>(item).next;
        return n == &head_ ? nullptr : static_cast<T*>(n);
    }

    void push_back(T& item) noexcept { link(item, head_.prev, &head_); }
    void push_front(T& item) noexcept { link(item, &head_, head_.next); }

    T* pop_front() noexcept {
        T* first = front();
        if (first != nullptr) remove(*first);
        return first;
    }

    void remove(T& item) noexcept {
        list_hook& h = item;
        h.prev->next = h.next;
        h.next->prev = h.prev;
        h.prev = h.next = nullptr;
    }

    /// Moves everything of other to the end of this.
    void splice_back(intrusive_list& other) noexcept {
        if (other.empty()) return;
        list_hook* first = other.head_.next;
        list_hook* last = other.head_.prev;
        other.head_.prev = other.head_.next = &other.head_;
        first->prev = head_.prev;
        head_.prev->next = first;
        last->next = &head_;
        head_.prev = last;
    }

private:
    static void link(list_hook& h, list_hook* before, list_hook* after) noexcept {
        h.prev = before;
        h.next = after;
        before->next = &h;
        after->prev = &h;
    }
    list_hook head_;
};

} // namespace weft::detail
