// SPDX-License-Identifier: Apache-2.0
#include "io/throw_error.hpp"

#include <cerrno>
#include <system_error>

#include <weft/base/error.hpp>

namespace weft::detail {

void throw_io_error(ssize_t minus_error, const std::string& what) {
    if (minus_error == -ETIME) throw timeout_error(what + ": timed out");
    throw std::system_error(static_cast<int>(-minus_error), std::generic_category(), what);
}

} // namespace weft::detail
