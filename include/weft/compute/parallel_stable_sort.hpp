// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <functional>
#include <iterator>
#include <memory>
#include <utility>

#include <weft/compute/parallel_for.hpp>

namespace weft {
namespace detail {

/// Memory for n elements; what was made of it is destroyed at the end.
template <class T>
class sort_buffer {
public:
    explicit sort_buffer(std::size_t n) : n_(n), data_(std::allocator<T>().allocate(n)) {}
    sort_buffer(const sort_buffer&) = delete;
    sort_buffer& operator=(const sort_buffer&) = delete;
    ~sort_buffer() {
        if (filled_) std::destroy_n(data_, n_);
        std::allocator<T>().deallocate(data_, n_);
    }
    /// Once: every element by move. A move constructor that throws leaves nothing behind here.
    template <class It>
    void fill_from(It begin) {
        std::uninitialized_move_n(begin, n_, data_);
        filled_ = true;
    }
    [[nodiscard]] T* data() noexcept { return data_; }

private:
    const std::size_t n_;
    T* const data_;
    bool filled_ = false;
};

/// Merge sort between the range and a buffer of its size; halves are forks, and so are the halves of a merge (Cormen et al.,
/// "Introduction to Algorithms", 3rd edition, 27.3).
template <class T, class Less>
class merge_sort {
public:
    merge_sort(Less& less, std::size_t small) noexcept : less_(less), small_(small) {}

    // Sorts n elements that lie in `from`, which it destroys the order of, into `to` (or in place).
    template <class From, class To>
    void run(From from, To to, std::size_t n, bool in_place) {
        if (n <= small_) {
            throw_if_cancelled();
            std::stable_sort(from, from + diff(n), std::ref(less_));
            if (!in_place) std::move(from, from + diff(n), to);
            return;
        }
        const std::size_t half = n / 2;
        gather_calls([=, this] { run(from, to, half, !in_place); },
                     [=, this] { run(from + diff(half), to + diff(half), n - half, !in_place); });
        if (in_place)
            merge(to, half, to + diff(half), n - half, from);
        else
            merge(from, half, from + diff(half), n - half, to);
    }

private:
    static std::ptrdiff_t diff(std::size_t n) noexcept { return static_cast<std::ptrdiff_t>(n); }

    // Of equal elements those of a come first.
    template <class From, class To>
    void merge(From a, std::size_t na, From b, std::size_t nb, To to) {
        if (na + nb <= small_) {
            throw_if_cancelled();
            std::merge(std::make_move_iterator(a), std::make_move_iterator(a + diff(na)),
                       std::make_move_iterator(b), std::make_move_iterator(b + diff(nb)), to,
                       [this](const T& x, const T& y) { return less_(x, y); });
            return;
        }
        std::size_t ma = na / 2, mb = nb / 2;
        if (na >= nb)
            mb = static_cast<std::size_t>(
                std::lower_bound(b, b + diff(nb), a[diff(ma)], std::ref(less_)) - b);
        else
            ma = static_cast<std::size_t>(
                std::upper_bound(a, a + diff(na), b[diff(mb)], std::ref(less_)) - a);
        gather_calls(
            [=, this] { merge(a, ma, b, mb, to); },
            [=, this] { merge(a + diff(ma), na - ma, b + diff(mb), nb - mb, to + diff(ma + mb)); });
    }

    Less& less_;
    const std::size_t small_;
};

} // namespace detail

/// Sorts as std::stable_sort does: equal elements keep their order. Needs memory for as many elements again. If the comparator
/// throws, or the caller is cancelled, the elements are valid, but some may have been moved from. Else as parallel_sort.
template <std::random_access_iterator It, class Less = std::less<>>
void parallel_stable_sort(It begin, It end, Less less = {}, parallel_options options = {}) {
    constexpr std::size_t k_small = 2048;
    using value = std::iter_value_t<It>;
    const auto n = static_cast<std::size_t>(end - begin);
    const std::size_t small =
        options.grain != 0 ? std::max<std::size_t>(options.grain, 16) : k_small;
    if (n <= small) return std::stable_sort(begin, end, std::ref(less));
    detail::sort_buffer<value> buffer(n);
    buffer.fill_from(begin);
    detail::merge_sort<value, Less>(less, small).run(buffer.data(), begin, n, false);
}

} // namespace weft
