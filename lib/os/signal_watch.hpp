// SPDX-License-Identifier: Apache-2.0
// A POSIX signal as an event for any number of listeners, of any runtimes. Protocol: README.md.
#pragma once

#include <weft/base/unique_function.hpp>

namespace weft::detail {

/// From its construction on each arrival of the signal calls `arrived` once, by a thread of the library, never in signal
/// context; arrivals in quick succession may be one call. The last watch of a signal that ends puts its disposition back as the first
/// one found it, unless somebody else has changed it meanwhile.
class signal_watch {
public:
    /// `arrived` must not wait, throw, or make or end watches. Throws std::invalid_argument for what is no signal,
    /// std::system_error if the kernel refuses (SIGKILL, SIGSTOP; no descriptor or thread left).
    signal_watch(int signal, unique_function<void()> arrived);
    /// On return nobody is in `arrived`, nor will be.
    ~signal_watch();
    signal_watch(const signal_watch&) = delete;
    signal_watch& operator=(const signal_watch&) = delete;

    const int signal;
    unique_function<void()> arrived;
};

} // namespace weft::detail
