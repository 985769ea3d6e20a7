// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "http/message.hpp"

namespace weft::http::detail {

/// Nothing if a % is not followed by two hexadecimal digits.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_blank);

/// Splits target into path and query, decoded. False: it is no target that a server can answer.
bool split_target(request_data& r);

} // namespace weft::http::detail
