// SPDX-License-Identifier: Apache-2.0
#include <weft/http/request.hpp>

#include <stdexcept>
#include <string>

#include "http/message.hpp"

namespace weft::http {

namespace detail {

bool same_name(std::string_view a, std::string_view b) noexcept {
    if (a.size() != b.size()) return false;
    const auto lower = [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
    };
    for (std::size_t i = 0; i < a.size(); ++i)
        if (a[i] != b[i] && lower(a[i]) != lower(b[i])) return false;
    return true;
}

} // namespace detail

std::string_view request::method() const noexcept { return data_.method; }
std::string_view request::target() const noexcept { return data_.target; }
std::string_view request::path() const noexcept { return data_.path; }
bool request::keeps_alive() const noexcept { return data_.keeps_alive; }
std::string_view request::body() const noexcept { return data_.body; }
const net::address& request::peer() const noexcept { return data_.peer; }
std::span<const field> request::headers() const noexcept { return data_.fields; }

std::string_view request::param(std::string_view name) const {
    for (const auto& [key, value] : data_.params)
        if (key == name) return value;
    throw std::out_of_range("weft: the route has no {" + std::string(name) + "}");
}

std::optional<std::string_view> request::query(std::string_view name) const noexcept {
    if (!data_.decoded_query.empty()) {
        for (const auto& [key, value] : data_.decoded_query)
            if (key == name) return value;
        return std::nullopt;
    }
    for (std::string_view rest = data_.query; !rest.empty();) {
        const std::string_view pair = rest.substr(0, rest.find('&'));
        rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
        const std::size_t equals = pair.find('=');
        if (pair.substr(0, equals) != name) continue;
        return equals == std::string_view::npos ? std::string_view("") : pair.substr(equals + 1);
    }
    return std::nullopt;
}

std::optional<std::string_view> request::header(std::string_view name) const noexcept {
    for (const field& f : data_.fields)
        if (detail::same_name(f.name, name)) return f.value;
    return std::nullopt;
}

} // namespace weft::http
