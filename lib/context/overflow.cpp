// SPDX-License-Identifier: Apache-2.0
#include "context/overflow.hpp"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <mutex>

#include "base/signal_print.hpp"
#include "context/guard.hpp"
#include <weft/context/canary.hpp>

namespace weft::detail {
namespace {

constexpr std::size_t k_signal_stack = 64 * 1024;
constexpr std::uint64_t k_canary = 0x5745465443414e41; // "WEFTCANA"
constexpr std::size_t k_canary_words = 8;

std::atomic<owner_printer> print_owner{nullptr};
struct sigaction previous_segv, previous_bus;

void handle(int signal, siginfo_t* info, void* context) {
    const auto* s = static_cast<const stack*>(current_stack());
    if (s != nullptr && s->guard != guard_kind::none) { // a stack of ours
        const auto* at = static_cast<const std::byte*>(info->si_addr);
        // A frame larger than the guard page may land a little below it.
        if (at < s->low && at >= s->low - page_size() - 64 * 1024) report_overflow(*s);
    }
    const struct sigaction& before = signal == SIGSEGV ? previous_segv : previous_bus;
    if ((before.sa_flags & SA_SIGINFO) != 0 && before.sa_sigaction != nullptr)
        return before.sa_sigaction(signal, info, context);
    if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN &&
        before.sa_handler != nullptr)
        return before.sa_handler(signal);
    ::signal(signal,
             SIG_DFL); // returning runs the faulting instruction again, now with the default action
}

} // namespace

void install_overflow_handler(owner_printer printer) noexcept {
    if (printer != nullptr) print_owner.store(printer, std::memory_order_relaxed);
    static std::once_flag once;
    std::call_once(once, [] {
        struct sigaction action {};
        action.sa_sigaction = handle;
        action.sa_flags = SA_SIGINFO | SA_ONSTACK;
        sigemptyset(&action.sa_mask);
        sigaction(SIGSEGV, &action, &previous_segv);
        sigaction(SIGBUS, &action, &previous_bus);
    });
}

signal_stack::signal_stack() noexcept {
    stack_t old{};
    if (sigaltstack(nullptr, &old) == 0 && (old.ss_flags & SS_DISABLE) == 0)
        return; // the thread has one (sanitizers)
    void* memory =
        mmap(nullptr, k_signal_stack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return;
    stack_t mine{};
    mine.ss_sp = memory;
    mine.ss_size = k_signal_stack;
    if (sigaltstack(&mine, nullptr) != 0) {
        munmap(memory, k_signal_stack);
        return;
    }
    memory_ = memory;
}

signal_stack::~signal_stack() {
    if (memory_ == nullptr) return;
    stack_t off{};
    off.ss_flags = SS_DISABLE;
    sigaltstack(&off, nullptr);
    munmap(memory_, k_signal_stack);
}

void report_overflow(const stack& s) noexcept {
    signal_print(STDERR_FILENO, "weft: stack overflow in ");
    if (owner_printer printer = print_owner.load(std::memory_order_relaxed);
        printer != nullptr && s.owner != nullptr)
        printer(STDERR_FILENO, s);
    else
        signal_print(STDERR_FILENO, "no task");
    if (s.is_greenlet) signal_print(STDERR_FILENO, ", in a greenlet or generator");
    signal_print(STDERR_FILENO, "; its stack has ");
    signal_print(STDERR_FILENO, s.size / 1024 + 1);
    signal_print(STDERR_FILENO,
                 s.is_greenlet
                     ? " KiB: raise greenlet_options::stack_size\n"
                     : " KiB: raise runtime_options::stack_size or create_task's .stack_size\n");
    std::abort();
}

void place_canary(stack& s) noexcept {
    for (std::size_t i = 0; i < k_canary_words; ++i) std::memcpy(s.low + i * 8, &k_canary, 8);
}

void check_canary(const stack& s) noexcept {
    for (std::size_t i = 0; i < k_canary_words; ++i)
        if (std::memcmp(s.low + i * 8, &k_canary, 8) != 0) report_overflow(s);
}

} // namespace weft::detail
