// SPDX-License-Identifier: Apache-2.0
#include "context/stack_pool.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <new>
#include <system_error>

#include "base/assert.hpp"
#include "context/guard.hpp"
#include <weft/context/canary.hpp>
#include <weft/context/switch.hpp>

#if WEFT_ASAN
#    include <sanitizer/asan_interface.h>
#endif

namespace weft::detail {
namespace {

constexpr std::size_t k_first_slab = 64, k_largest_slab = 4096; // stacks
// More than there are addresses, and with room for a guard: what is larger is refused like this, by the kernel.
constexpr std::size_t k_absurd_stack = std::size_t{1} << 62, k_absurd = ~std::size_t{0};

std::byte* map_memory(std::size_t count, std::size_t each) {
    std::size_t bytes = 0;
    if (__builtin_mul_overflow(count, each, &bytes)) bytes = k_absurd;
    // NORESERVE: pages count when they are touched, not when they are reserved.
    void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (memory == MAP_FAILED)
        throw std::system_error(
            errno, std::generic_category(),
            "weft: no address space for task stacks (" + std::to_string(bytes >> 10) +
                " KiB); lower runtime_options::stack_size or the number of live tasks");
    // A huge page under a stack would cost 2 MiB for the 4 KiB it uses. Refused only where there are no huge pages.
    madvise(memory, bytes, MADV_NOHUGEPAGE);
#if WEFT_ASAN
    // An earlier mapping here may have been poisoned by the frames of its last tasks.
    __asan_unpoison_memory_region(memory, bytes);
#endif
    return static_cast<std::byte*>(memory);
}

// The header goes to the region's upper end, a little lower for each of 16 neighbours in turn: otherwise all headers
// compete for the same sets of the cache.
stack* build(std::byte* region, std::size_t usable, std::size_t index,
             void (*main)(stack&)) noexcept {
    const std::size_t page = page_size();
    std::byte* high = region + page + usable;
    std::byte* at = high - sizeof(stack) - (index % 16) * 64;
    at -= reinterpret_cast<std::uintptr_t>(at) % alignof(stack);
    auto* s = ::new (at) stack;
    s->low = region + page;
    s->size = static_cast<std::size_t>(at - s->low);
    s->guard = install_guard(region);
    if (s->guard == guard_kind::canary) place_canary(*s);
    make_context(*s, main);
    return s;
}

} // namespace

std::size_t rounded_stack_size(std::size_t size) noexcept {
    const std::size_t page = page_size();
    return (std::clamp(size, k_smallest_stack, k_absurd_stack) + page - 1) / page * page;
}

// One page more than the stack: the guard. It also makes the stride no power of two, which spreads the cache sets.
stack_pool::stack_pool(std::size_t size, void (*main)(stack&), std::size_t kept)
    : size_(rounded_stack_size(size)),
      stride_(size_ + page_size()),
      kept_(kept),
      main_(main) {}

stack_pool::~stack_pool() {
    for (stack* s : made_) forget_context(*s);
    for (const slab& s : slabs_) munmap(s.base, s.count * stride_);
    forget_protected(protected_);
}

void stack_pool::map_slab(std::size_t at_least) {
    const std::size_t count =
        std::max(at_least, std::clamp(capacity_, k_first_slab, k_largest_slab));
    slabs_.reserve(slabs_.size() + 1);
    slabs_.push_back({map_memory(count, stride_), count});
    capacity_ += count;
}

void stack_pool::reserve(std::size_t count) {
    const std::lock_guard guard(lock_);
    std::size_t need = 0;
    if (__builtin_add_overflow(reserved_ + kept_, count, &need)) need = k_absurd;
    if (need > capacity_) map_slab(need - capacity_);
    reserved_ += count;
}

void stack_pool::unreserve(std::size_t count) noexcept {
    const std::lock_guard guard(lock_);
    WEFT_ASSERT(reserved_ >= count);
    reserved_ -= count;
}

stack* stack_pool::make_fresh(std::byte* base, std::size_t index) noexcept {
    return build(base + index * stride_, size_, index, main_);
}

stack* stack_pool::take() noexcept {
    std::unique_lock guard(lock_);
    ++taken_;
    if (free_ != nullptr) {
        stack* s = free_;
        free_ = s->next_free;
        return s;
    }
    if (fresh_slab_ < slabs_.size() && fresh_index_ == slabs_[fresh_slab_].count) {
        ++fresh_slab_;
        fresh_index_ = 0;
    }
    WEFT_INVARIANT(fresh_slab_ < slabs_.size()); // the caller had a reservation
    std::byte* base = slabs_[fresh_slab_].base;
    const std::size_t index = fresh_index_++;
    guard.unlock(); // the guard page is a system call
    stack* s = make_fresh(base, index);
    constexpr bool remembered = k_asan || k_tsan;
    if (remembered || s->guard == guard_kind::protected_page) {
        const std::lock_guard again(lock_);
        if (remembered) made_.push_back(s);
        if (s->guard == guard_kind::protected_page) ++protected_;
    }
    return s;
}

void stack_pool::give_back(stack* s) noexcept {
    const std::lock_guard guard(lock_);
    --taken_;
    s->next_free = free_;
    free_ = s;
}

std::size_t stack_pool::taken() const noexcept {
    const std::lock_guard guard(lock_);
    return taken_;
}

stack* map_single_stack(std::size_t size, void (*main)(stack&)) {
    const std::size_t usable = rounded_stack_size(size);
    stack* s = build(map_memory(1, usable + page_size()), usable, 0, main);
    s->single = true;
    return s;
}

void unmap_single_stack(stack* s) noexcept {
    forget_context(*s);
    std::byte* region = s->low - page_size();
    const std::size_t header = sizeof(stack) + 64;
    const std::size_t bytes = page_size() + (s->size + header) / page_size() * page_size();
    const bool was_protected = s->guard == guard_kind::protected_page;
    munmap(region, bytes);
    if (was_protected) forget_protected(1);
}

} // namespace weft::detail
