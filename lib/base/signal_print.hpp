// SPDX-License-Identifier: Apache-2.0
// Text to a descriptor from a signal handler: write(2) only.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <cstring>

namespace weft::detail {

inline void signal_print(int fd, const char* text) noexcept {
    [[maybe_unused]] const auto written = ::write(fd, text, std::strlen(text));
}

inline void signal_print(int fd, std::uint64_t number, unsigned base = 10) noexcept {
    char digits[24];
    char* at = digits + sizeof digits - 1;
    *at = 0;
    do *--at = "0123456789abcdef"[number % base];
    while ((number /= base) != 0);
    signal_print(fd, at);
}

} // namespace weft::detail
