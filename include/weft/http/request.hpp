// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include <weft/net/address.hpp>

namespace weft::http {

namespace detail {
struct request_data;
}

/// A field of a header, as it came.
struct field {
    std::string_view name;
    std::string_view value;
};

/// What a handler is asked. Lives until the handler returns, and so does all that it gives out; may be read by several threads
/// at once. Nothing here suspends.
class request {
public:
    request(const request&) = delete;
    request& operator=(const request&) = delete;

    [[nodiscard]] std::string_view method() const noexcept; ///< "GET"
    [[nodiscard]] std::string_view target() const noexcept; ///< as sent: "/users/7?sort=name"
    [[nodiscard]] std::string_view path()
        const noexcept; ///< percent-decoded, without the query: "/users/7"
    [[nodiscard]] bool keeps_alive()
        const noexcept; ///< does the client want to go on with this connection?

    /// The part of the path that {name} of the pattern stands for, percent-decoded. Throws std::out_of_range if the pattern
    /// has no such name.
    [[nodiscard]] std::string_view param(std::string_view name) const;
    /// The first such parameter of the query, percent-decoded, + as blank; nothing if it is missing.
    [[nodiscard]] std::optional<std::string_view> query(std::string_view name) const noexcept;
    /// The first such field of the header; names match whatever their case.
    [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const noexcept;
    [[nodiscard]] std::span<const field> headers() const noexcept;
    [[nodiscard]] std::string_view body() const noexcept;
    [[nodiscard]] const net::address& peer() const noexcept;

    /// For the server.
    explicit request(const detail::request_data& data) noexcept : data_(data) {}

private:
    const detail::request_data& data_;
};

} // namespace weft::http
