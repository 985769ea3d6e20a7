// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weft::net {

/// An IPv4 or IPv6 address with a port. A value; empty by default.
class address {
public:
    address() noexcept = default;
    /// From the kernel's form.
    address(const sockaddr* native, socklen_t size) noexcept;

    /// "127.0.0.1", "::1" (also "[::1]"), "fe80::1%eth0"; "" is any IPv4 address. Nothing if it is no numeric address.
    static std::optional<address> parse(std::string_view host, std::uint16_t port);

    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] bool is_v4() const noexcept {
        return size_ != 0 && storage_.ss_family == AF_INET;
    }
    [[nodiscard]] bool is_v6() const noexcept {
        return size_ != 0 && storage_.ss_family == AF_INET6;
    }
    [[nodiscard]] std::uint16_t port() const noexcept;
    /// Without the port: "127.0.0.1", "::1".
    [[nodiscard]] std::string host() const;
    /// "127.0.0.1:80", "[::1]:80"; "" if empty.
    [[nodiscard]] std::string to_string() const;

    [[nodiscard]] const sockaddr* native() const noexcept {
        return reinterpret_cast<const sockaddr*>(&storage_);
    }
    [[nodiscard]] socklen_t native_size() const noexcept { return size_; }

    friend bool operator==(const address& a, const address& b) noexcept;

private:
    sockaddr_storage storage_{};
    socklen_t size_ = 0;
};

/// The addresses of a host: numeric ones and "localhost" at once; other names by getaddrinfo on a thread of its own.
/// Suspends a task, blocks a plain thread; a cancel point. Throws std::system_error if there are none.
std::vector<address> resolve(const std::string& host, std::uint16_t port);

} // namespace weft::net
