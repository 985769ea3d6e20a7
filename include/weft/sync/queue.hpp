// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <deque>
#include <exception>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include <weft/sync/queue_core.hpp>

namespace weft {

struct queue_shutdown_options {
    bool immediate = false; ///< what is in the queue is dropped
};

namespace detail {

template <class T>
class fifo_store {
public:
    template <class U>
    void push(U&& item) {
        items_.push_back(std::forward<U>(item));
    }
    T pop() {
        T first = std::move(items_.front());
        items_.pop_front();
        return first;
    }
    [[nodiscard]] std::size_t size() const noexcept { return items_.size(); }

private:
    std::deque<T> items_;
};

template <class T>
class lifo_store {
public:
    template <class U>
    void push(U&& item) {
        items_.push_back(std::forward<U>(item));
    }
    T pop() {
        T last = std::move(items_.back());
        items_.pop_back();
        return last;
    }
    [[nodiscard]] std::size_t size() const noexcept { return items_.size(); }

private:
    std::vector<T> items_;
};

/// A heap whose top is the smallest; of equal ones, the oldest.
template <class T, class Compare>
class priority_store {
public:
    template <class U>
    void push(U&& item) {
        items_.push_back({T(std::forward<U>(item)), next_++});
        std::ranges::push_heap(items_, later);
    }
    T pop() {
        std::ranges::pop_heap(items_, later);
        T smallest = std::move(items_.back().item);
        items_.pop_back();
        return smallest;
    }
    [[nodiscard]] std::size_t size() const noexcept { return items_.size(); }

private:
    struct entry {
        T item;
        std::uint64_t number;
    };
    static bool later(const entry& a, const entry& b) {
        const Compare less;
        if (less(b.item, a.item)) return true;
        return !less(a.item, b.item) && b.number < a.number;
    }
    std::vector<entry> items_;
    std::uint64_t next_ = 0;
};

/// All that the queues have in common; Store says which item is next.
template <class T, class Store>
class basic_queue {
    static_assert(std::is_object_v<T> && !std::is_const_v<T> && std::is_move_constructible_v<T>,
                  "weft::queue<T>: T must be a movable object type");

public:
    using value_type = T;

    /// At most so many items; 0: no limit.
    explicit basic_queue(std::size_t maxsize = 0) noexcept : core_(maxsize), maxsize_(maxsize) {}
    basic_queue(const basic_queue&) = delete;
    basic_queue& operator=(const basic_queue&) = delete;

    /// Puts an item in; suspends while there is no room. A cancel point where it waits, and every 1000th time anyway.
    /// Throws queue_shut_down, also while it waits; cancelled_error; what copying throws. Then the item is not in the queue.
    void put(const T& item) requires std::is_copy_constructible_v<T> {
        put_one(item, [](Store& s, void* from) { s.push(*static_cast<const T*>(from)); });
    }
    /// The same; `item` is moved from only if it was put in.
    void put(T&& item) {
        put_one(item, [](Store& s, void* from) { s.push(std::move(*static_cast<T*>(from))); });
    }
    /// Never waits for room: throws queue_full. Otherwise as put; no cancel point. From callbacks and plain threads, too.
    void put_nowait(const T& item) requires std::is_copy_constructible_v<T> {
        section here(core_);
        check_room();
        accept(here, [&] { store_.push(item); });
    }
    void put_nowait(T&& item) {
        section here(core_);
        check_room();
        accept(here, [&] { store_.push(std::move(item)); });
    }

    /// Takes the next item out; suspends while there is none. A cancel point as put; one that was given an item before the cancel
    /// returns it. Throws queue_shut_down when nothing is left after the shutdown; cancelled_error; what moving throws.
    T get() {
        operation_point();
        section here(core_);
        if (store_.size() != 0) return take(here);
        if (core_.is_shut_down()) throw queue_shut_down();
        getter me;
        core_.wait_in_line(detail::wait_reason::queue_item, here, core_.getters, me);
        if (me.error) std::rethrow_exception(me.error);
        if (!me.item) throw queue_shut_down();
        return std::move(*me.item);
    }
    /// Never waits for an item: throws queue_empty. Otherwise as get; no cancel point.
    T get_nowait() {
        section here(core_);
        if (store_.size() != 0) return take(here);
        if (core_.is_shut_down()) throw queue_shut_down();
        throw queue_empty();
    }

