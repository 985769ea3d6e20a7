// SPDX-License-Identifier: Apache-2.0
// The atomics policy: lock-free parts are templates over it, so that the tests can run the shipped headers under a
// model checker. The library itself uses std_atomics only.
#pragma once

#include <atomic>

#include <weft/base/config.hpp>

namespace weft::detail {

/// Tells the core that this is a spin loop.
inline void cpu_pause() noexcept {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("isb" ::: "memory");
#endif
}

/// A full (store-load) fence. On x86 a locked operation on the stack: a quarter of mfence's price, which clang would emit
/// for atomic_thread_fence(seq_cst).
inline void full_fence() noexcept {
#if defined(__x86_64__)
    asm volatile("lock; orl $0, -4(%%rsp)" ::: "memory", "cc");
#else
    std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
}

struct std_atomics {
    template <class T>
    using atomic = std::atomic<T>;
    static void fence() noexcept { full_fence(); }
    static void pause() noexcept { cpu_pause(); }
};

} // namespace weft::detail
