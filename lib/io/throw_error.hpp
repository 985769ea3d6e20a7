// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>

namespace weft::detail {

/// Throws timeout_error for -ETIME, else std::system_error.
[[noreturn]] void throw_io_error(ssize_t minus_error, const std::string& what);

} // namespace weft::detail
