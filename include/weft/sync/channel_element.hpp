// SPDX-License-Identifier: Apache-2.0
// How an element of type T becomes the bytes that a channel carries, and T again.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

namespace weft::detail {

/// Small and trivially copyable: the bytes are the element.
template <class T>
inline constexpr bool travels_as_bytes = std::is_trivially_copyable_v<T> && sizeof(T) <= 128;

/// An element on its way in; `bytes` is what is sent. Then either `sent`, or `give_back` if it was moved from a T of the
/// caller's, or neither. Here: in a box, the bytes are its address.
template <class T>
class outgoing {
public:
    template <class U>
    explicit outgoing(U&& value) : box_(new T(std::forward<U>(value))),
                                   address_(box_.get()) {}
    [[nodiscard]] const void* bytes() const noexcept { return &address_; }
    void sent() noexcept { static_cast<void>(box_.release()); }
    void give_back(T& to) {
        if constexpr (std::is_move_assignable_v<T>) {
            to = std::move(*box_);
        } else {
            static_assert(std::is_nothrow_move_constructible_v<T>,
                          "weft::channel: an element that was not sent could not be given back");
            std::destroy_at(&to);
            std::construct_at(&to, std::move(*box_));
        }
    }

private:
    std::unique_ptr<T> box_;
    T* address_;
};

/// An element on its way out: `bytes` is where it arrives; then either `take` or `drop`.
template <class T>
class incoming {
public:
    static constexpr std::size_t k_size = sizeof(T*);
    [[nodiscard]] void* bytes() noexcept { return &address_; }
    std::optional<T> take() {
        const std::unique_ptr<T> box(address_);
        return std::optional<T>(std::move(*box));
    }
    void drop() noexcept { delete address_; }

private:
    T* address_ = nullptr;
};

template <class T>
    requires travels_as_bytes<T>
class outgoing<T> {
public:
    explicit outgoing(const T& value) noexcept : value_(value) {}
    [[nodiscard]] const void* bytes() const noexcept { return std::addressof(value_); }
    void sent() noexcept {}
    void give_back(T&) noexcept {}

private:
    const T& value_;
};

template <class T>
    requires travels_as_bytes<T>
class incoming<T> {
public:
    static constexpr std::size_t k_size = sizeof(T);
    [[nodiscard]] void* bytes() noexcept { return space_; }
    std::optional<T> take() noexcept {
        return std::optional<T>(std::move(*std::launder(reinterpret_cast<T*>(space_))));
    }
    void drop() noexcept {}

private:
    alignas(T) std::byte space_[sizeof(T)];
};

/// A unique_ptr needs no box of its own: the address travels, and the sender lets go once it has.
template <class T>
class outgoing<std::unique_ptr<T>> {
public:
    explicit outgoing(std::unique_ptr<T>&& value) noexcept : from_(value), address_(value.get()) {}
    [[nodiscard]] const void* bytes() const noexcept { return &address_; }
    void sent() noexcept { static_cast<void>(from_.release()); }
    void give_back(std::unique_ptr<T>&) noexcept {}

private:
    std::unique_ptr<T>& from_;
    typename std::unique_ptr<T>::pointer address_;
};

template <class T>
class incoming<std::unique_ptr<T>> {
public:
    using pointer = typename std::unique_ptr<T>::pointer;
    static constexpr std::size_t k_size = sizeof(pointer);
    [[nodiscard]] void* bytes() noexcept { return &address_; }
    std::optional<std::unique_ptr<T>> take() noexcept {
        return std::optional<std::unique_ptr<T>>(std::in_place, address_);
    }
    void drop() noexcept { std::unique_ptr<T> last(address_); }

private:
    pointer address_ = nullptr;
};

} // namespace weft::detail
