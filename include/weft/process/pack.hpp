// SPDX-License-Identifier: Apache-2.0
// Values as bytes, by cereal: for processes of the same image, so numbers travel as they are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <cereal/cereal.hpp>
#include <cereal/types/array.hpp>
#include <cereal/types/bitset.hpp>
#include <cereal/types/chrono.hpp>
#include <cereal/types/complex.hpp>
#include <cereal/types/deque.hpp>
#include <cereal/types/forward_list.hpp>
#include <cereal/types/list.hpp>
#include <cereal/types/map.hpp>
#include <cereal/types/memory.hpp>
#include <cereal/types/optional.hpp>
#include <cereal/types/queue.hpp>
#include <cereal/types/set.hpp>
#include <cereal/types/stack.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/tuple.hpp>
#include <cereal/types/unordered_map.hpp>
#include <cereal/types/unordered_set.hpp>
#include <cereal/types/utility.hpp>
#include <cereal/types/valarray.hpp>
#include <cereal/types/variant.hpp>
#include <cereal/types/vector.hpp>

namespace weft::detail {

/// Bytes that are written one after another; where they lie is the derived class's business.
class out_buffer {
public:
    out_buffer(const out_buffer&) = delete;
    out_buffer& operator=(const out_buffer&) = delete;
    virtual ~out_buffer() = default;

    void write(const void* data, std::size_t n) {
        if (n > capacity_ - size_) make_room(n);
        if (n != 0) std::memcpy(data_ + size_, data, n);
        size_ += n;
    }
    [[nodiscard]] const std::byte* data() const noexcept { return data_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

protected:
    out_buffer() = default;
    /// Moves what is there to where n bytes more have room.
    virtual void make_room(std::size_t n) = 0;

    std::byte* data_ = nullptr;
    std::size_t size_ = 0, capacity_ = 0;
};

/// Bytes that are read one after another; the end is checked, whatever the other process wrote.
class in_buffer {
public:
    in_buffer(const std::byte* data, std::size_t size) noexcept : at_(data), left_(size) {}

    void read(void* to, std::size_t n) {
        const std::byte* from = take(n);
        if (n != 0) std::memcpy(to, from, n);
    }
    /// The next n, where they lie.
    const std::byte* take(std::size_t n) {
        if (n > left_) throw std::length_error("weft: a message between processes ends too early");
        left_ -= n;
        return std::exchange(at_, at_ + n);
    }
    [[nodiscard]] std::size_t left() const noexcept { return left_; }

private:
    const std::byte* at_;
    std::size_t left_;
};

class packer : public cereal::OutputArchive<packer, cereal::AllowEmptyClassElision> {
public:
    explicit packer(out_buffer& to) : OutputArchive(this), to_(to) {}
    void saveBinary(const void* data, std::size_t n) { to_.write(data, n); } // cereal's name

private:
    out_buffer& to_;
};

class unpacker : public cereal::InputArchive<unpacker, cereal::AllowEmptyClassElision> {
public:
    explicit unpacker(in_buffer& from) : InputArchive(this), from_(from) {}
    void loadBinary(void* to, std::size_t n) { from_.read(to, n); } // cereal's name
    [[nodiscard]] std::size_t left() const noexcept { return from_.left(); }
    /// The next n values, where they lie; null if they are not aligned there.
    template <class T>
    const T* values_in_place(std::size_t n) {
        if (n > from_.left() / sizeof(T)) static_cast<void>(from_.take(from_.left() + 1)); // throws
        const std::byte* at = from_.take(0);
        if (reinterpret_cast<std::uintptr_t>(at) % alignof(T) != 0) return nullptr;
        return reinterpret_cast<const T*>(from_.take(n * sizeof(T)));
    }

private:
    in_buffer& from_;
};

// What cereal asks of an archive: found by argument-dependent look-up.

template <class T>
    requires std::is_arithmetic_v<T>
void CEREAL_SAVE_FUNCTION_NAME(packer& ar, const T& x) {
    ar.saveBinary(std::addressof(x), sizeof x);
}
template <class T>
    requires std::is_arithmetic_v<T>
void CEREAL_LOAD_FUNCTION_NAME(unpacker& ar, T& x) { ar.loadBinary(std::addressof(x), sizeof x); }
template <class T>
void CEREAL_SERIALIZE_FUNCTION_NAME(packer& ar, cereal::NameValuePair<T>& x) {
    ar(x.value);
}
template <class T>
void CEREAL_SERIALIZE_FUNCTION_NAME(unpacker& ar, cereal::NameValuePair<T>& x) {
    ar(x.value);
}
template <class T>
void CEREAL_SERIALIZE_FUNCTION_NAME(packer& ar, cereal::SizeTag<T>& x) {
    ar(x.size);
}

template <class T>
void CEREAL_SERIALIZE_FUNCTION_NAME(unpacker& ar, cereal::SizeTag<T>& x) {
    ar(x.size);
}
template <class T>
void CEREAL_SAVE_FUNCTION_NAME(packer& ar, const cereal::BinaryData<T>& x) {
    ar.saveBinary(x.data, static_cast<std::size_t>(x.size));
}
template <class T>
void CEREAL_LOAD_FUNCTION_NAME(unpacker& ar, cereal::BinaryData<T>& x) {
    ar.loadBinary(x.data, static_cast<std::size_t>(x.size));
}

/// Strings and vectors of numbers, as cereal writes them. Its own way to read them is to fill them with zeros first: with a large one
/// that costs as much as the copy.
template <class Container>
void load_numbers(unpacker& ar, Container& to) {
    using number = typename Container::value_type;
    cereal::size_type count = 0;
    ar(cereal::make_size_tag(count));
    const auto n = static_cast<std::size_t>(count);
    if (const number* values = ar.values_in_place<number>(n)) {
        to.assign(values, values + n);
    } else {
        to.resize(n);
        ar.loadBinary(to.data(), n * sizeof(number));
    }
}
template <class C, class Traits, class A>
void CEREAL_LOAD_FUNCTION_NAME(unpacker& ar, std::basic_string<C, Traits, A>& to) {
    load_numbers(ar, to);
}
template <class T, class A>
    requires(std::is_arithmetic_v<T> && !std::is_same_v<T, bool>)
void CEREAL_LOAD_FUNCTION_NAME(unpacker& ar, std::vector<T, A>& to) { load_numbers(ar, to); }

} // namespace weft::detail

CEREAL_REGISTER_ARCHIVE(weft::detail::packer)
CEREAL_REGISTER_ARCHIVE(weft::detail::unpacker)
CEREAL_SETUP_ARCHIVE_TRAITS(weft::detail::unpacker, weft::detail::packer)
