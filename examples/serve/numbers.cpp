// SPDX-License-Identifier: Apache-2.0
#include "numbers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace serve {

std::string quoted(std::string_view text) {
    constexpr std::size_t k_most_shown = 40;
    std::string shown(text.substr(0, k_most_shown));
    std::replace_if(
        shown.begin(), shown.end(), [](unsigned char c) { return c < ' ' || c >= 127; }, '?');
    return fmt::format("'{}{}'", shown, text.size() > k_most_shown ? "..." : "");
}

unsigned parse_number(std::string_view name, std::optional<std::string_view> text, unsigned least,
                      unsigned most) {
    if (!text)
        throw bad_parameter(
            fmt::format("{} is missing: give {}=N with N from {} to {}", name, name, least, most));
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
    if (error != std::errc() || end != text->data() + text->size() || value < least || value > most)
        throw bad_parameter(fmt::format("{} must be a whole number from {} to {}, not {}", name,
                                        least, most, quoted(*text)));
    return value;
}

} // namespace serve
