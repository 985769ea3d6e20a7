// SPDX-License-Identifier: Apache-2.0
#include "http/url.hpp"

#include <algorithm>

namespace weft::http::detail {
namespace {

int hex_digit(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// "http://host:80/path?query" as a proxy's client sends it: what follows the authority.
std::string_view after_authority(std::string_view target) noexcept {
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (target.size() < scheme.size() || !same_name(target.substr(0, scheme.size()), scheme))
            continue;
        const std::size_t end = target.find_first_of("/?", scheme.size());
        return end == std::string_view::npos ? "/" : target.substr(end);
    }
    return target;
}

std::string_view decoded(request_data& r, std::string_view text) {
    if (text.find_first_of("%+") == std::string_view::npos) return text;
    auto d = percent_decode(text, true);
    return d ? r.keep(std::move(*d)) : text;
}

void decode_query(request_data& r) {
    for (std::string_view rest = r.query; !rest.empty();) {
        const std::string_view pair = rest.substr(0, rest.find('&'));
        rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
        const std::size_t equals = pair.find('=');
        const std::string_view value =
            equals == std::string_view::npos ? "" : pair.substr(equals + 1);
        r.decoded_query.emplace_back(decoded(r, pair.substr(0, equals)), decoded(r, value));
    }
}

} // namespace

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_blank) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c == '%') {
            const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
            const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
            if (high < 0 || low < 0) return std::nullopt;
            c = static_cast<char>(high * 16 + low);
            i += 2;
        } else if (c == '+' && plus_is_blank) {
            c = ' ';
        }
        out.push_back(c);
    }
    return out;
}

bool split_target(request_data& r) {
    std::string_view t = after_authority(r.target);
    t = t.substr(0, t.find('#'));
    const std::size_t mark = t.find('?');
    r.path = t.substr(0, mark);
    if (r.path.empty()) r.path = "/";
    if (mark != std::string_view::npos) {
        r.query = t.substr(mark + 1);
        if (r.query.find_first_of("%+") != std::string_view::npos) decode_query(r);
    }
    if (r.path.find('%') != std::string_view::npos) {
        auto path = percent_decode(r.path, false);
        if (!path || path->find('\0') != std::string::npos) return false;
        r.path = r.keep(std::move(*path));
    }
    return r.path.front() == '/' || r.path == "*";
}

} // namespace weft::http::detail
