// SPDX-License-Identifier: Apache-2.0
#include <weft/net/address.hpp>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace weft::net {
namespace {

// The number of an interface: by name, or as digits.
std::optional<std::uint32_t> scope_of(const std::string& name) {
    std::uint32_t n = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), n);
    if (error == std::errc() && end == name.data() + name.size()) return n;
    n = if_nametoindex(name.c_str());
    return n != 0 ? std::optional(n) : std::nullopt;
}

} // namespace

address::address(const sockaddr* native, socklen_t size) noexcept
    : size_(std::min<socklen_t>(size, sizeof storage_)) {
    std::memcpy(&storage_, native, size_);
}

std::optional<address> address::parse(std::string_view host, std::uint16_t port) {
    if (host.size() >= 2 && host.front() == '[' && host.back() == ']')
        host = host.substr(1, host.size() - 2);
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    const std::string text(host);
    if (text.empty() || inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1)
        return address(reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    const std::size_t percent = text.find('%');
    if (inet_pton(AF_INET6, text.substr(0, percent).c_str(), &v6.sin6_addr) != 1)
        return std::nullopt;
    if (percent != std::string::npos) {
        const auto scope = scope_of(text.substr(percent + 1));
        if (!scope) return std::nullopt;
        v6.sin6_scope_id = *scope;
    }
    return address(reinterpret_cast<const sockaddr*>(&v6), sizeof v6);
}

std::uint16_t address::port() const noexcept {
    if (is_v4()) return ntohs(reinterpret_cast<const sockaddr_in&>(storage_).sin_port);
    if (is_v6()) return ntohs(reinterpret_cast<const sockaddr_in6&>(storage_).sin6_port);
    return 0;
}

std::string address::host() const {
    char text[INET6_ADDRSTRLEN] = "";
    if (is_v4())
        inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(storage_).sin_addr, text,
                  sizeof text);
    if (!is_v6()) return text;
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage_);
    inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
    return v6.sin6_scope_id == 0 ? text : text + ("%" + std::to_string(v6.sin6_scope_id));
}

std::string address::to_string() const {
    if (is_v4()) return host() + ":" + std::to_string(port());
    if (is_v6()) return "[" + host() + "]:" + std::to_string(port());
    return {};
}

bool operator==(const address& a, const address& b) noexcept {
    return a.size_ == b.size_ && std::memcmp(&a.storage_, &b.storage_, a.size_) == 0;
}

} // namespace weft::net
