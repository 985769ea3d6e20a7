// SPDX-License-Identifier: Apache-2.0
#include "process/thrown.hpp"

#include <cxxabi.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <unwind.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

namespace weft::detail {
namespace {

constexpr int k_most_frames = 64;
constexpr std::size_t k_longest_text = 64 * 1024;

/// The stack of the latest throw that passed the watching frame. Of one thread: calls of a worker run on its main thread, and
/// what they describe is taken at once.
thread_local struct {
    void* frames[k_most_frames];
    int count;
} seen;

std::string readable(const char* symbol) {
    int status = 0;
    const std::unique_ptr<char, void (*)(void*)> text(
        abi::__cxa_demangle(symbol, nullptr, nullptr, &status), std::free);
    return status == 0 ? text.get() : symbol;
}

std::string_view symbol_of(const void* address) {
    Dl_info where{};
    if (dladdr(address, &where) == 0 || where.dli_sname == nullptr) return {};
    return where.dli_sname;
}

std::string line_of(void* address) {
    Dl_info where{};
    char text[64];
    const void* const call =
        static_cast<char*>(address) - 1; // the frame's address is behind its call
    if (dladdr(call, &where) == 0) {
        std::snprintf(text, sizeof text, "%p", address);
        return text;
    }
    const char* const slash = std::strrchr(where.dli_fname, '/');
    std::string line = where.dli_sname != nullptr ? readable(where.dli_sname) : "?";
    std::snprintf(text, sizeof text, "+0x%lx)",
                  static_cast<unsigned long>(static_cast<char*>(address) -
                                             static_cast<char*>(where.dli_fbase)));
    return line + " (" + (slash != nullptr ? slash + 1 : where.dli_fname) + text;
}

/// Without the frames of the throw itself, and of the worker below the call.
std::string describe_stack() {
    std::span frames(seen.frames, static_cast<std::size_t>(seen.count));
    for (std::size_t i = 0; i < frames.size() && i < 8; ++i) {
        const std::string_view symbol = symbol_of(frames[i]);
        if (symbol == "__cxa_throw" || symbol == "__cxa_rethrow" ||
            symbol == "_ZSt17rethrow_exceptionNSt15__exception_ptr13exception_ptrE")
            return [&] {
                std::string text;
                for (void* frame : frames.subspan(i + 1)) text += line_of(frame) + "\n";
                return text;
            }();
    }
    std::string text;
    for (void* frame : frames) text += line_of(frame) + "\n";
    return text;
}

void shorten(std::string& text) {
    if (text.size() > k_longest_text) text.replace(k_longest_text, std::string::npos, "...");
}

thrown_text describe_current() {
    thrown_text t;
    if (const std::type_info* type = abi::__cxa_current_exception_type())
        t.type_name = readable(type->name());
    try {
        throw;
    } catch (const std::exception& e) { t.what = e.what(); } catch (const cancelled_error& e) {
        t.what = e.what();
    } catch (const std::string& text) { t.what = text; } catch (const char* text) {
        t.what = text != nullptr ? text : "";
    } catch (...) { t.what = "an exception of type " + t.type_name; }
    shorten(t.what);
    shorten(t.type_name);
    return t;
}

} // namespace
} // namespace weft::detail

// The personality of the frame that watches: the unwinder asks it in its search phase, before anything is unwound, and only if
// no frame above it catches. It never has a handler.
extern "C" [[gnu::visibility("hidden"), gnu::used]] _Unwind_Reason_Code
weft_process_watch_personality(int, _Unwind_Action actions, _Unwind_Exception_Class,
                               _Unwind_Exception*, _Unwind_Context*) {
    using namespace weft::detail;
    if ((actions & _UA_SEARCH_PHASE) != 0) seen.count = backtrace(seen.frames, k_most_frames);
    return _URC_CONTINUE_UNWIND;
}

// void weft_process_watched(void (*f)(void*), void* argument): a call in a frame of that personality.
extern "C" [[gnu::visibility("hidden")]] void weft_process_watched(void (*f)(void*),
                                                                   void* argument);

#if defined(__x86_64__)
asm(R"(
    .text
    .globl weft_process_watched
    .hidden weft_process_watched
    .type weft_process_watched, @function
weft_process_watched:
    .cfi_startproc
    .cfi_personality 0x1b, weft_process_watch_personality
    endbr64
    pushq %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset %rbp, -16
    movq %rsp, %rbp
    .cfi_def_cfa_register %rbp
    movq %rdi, %rax
    movq %rsi, %rdi
    call *%rax
    popq %rbp
    .cfi_def_cfa %rsp, 8
    ret
    .cfi_endproc
    .size weft_process_watched, .-weft_process_watched
)");
#elif defined(__aarch64__)
asm(R"(
    .text
    .globl weft_process_watched
    .hidden weft_process_watched
    .type weft_process_watched, @function
weft_process_watched:
    .cfi_startproc
    .cfi_personality 0x1b, weft_process_watch_personality
    stp x29, x30, [sp, #-16]!
    .cfi_def_cfa_offset 16
    .cfi_offset 29, -16
    .cfi_offset 30, -8
    mov x29, sp
    mov x2, x0
    mov x0, x1
    blr x2
    ldp x29, x30, [sp], #16
    .cfi_restore 30
    .cfi_restore 29
    .cfi_def_cfa_offset 0
    ret
    .cfi_endproc
    .size weft_process_watched, .-weft_process_watched
)");
#else
#    error "weft-process: write weft_process_watched for this machine"
#endif

namespace weft::detail {

bool describes_throw(void (*f)(void*), void* argument, thrown_text& thrown) {
    seen.count = 0;
    try {
        weft_process_watched(f, argument);
        return false;
    } catch (...) {
        thrown = describe_current();
        thrown.stack = describe_stack();
        return true;
    }
}

} // namespace weft::detail
