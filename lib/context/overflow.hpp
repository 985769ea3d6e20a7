// SPDX-License-Identifier: Apache-2.0
// Names the task whose stack overflowed, instead of a bare segmentation fault.
#pragma once

#include <weft/context/stack.hpp>

namespace weft::detail {

/// Writes who owns the stack (name, spawn site) to `fd`; async-signal-safe. Set once by the layer that knows fibers.
using owner_printer = void (*)(int fd, const stack& s);

/// Installs the SIGSEGV/SIGBUS handler of the process, once, and the printer unless it is null; faults that are none of ours go to the previous handler.
void install_overflow_handler(owner_printer printer) noexcept;

/// Gives the calling thread a signal stack (the handler can't run on the stack that overflowed).
class signal_stack {
public:
    signal_stack() noexcept;
    ~signal_stack();
    signal_stack(const signal_stack&) = delete;
    signal_stack& operator=(const signal_stack&) = delete;

private:
    void* memory_ = nullptr;
};

/// The report itself, then abort.
[[noreturn]] void report_overflow(const stack& s) noexcept;

} // namespace weft::detail
