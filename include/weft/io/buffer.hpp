// SPDX-License-Identifier: Apache-2.0
// What reads and writes take: any contiguous bytes.
#pragma once

#include <cstddef>
#include <cstring>
#include <ranges>
#include <type_traits>

namespace weft {

/// char, std::byte and unsigned char.
template <class T>
concept byte_like = std::is_same_v < std::remove_cv_t<T>,
char > || std::is_same_v<std::remove_cv_t<T>, std::byte> ||
    std::is_same_v<std::remove_cv_t<T>, unsigned char>;

namespace detail {
template <class R>
concept byte_range = std::ranges::contiguous_range<R> && std::ranges::sized_range<R> &&
    byte_like<std::remove_reference_t<std::ranges::range_reference_t<R>>>;
template <class R>
concept writable_byte_range =
    byte_range<R> && !std::is_const_v<std::remove_reference_t<std::ranges::range_reference_t<R>>>;
template <class T>
inline constexpr bool is_literal = false;
template <std::size_t N>
inline constexpr bool is_literal<const char (&)[N]> = true;
} // namespace detail

/// Bytes to be filled: made from a span, array, std::string, std::vector, ... of byte_like. Refers, never owns.
struct mutable_buffer {
    void* data = nullptr;
    std::size_t size = 0;

    mutable_buffer(void* d, std::size_t n) noexcept : data(d), size(n) {}
    template <detail::writable_byte_range R>
        requires(std::ranges::borrowed_range<R> || std::is_lvalue_reference_v<R>)
    mutable_buffer(R&& r)
    noexcept : data(std::ranges::data(r)), size(std::ranges::size(r)) {} // NOLINT: implicit
};

/// Bytes to be sent: as mutable_buffer, but const will do, temporaries too, and a C string without its zero.
struct const_buffer {
    const void* data = nullptr;
    std::size_t size = 0;

    const_buffer(const void* d, std::size_t n) noexcept : data(d), size(n) {}
    const_buffer(const char* text) noexcept
        : data(text),
          size(std::strlen(text)) {} // NOLINT: implicit
    template <detail::byte_range R>
        requires(!detail::is_literal<R>)
    const_buffer(R&& r)
    noexcept : data(std::ranges::data(r)), size(std::ranges::size(r)) {} // NOLINT: implicit
};

namespace net {
using weft::const_buffer;
using weft::mutable_buffer;
} // namespace net

} // namespace weft
