// SPDX-License-Identifier: Apache-2.0
#include "base/thread_stack.hpp"

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <unwind.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <mutex>
#include <string_view>
#include <system_error>

#include "base/demangle.hpp"
#include "base/futex.hpp"
#include "base/timespec.hpp"

namespace weft::detail {
namespace {

constexpr deadline_ns k_patience = 50'000'000; // for the thread to get a core

/// What is asked of one thread at a time. The handler writes while `state` says so.
struct question {
    static constexpr std::uint32_t k_asked = 1, k_answering = 2, k_answered = 3, k_step = 4;
    std::atomic<std::uint32_t> state{0}; // which question (multiples of k_step), and how far it is
    std::array<const void*, k_most_frames> frames{};
    std::size_t count = 0;
};
question asked;
std::mutex one_at_a_time;
std::atomic<int> used_signal{0};

_Unwind_Reason_Code note_frame(_Unwind_Context* context, void* to) noexcept {
    auto& q = *static_cast<question*>(to);
    int exact = 0; // interrupted here, as opposed to: returns here
    const std::uintptr_t at = _Unwind_GetIPInfo(context, &exact);
    if (at == 0 || q.count == q.frames.size()) return _URC_END_OF_STACK;
    if (exact != 0) q.count = 0; // what came before is the handler's
    // One less lies within the call, also where that is the function's last instruction.
    q.frames[q.count++] = reinterpret_cast<const void*>(at - (exact != 0 ? 0 : 1));
    return _URC_NO_REASON;
}

// Allocates nothing and takes no lock: since glibc 2.35 the unwinder finds a frame's table without one, and prepare has
// loaded it and resolved what it calls.
void answer(int, siginfo_t* info, void*) noexcept {
    if (info->si_code != SI_QUEUE || info->si_pid != getpid()) return; // not from us
    const int error = errno;
    auto which = static_cast<std::uint32_t>(info->si_value.sival_int) + question::k_asked;
    const std::uint32_t done = which - question::k_asked + question::k_answered;
    // Fails if nobody waits for it any more. acquire pairs with the question: the frames are ours
    if (asked.state.compare_exchange_strong(
            which, which - question::k_asked + question::k_answering, std::memory_order_acquire)) {
        asked.count = 0;
        _Unwind_Backtrace(note_frame, &asked);
        asked.state.store(done, std::memory_order_release); // pairs with wait_for_answer
        futex_wake(asked.state, 1);
    }
    errno = error;
}

bool send(int thread_id, int signal, std::uint32_t which) noexcept {
    siginfo_t info{};
    info.si_signo = signal;
    info.si_code = SI_QUEUE;
    info.si_pid = getpid();
    info.si_uid = getuid();
    info.si_value.sival_int = static_cast<int>(which);
    return syscall(SYS_rt_tgsigqueueinfo, getpid(), thread_id, signal, &info) == 0;
}

bool wait_for_answer(std::uint32_t which) noexcept {
    const deadline_ns deadline = read_clock(CLOCK_MONOTONIC) + k_patience;
    for (;;) {
        std::uint32_t now = asked.state.load(std::memory_order_acquire); // pairs with answer
        if (now == which + question::k_answered) return true;
        const bool is_answering = now == which + question::k_answering; // some microseconds
        if (!is_answering && read_clock(CLOCK_MONOTONIC) >= deadline &&
            asked.state.compare_exchange_strong(now, which, std::memory_order_relaxed))
            return false;
        futex_wait(asked.state, now, is_answering ? k_never : deadline);
    }
}

} // namespace

void prepare_thread_stacks() {
    const std::lock_guard guard(one_at_a_time);
    if (used_signal.load(std::memory_order_relaxed) != 0) return;
    question warm_up;
    _Unwind_Backtrace(note_frame, &warm_up);
    struct sigaction action {
    }, before{};
    action.sa_sigaction = answer;
    action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
    sigfillset(&action.sa_mask);
    for (int signal = SIGRTMIN; signal <= SIGRTMAX; ++signal) {
        if (sigaction(signal, nullptr, &before) != 0 || (before.sa_flags & SA_SIGINFO) != 0 ||
            before.sa_handler != SIG_DFL)
            continue;
        if (sigaction(signal, &action, nullptr) != 0) continue;
        used_signal.store(signal, std::memory_order_relaxed);
        return;
    }
    throw std::system_error(
        EAGAIN, std::generic_category(),
        "weft: runtime_options::slow_task_stack needs a real-time signal, and the "
        "program handles all of them");
}

std::vector<const void*> stack_of_thread(int thread_id) {
    const std::lock_guard guard(one_at_a_time);
    const int signal = used_signal.load(std::memory_order_relaxed);
    if (signal == 0) return {};
    const std::uint32_t which =
        (asked.state.load(std::memory_order_relaxed) & ~(question::k_step - 1)) + question::k_step;
    asked.state.store(which + question::k_asked, std::memory_order_release); // pairs with answer
    if (!send(thread_id, signal, which) || !wait_for_answer(which)) return {};
    // In parentheses: braces would make a vector of these two pointers.
    return std::vector<const void*>(asked.frames.data(), asked.frames.data() + asked.count);
}

std::string describe_code(const void* address) {
    Dl_info found{};
    std::array<char, 64> number{};
    const auto hex = [&](const void* from) {
        const auto distance = static_cast<const char*>(address) - static_cast<const char*>(from);
        std::snprintf(number.data(), number.size(), " + 0x%tx", distance);
        return number.data();
    };
    if (dladdr(address, &found) == 0 || found.dli_fname == nullptr) {
        std::snprintf(number.data(), number.size(), "%p", address);
        return number.data();
    }
    std::string_view file = found.dli_fname;
    file.remove_prefix(file.rfind('/') + 1); // from npos to 0
    std::string module = std::string(file) + hex(found.dli_fbase);
    if (found.dli_sname == nullptr) return module;
    return demangled(found.dli_sname) + hex(found.dli_saddr) + " (" + module + ")";
}

} // namespace weft::detail
