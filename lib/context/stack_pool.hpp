// SPDX-License-Identifier: Apache-2.0
// Stacks in slabs of reserved address space. See README.md.
#pragma once

#include <cstddef>
#include <vector>

#include <weft/base/spin_lock.hpp>

#include <weft/context/stack.hpp>

namespace weft::detail {

/// Thread-safe. Stacks live as long as the pool.
class stack_pool {
public:
    /// Stacks of `size` usable bytes (rounded up to pages) that begin in main. `kept`: how many may be taken at a time
    /// beyond those reserved, in the caches of those who take and give back.
    stack_pool(std::size_t size, void (*main)(stack&), std::size_t kept = 0);
    ~stack_pool();
    stack_pool(const stack_pool&) = delete;
    stack_pool& operator=(const stack_pool&) = delete;

    /// Makes sure that `count` more stacks can be taken: reserves address space, touches nothing.
    /// Throws std::system_error (ENOMEM) if the kernel gives none.
    void reserve(std::size_t count);
    void unreserve(std::size_t count) noexcept;

    /// A stack that was reserved before: never fails. Fresh ones get their guard here.
    stack* take() noexcept;
    void give_back(stack* s) noexcept;

    [[nodiscard]] std::size_t stack_size() const noexcept { return size_; }
    /// Taken and not given back.
    [[nodiscard]] std::size_t taken() const noexcept;

private:
    struct slab {
        std::byte* base;
        std::size_t count;
    };
    void map_slab(std::size_t at_least);
    stack* make_fresh(std::byte* base, std::size_t index) noexcept;

    const std::size_t size_;
    const std::size_t stride_;
    const std::size_t kept_;
    void (*const main_)(stack&);
    mutable spin_lock lock_; // guards everything below
    std::vector<slab> slabs_;
    std::size_t capacity_ = 0;                     // stacks in all slabs
    std::size_t reserved_ = 0;                     // promised
    std::size_t fresh_slab_ = 0, fresh_index_ = 0; // the next stack that nobody has used
    stack* free_ = nullptr;
    std::size_t taken_ = 0;
    std::size_t protected_ = 0; // guards that count in the budget of protected pages
    std::vector<stack*> made_;  // under the sanitizers, which keep things for each
};

/// One stack of another size, mapped at once. Throws std::system_error.
stack* map_single_stack(std::size_t size, void (*main)(stack&));
void unmap_single_stack(stack* s) noexcept;

/// Bytes, rounded up to whole pages, at least k_smallest_stack.
std::size_t rounded_stack_size(std::size_t size) noexcept;
inline constexpr std::size_t k_smallest_stack = 16 * 1024;

} // namespace weft::detail
