// SPDX-License-Identifier: Apache-2.0
// The results of a function over a range, computed by an executor: in order, with a bounded look-ahead.
#pragma once

#include <algorithm>
#include <chrono>
#include <deque>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <utility>
#include <variant>
#include <vector>

#include <weft/base/input_iterator.hpp>
#include <weft/task/future.hpp>

namespace weft {

struct map_options {
    std::size_t chunk_size = 0; ///< inputs per call; 0: chosen by the length of the range
    std::size_t look_ahead = 0; ///< calls in flight, at most; 0: twice the workers and one
    /// Counts from the call of map: then the iteration throws timeout_error. Empty: no limit.
    std::optional<std::chrono::nanoseconds> timeout = {};
};

namespace detail {

/// What f gives, as a value: references are copied, void is monostate.
template <class F, class... Args>
using map_value =
    std::conditional_t<std::is_void_v<std::invoke_result_t<F, Args...>>, std::monostate,
                       std::decay_t<std::invoke_result_t<F, Args...>>>;

/// The results of one call; if one threw, those before it and the exception. (Not vector<R>: its bool is none.)
template <class R>
struct map_chunk {
    std::deque<R> results = {};
    std::exception_ptr error = {};
};

/// A function and the inputs of one call.
template <class F, class Items>
class map_chunk_call {
    using value = map_value<F&, typename Items::value_type&>;

public:
    map_chunk_call(const F& f, Items items) : function_(f), items_(std::move(items)) {}

    map_chunk<value> operator()() {
        map_chunk<value> out;
        try {
            for (auto& item : items_) {
                if constexpr (std::is_void_v<std::invoke_result_t<F&, decltype(item)>>) {
                    std::invoke(function_, item);
                    out.results.emplace_back();
                } else {
                    out.results.push_back(std::invoke(function_, item));
                }
            }
        } catch (...) { out.error = std::current_exception(); }
        return out;
    }

private:
    F function_;
    Items items_;
};

/// Where map_results gets its calls from.
template <class R>
class map_source {
public:
    map_source() = default;
    map_source(const map_source&) = delete;
    map_source& operator=(const map_source&) = delete;
    virtual ~map_source() = default;
    /// Submits the next chunk; empty at the end of the inputs.
    virtual std::optional<future<map_chunk<R>>> next() = 0;
    /// Nobody wants that call's results any more.
    virtual void abandon(future<map_chunk<R>>& call) noexcept = 0;
};

template <class R, class View, bool Owned, class Submit, class Abandon>
class range_map_source final : public map_source<R> {
public:
    template <class Range>
    range_map_source(Range&& inputs, std::size_t chunk, Submit submit, Abandon abandon)
        : view_(std::forward<Range>(inputs)),
          chunk_(chunk),
          submit_(std::move(submit)),
          abandon_(std::move(abandon)) {}

    std::optional<future<map_chunk<R>>> next() override {
        if (!at_) at_.emplace(std::ranges::begin(view_));
        std::deque<std::ranges::range_value_t<View>> items;
        for (; items.size() < chunk_ && *at_ != std::ranges::end(view_); ++*at_) {
            if constexpr (Owned)
                items.push_back(std::ranges::iter_move(*at_));
            else
                items.push_back(**at_);
        }
        if (items.empty()) return std::nullopt;
        return submit_(std::move(items));
    }
    void abandon(future<map_chunk<R>>& call) noexcept override { abandon_(call); }

private:
    View view_;
    std::optional<std::ranges::iterator_t<View>> at_;
    const std::size_t chunk_;
    Submit submit_;
    Abandon abandon_;
};

} // namespace detail

/// A range of results, in the order of the inputs; made by an executor's map. Its first calls are submitted by map, the others
/// as results are taken: at most look_ahead are in flight.
///
/// Iterating suspends until the next result is there (a plain thread blocks); a cancel point. The first call that threw ends
/// the iteration with its exception, after the results before it. Then, and when the range is destroyed, calls that have
/// not begun are cancelled. Throws timeout_error as map_options say, cancelled_error if the executor was shut down. For one
/// thread or task at a time; movable; can be iterated once.
template <class R>
class map_results {
public:
    using value_type = R;

    map_results(map_results&&) noexcept = default;
    map_results& operator=(map_results&& o) noexcept {
        abandon_rest();
        source_ = std::move(o.source_);
        calls_ = std::exchange(o.calls_, {});
        now_ = std::exchange(o.now_, {});
        window_ = o.window_;
        deadline_ = o.deadline_;
        return *this;
    }
    ~map_results() { abandon_rest(); }

