// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iterator>
#include <ranges>
#include <stdexcept>
#include <string>

#include <weft/compute/parallel_for.hpp>

namespace weft {
namespace detail {

/// Where an algorithm writes n elements: an iterator, or a range that has room for them.
template <std::random_access_iterator Out>
Out begin_of_output(Out& out, std::size_t, const char*) {
    return out;
}
template <std::ranges::random_access_range Out>
auto begin_of_output(Out& out, std::size_t n, const char* algorithm) {
    const auto room = static_cast<std::size_t>(std::ranges::distance(out));
    if (room < n)
        throw std::invalid_argument("weft::" + std::string(algorithm) +
                                    ": the output has room for " + std::to_string(room) +
                                    " elements, the input has " + std::to_string(n) +
                                    "; resize it first");
    return std::ranges::begin(out);
}

} // namespace detail

/// out[i] = f(in[i]) for each element, as parallel_for. `in` has random access; `out` is a range with room for as many
/// elements, or an iterator; it may be `in`. Throws std::invalid_argument if `out` is too short.
///
///     weft::parallel_transform(in, out, [](double x) { return x * x; });
template <std::ranges::random_access_range In, class Out, class F>
    requires std::invocable<F&, std::ranges::range_reference_t<In>>
void parallel_transform(In&& in, Out&& out, F&& f, parallel_options options = {}) {
    const auto n = std::ranges::distance(in);
    const auto from = std::ranges::begin(in);
    const auto to = detail::begin_of_output(out, static_cast<std::size_t>(n), "parallel_transform");
    using step = std::ranges::range_difference_t<In>;
    parallel_for(
        step{0}, static_cast<step>(n), [&](step i) { to[i] = f(from[i]); }, options);
}

} // namespace weft
