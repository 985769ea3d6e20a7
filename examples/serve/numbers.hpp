// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace serve {

/// A request's parameter that can't be used; what() is for the client: it names the parameter and what would be right.
class bad_parameter : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// Reads the whole number of a query parameter; throws bad_parameter.
unsigned parse_number(std::string_view name, std::optional<std::string_view> text, unsigned least,
                      unsigned most);

/// Text from outside, fit to be shown in a message: cut after 40 bytes, control bytes as '?'.
std::string quoted(std::string_view text);

} // namespace serve