    [[nodiscard]] std::size_t size() const noexcept {
        const section here(core_);
        return store_.size();
    }
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }
    [[nodiscard]] bool full() const noexcept { return maxsize_ != 0 && size() >= maxsize_; }
    [[nodiscard]] std::size_t maxsize() const noexcept { return maxsize_; }

    /// By a consumer, once per item that it has dealt with. Once too often: std::logic_error.
    void task_done() {
        section here(core_);
        core_.items_done(here, 1);
    }
    /// Suspends until task_done was called for every item that was put. A cancel point.
    void join() { core_.join(); }

    /// From here on put fails; get, once the queue is empty. Waiting ones are woken. `immediate`: what is in the queue is dropped,
    /// and join waits only for what was taken before. Never suspends; harmless when called again.
    void shutdown(queue_shutdown_options options) {
        Store dropped;
        section here(core_);
        core_.shut_down(here);
        if (!options.immediate) return;
        std::swap(dropped, store_);
        core_.items_done(here, std::min(dropped.size(), core_.unfinished()));
        here.leave(); // before the items go
    }
    void shutdown(bool immediate = false) { shutdown({.immediate = immediate}); }

private:
    friend struct sync_probe;
    using section = queue_core::section;
    struct getter : wait_node {
        std::optional<T> item;
        std::exception_ptr error;
    };
    struct putter : wait_node {
        void* item = nullptr;
        void (*push)(Store&, void*) = nullptr;
        bool took_place = false;
        std::exception_ptr error;
    };

    template <class U>
    void put_one(U& item, void (*push)(Store&, void*)) {
        operation_point();
        auto* from = const_cast<std::remove_const_t<U>*>(std::addressof(item));
        section here(core_);
        if (core_.is_shut_down()) throw queue_shut_down();
        if (core_.has_room(store_.size())) return accept(here, [&] { push(store_, from); });
        putter me;
        me.item = from;
        me.push = push;
        core_.wait_in_line(detail::wait_reason::queue_room, here, core_.putters, me);
        if (me.error) std::rethrow_exception(me.error);
        if (!me.took_place) throw queue_shut_down();
    }
    void check_room() {
        if (core_.is_shut_down()) throw queue_shut_down();
        if (!core_.has_room(store_.size())) throw queue_full();
    }
    // The item goes through the store, so that its order decides; then to the first who waits.
    template <class Push>
    void accept(section& here, Push push) {
        push();
        core_.item_put();
        while (store_.size() != 0) {
            auto* first = static_cast<getter*>(claim_first(core_.getters));
            if (first == nullptr) break;
            try {
                first->item.emplace(store_.pop());
            } catch (...) { first->error = std::current_exception(); }
            here.claimed.push_back(*first);
        }
    }
    T take(section& here) {
        T item = store_.pop();
        while (core_.has_room(store_.size())) {
            auto* first = static_cast<putter*>(claim_first(core_.putters));
            if (first == nullptr) break;
            try {
                first->push(store_, first->item);
                core_.item_put();
                first->took_place = true;
            } catch (...) { first->error = std::current_exception(); }
            here.claimed.push_back(*first);
        }
        return item;
    }

    mutable queue_core core_;
    const std::size_t maxsize_;
    Store store_;
};

} // namespace detail

/// asyncio.Queue for tasks and plain threads: first in, first out; those who wait are served in the order of their arrival.
///
///     weft::queue<job> jobs(100);
///     weft::create_task([&] { for (;;) { job j = jobs.get(); work(j); jobs.task_done(); } });
///     jobs.put(job{1});
///     jobs.join();
///
/// Thread-safe. T is movable; its move may wait, but must not use the same queue. Items left at the end are destroyed; that nobody
/// waits any more then is checked.
template <class T>
class queue : public detail::basic_queue<T, detail::fifo_store<T>> {
public:
    using detail::basic_queue<T, detail::fifo_store<T>>::basic_queue;
};

/// The last one that was put comes out first.
template <class T>
class lifo_queue : public detail::basic_queue<T, detail::lifo_store<T>> {
public:
    using detail::basic_queue<T, detail::lifo_store<T>>::basic_queue;
};

/// The smallest comes out first; of equal ones, the one that was put first. Compare must not throw.
template <class T, class Compare = std::less<T>>
class priority_queue : public detail::basic_queue<T, detail::priority_store<T, Compare>> {
public:
    using detail::basic_queue<T, detail::priority_store<T, Compare>>::basic_queue;
};

} // namespace weft