    class iterator : public detail::input_iterator_types<R> {
    public:
        [[nodiscard]] R& operator*() const noexcept { return from_->now_.results.front(); }
        [[nodiscard]] R* operator->() const noexcept { return &**this; }
        iterator& operator++() {
            from_->now_.results.pop_front();
            from_->fetch();
            return *this;
        }
        void operator++(int) { ++*this; }
        [[nodiscard]] bool operator==(std::default_sentinel_t) const noexcept {
            return from_->now_.results.empty();
        }

    private:
        friend map_results;
        explicit iterator(map_results& from) : from_(&from) {}
        map_results* from_;
    };
    /// Waits for the first result.
    [[nodiscard]] iterator begin() {
        fetch();
        return iterator(*this);
    }
    [[nodiscard]] std::default_sentinel_t end() const noexcept { return std::default_sentinel; }

    /// For the library's own parts.
    map_results(std::unique_ptr<detail::map_source<R>> source, std::size_t window,
                detail::deadline_ns deadline)
        : source_(std::move(source)),
          window_(window),
          deadline_(deadline) {
        fill();
    }

private:
    void fill() {
        while (source_ && calls_.size() < window_) {
            auto call = source_->next();
            if (!call) return;
            calls_.push_back(std::move(*call));
        }
    }
    // Until there is a result to give, or nothing is left.
    void fetch() {
        try {
            while (now_.results.empty()) {
                if (now_.error) std::rethrow_exception(now_.error);
                fill();
                if (calls_.empty()) return;
                if (!calls_.front().core()->await_done_until(deadline_))
                    throw timeout_error("weft: map: the results took longer than its timeout");
                now_ = std::move(calls_.front()).get();
                calls_.pop_front();
            }
        } catch (...) {
            now_ = {};
            abandon_rest();
            throw;
        }
        fill();
    }
    void abandon_rest() noexcept {
        for (auto& call : calls_) source_->abandon(call);
        calls_.clear();
        source_.reset();
    }

    std::unique_ptr<detail::map_source<R>> source_; // empty: nothing more will be submitted
    std::deque<future<detail::map_chunk<R>>> calls_;
    detail::map_chunk<R> now_; // the one that is being read
    std::size_t window_;
    detail::deadline_ns deadline_;
};

namespace detail {

/// Enough chunks that no worker is idle at the end, few enough that a call costs little per input.
template <class Range>
std::size_t automatic_chunk(Range& inputs, unsigned workers, std::size_t unsized) {
    constexpr std::size_t k_chunks_per_worker = 8, k_most = 256; // guesses
    if constexpr (std::ranges::sized_range<Range>)
        return std::clamp<std::size_t>(static_cast<std::size_t>(std::ranges::size(inputs)) /
                                           (std::size_t{k_chunks_per_worker} * workers),
                                       1, k_most);
    else
        return unsized;
}

/// `submit(deque of inputs)` gives the future of a map_chunk<R>; `abandon(future&)` lets go of one.
template <class R, class Range, class Submit, class Abandon>
map_results<R> start_map(Range&& inputs, const map_options& options, unsigned workers,
                         std::size_t unsized, Submit submit, Abandon abandon) {
    using view = std::views::all_t<Range>;
    constexpr bool owned =
        !std::is_lvalue_reference_v<Range> && !std::ranges::view<std::remove_cvref_t<Range>>;
    const std::size_t chunk =
        options.chunk_size != 0 ? options.chunk_size : automatic_chunk(inputs, workers, unsized);
    const std::size_t window =
        options.look_ahead != 0 ? options.look_ahead : 2 * std::size_t{workers} + 1;
    using source = range_map_source<R, view, owned, Submit, Abandon>;
    auto from = std::make_unique<source>(std::forward<Range>(inputs), chunk, std::move(submit),
                                         std::move(abandon));
    return map_results<R>(std::move(from), window,
                          options.timeout ? deadline_after(*options.timeout) : k_never);
}

/// map of a pool in this process: its submit takes any callable.
template <class Pool, class F, class Range>
auto map_over(Pool& pool, F&& f, Range&& inputs, const map_options& options) {
    using function = std::decay_t<F>;
    using value = map_value<function&, std::ranges::range_value_t<Range>&>;
    const auto submit_chunk = [&pool, f = function(std::forward<F>(f))](auto items) {
        return pool.submit(map_chunk_call<function, decltype(items)>(f, std::move(items)));
    };
    return start_map<value>(std::forward<Range>(inputs), options, pool.max_workers(), 1,
                            submit_chunk, [](auto& call) { call.cancel(); });
}

} // namespace detail
} // namespace weft
