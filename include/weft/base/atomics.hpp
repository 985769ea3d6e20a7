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

/// In a loop that waits for a thread which may have been preempted: gives the time slice away.
void give_way() noexcept;

/// A full (store-load) fence. On x86 a locked operation on the stack: a quarter of mfence's price, which clang would emit
/// for atomic_thread_fence(seq_cst).
inline void full_fence() noexcept {
#if defined(__x86_64__)
    asm volatile("lock; orl $0, -4(%%rsp)" ::: "memory", "cc");
#else
    std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
}

/// Both sides of an asymmetric full fence: a light_fence orders as full_fence does, against heavy fences of other threads
/// only, and costs nothing at run time; a heavy one is membarrier(2), some microseconds while other cores run this process.
inline void light_fence() noexcept { std::atomic_signal_fence(std::memory_order_seq_cst); }
void heavy_fence() noexcept;
/// Is there one? False: the kernel is too old or forbids it, and nobody may rely on light fences.
bool has_heavy_fence() noexcept;

/// An atomic without an initial value: for one in a frame that is written before anybody reads it, many times a microsecond.
template <class T>
class unset_atomic {
public:
    T load(std::memory_order order) const noexcept {
        return std::atomic_ref<T>(const_cast<T&>(value_)).load(order); // const in C++26
    }
    void store(T value, std::memory_order order) noexcept {
        std::atomic_ref<T>(value_).store(value, order);
    }

private:
    T value_;
};

struct std_atomics {
    template <class T>
    using atomic = std::atomic<T>;
    template <class T>
    using unset_atomic = detail::unset_atomic<T>;
    static void fence() noexcept { full_fence(); }
    static void light_fence() noexcept { detail::light_fence(); }
    static void heavy_fence() noexcept { detail::heavy_fence(); }
    static void pause() noexcept { cpu_pause(); }
    static void give_way() noexcept { detail::give_way(); }
};

} // namespace weft::detail
