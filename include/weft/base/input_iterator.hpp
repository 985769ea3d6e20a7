// SPDX-License-Identifier: Apache-2.0
// What the input iterators of the library have in common.
#pragma once

#include <cstddef>
#include <iterator>
#include <optional>
#include <utility>

namespace weft::detail {

/// The member types of an input iterator over T.
template <class T>
struct input_iterator_types {
    using iterator_concept = std::input_iterator_tag;
    using iterator_category = std::input_iterator_tag;
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    using pointer = T*;
    using reference = T&;
};

/// Over what Next (a member function of Source) gives until it gives nothing. The value is the iterator's own until it goes on.
template <class Source, class T, std::optional<T> (Source::*Next)()>
class pull_iterator : public input_iterator_types<T> {
public:
    explicit pull_iterator(Source& from) : from_(&from), now_((from.*Next)()) {}

    [[nodiscard]] T& operator*() const noexcept { return *now_; }
    [[nodiscard]] T* operator->() const noexcept { return &*now_; }
    pull_iterator& operator++() {
        now_.reset(); // T need not be assignable
        if (std::optional<T> next = (from_->*Next)()) now_.emplace(std::move(*next));
        return *this;
    }
    void operator++(int) { ++*this; }
    [[nodiscard]] bool operator==(std::default_sentinel_t) const noexcept { return !now_; }

private:
    Source* from_;
    mutable std::optional<T> now_;
};

} // namespace weft::detail
