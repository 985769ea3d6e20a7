// SPDX-License-Identifier: Apache-2.0
// Which tasks a runtime has. Protocol: README.md, "The live tasks".
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <weft/base/atomics.hpp>
#include <weft/base/spin_lock.hpp>
#include <weft/task/task.hpp>

namespace weft::detail {

/// A place for a task. Holds its address, or that of the next free place, plus one.
struct live_slot {
    std::atomic<std::uintptr_t> content{0};
};

/// Adding and removing is for the workers, each in a part of its own, by plain stores; other threads share one part. Whoever
/// looks at all of them pays: a lock and a heavy fence.
class live_task_table {
public:
    explicit live_task_table(unsigned most_workers) : parts_(1 + most_workers) {}
    live_task_table(const live_task_table&) = delete;
    live_task_table& operator=(const live_task_table&) = delete;

    /// On the worker of that index. The place, or null: closed. Throws std::bad_alloc.
    live_slot* add(task_base& t, unsigned worker) { return add_to(parts_[1 + worker], t); }
    /// On other threads.
    live_slot* add_from_outside(task_base& t);

    /// On the worker of that index, any one: nobody who looks at tasks sees it from here on.
    void remove(live_slot& s, unsigned worker) noexcept { put_back(s, parts_[1 + worker]); }
    /// After remove, as the last thing: the task counts no more. On the worker of that index, maybe another one than before: a
    /// destructor may have waited. True: closed, somebody may wait for that.
    [[nodiscard]] bool count_end(unsigned worker) noexcept {
        part& p = parts_[1 + worker];
        if (p.free == nullptr) [[unlikely]]
            use(p);
        increment(p.ended);
        owner_fence(); // pairs with close: it counts this end, or we see it closed
        return (state_.load(std::memory_order_relaxed) & k_closed) != 0;
    }

    /// From here on, none is added.
    void close() noexcept;
    [[nodiscard]] std::vector<task_handle> all();
    [[nodiscard]] std::size_t count() const noexcept;

    /// Calls f() while no task that was not removed before can end.
    template <class F>
    void look(F f) {
        const std::lock_guard guard(lock_);
        begin_look();
        f();
        end_look();
    }

private:
    static constexpr std::size_t k_batch = 256;
    static constexpr unsigned k_looking = 1, k_closed = 2;

    struct alignas(k_cache_line) part {
        live_slot* free = nullptr; // the owner's
        std::size_t free_count = 0;
        // Written by the owner alone.
        std::atomic<std::uint64_t> added{0}, ended{0};
    };

    live_slot* add_to(part& p, task_base& t);
    void put_back(live_slot& s, part& p) noexcept;
    void use(part& p) noexcept; // by who has no free place there: before its counts change
    void refill(part& p);
    void give_up_batch(part& p) noexcept;
    void await_look() noexcept;
    void begin_look() noexcept;
    void end_look() noexcept;
    // One writer.
    static void increment(std::atomic<std::uint64_t>& n) noexcept {
        n.store(n.load(std::memory_order_relaxed) + 1,
                std::memory_order_release); // pairs with count
    }
    static live_slot* next(const live_slot& s) noexcept {
        return reinterpret_cast<live_slot*>(s.content.load(std::memory_order_relaxed) - 1);
    }
    /// Between what the owner of a part stored and his look at state_.
    void owner_fence() const noexcept { is_heavy_ ? light_fence() : full_fence(); }

    const bool is_heavy_ = has_heavy_fence();
    std::atomic<unsigned> state_{0};
    std::vector<part> parts_;             // [0]: of all other threads; [1 + i]: of worker i
    std::atomic<unsigned> used_parts_{1}; // grows under lock_
    spin_lock outside_lock_;              // guards the first part
    spin_lock lock_;                      // guards what follows, and looks
    std::vector<std::unique_ptr<live_slot[]>> chunks_; // of k_batch each
    std::vector<live_slot*> free_batches_; // of k_batch each, linked; room for all chunks
};

// Tasks come and go by these two: in line, as far as nobody looks.

inline live_slot* live_task_table::add_to(part& p, task_base& t) {
    if (p.free == nullptr) [[unlikely]]
        refill(p);
    live_slot* s = std::exchange(p.free, next(*p.free));
    --p.free_count;
    increment(p.added);
    // release pairs with all: the task is complete
    s->content.store(reinterpret_cast<std::uintptr_t>(&t), std::memory_order_release);
    owner_fence(); // pairs with close: it sees the task, or we see it closed
    if ((state_.load(std::memory_order_relaxed) & k_closed) == 0) [[likely]]
        return s;
    put_back(*s, p);
    increment(p.ended);
    return nullptr;
}

inline void live_task_table::put_back(live_slot& s, part& p) noexcept {
    if (p.free == nullptr) [[unlikely]]
        use(p);
    s.content.store(reinterpret_cast<std::uintptr_t>(p.free) + 1, std::memory_order_release);
    p.free = &s;
    if (++p.free_count == 2 * k_batch) [[unlikely]]
        give_up_batch(p);
    owner_fence(); // pairs with begin_look: it does not see the task, or we see it look
    // acquire pairs with end_look: what it read of the task it has read before we end it
    if ((state_.load(std::memory_order_acquire) & k_looking) != 0) [[unlikely]]
        await_look();
}

} // namespace weft::detail
