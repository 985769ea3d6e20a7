// SPDX-License-Identifier: Apache-2.0
#include "greenlet/stacks.hpp"

#include <atomic>

#include "context/overflow.hpp"
#include "context/stack_pool.hpp"

namespace weft::detail {
namespace {

constexpr std::size_t k_usual = 256 * 1024;

std::atomic<std::size_t> live{0};

// Never destroyed: threads and statics may let go of greenlets until the very end.
stack_pool& pool(void (*main)(stack&)) {
    static stack_pool* const all = [main] {
        install_overflow_handler(nullptr);
        return new stack_pool(k_usual, main);
    }();
    return *all;
}

} // namespace

stack* take_greenlet_stack(std::size_t size, void (*main)(stack&)) {
    stack* s = nullptr;
    if (size == 0 || rounded_stack_size(size) == k_usual) {
        stack_pool& all = pool(main);
        all.reserve(1);
        s = all.take();
    } else {
        install_overflow_handler(nullptr);
        s = map_single_stack(size, main);
    }
    s->is_greenlet = true;
    live.fetch_add(1, std::memory_order_relaxed);
    return s;
}

void give_greenlet_stack(stack* s) noexcept {
    live.fetch_sub(1, std::memory_order_relaxed);
    if (s->single) return unmap_single_stack(s);
    stack_pool& all = pool(nullptr); // made long ago
    all.give_back(s);
    all.unreserve(1);
}

std::size_t live_greenlet_stacks() noexcept { return live.load(std::memory_order_relaxed); }

} // namespace weft::detail
