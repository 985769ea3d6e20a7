// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <deque>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <weft/base/input_iterator.hpp>
#include <weft/sync/semaphore.hpp>
#include <weft/task/wait.hpp>

namespace weft {

struct as_completed_options {
    std::optional<std::chrono::nanoseconds> timeout = {}; ///< for all together; empty: none
};

namespace detail {

/// Those that are done and that nobody has taken yet, in the order of their completion.
template <class Handle>
class completions {
public:
    completions(std::size_t total, deadline_ns limit) noexcept : total_(total), limit_(limit) {}

    void add(Handle h) {
        {
            const std::lock_guard guard(lock_);
            done_.push_back(std::move(h));
        }
        count_.release();
    }

    /// The next one; empty when all were taken. Throws timeout_error, cancelled_error: then nobody has taken it.
    std::optional<Handle> next() {
        {
            const std::lock_guard guard(lock_);
            if (taken_ == total_) return std::nullopt;
            ++taken_; // ours, whichever it will be
        }
        try {
            if (limit_ == k_never)
                count_.acquire();
            else if (!count_.try_acquire_until(clock::time_point(std::chrono::nanoseconds(limit_))))
                throw_timeout();
        } catch (...) {
            const std::lock_guard guard(lock_);
            --taken_;
            throw;
        }
        const std::lock_guard guard(lock_);
        std::optional<Handle> first(std::move(done_.front()));
        done_.pop_front();
        return first;
    }

private:
    [[noreturn]] void throw_timeout() {
        std::size_t left = 0;
        {
            const std::lock_guard guard(lock_);
            left = total_ - taken_ + 1;
        }
        throw timeout_error("weft::as_completed: " + std::to_string(left) + " (of " +
                            std::to_string(total_) + ") futures unfinished");
    }

    const std::size_t total_;
    const deadline_ns limit_;
    spin_lock lock_; // guards done_ and taken_
    std::deque<Handle> done_;
    std::size_t taken_ = 0;
    counting_semaphore<> count_{0}; // of done_
};

} // namespace detail

/// What as_completed gives: an input range of handles, each done, in the order in which they completed. Several may take from it
/// (copies are the same one), also after a break: each handle goes to exactly one of them.
template <class Handle>
class completion_range {
public:
    using iterator = detail::pull_iterator<detail::completions<Handle>, Handle,
                                           &detail::completions<Handle>::next>;
    /// Both wait, and throw timeout_error after the limit: that of the first one not done in time.
    [[nodiscard]] iterator begin() { return iterator(*state_); }
    [[nodiscard]] std::default_sentinel_t end() const noexcept { return std::default_sentinel; }

    explicit completion_range(std::shared_ptr<detail::completions<Handle>> state) noexcept
        : state_(std::move(state)) {}

private:
    std::shared_ptr<detail::completions<Handle>> state_;
};

/// The futures, or tasks, of a range as they complete: the very handles, each once. Cancels nobody, throws none of their
/// exceptions; each step suspends, is a cancel point, and throws timeout_error once the limit has passed.
///
///     for (auto& t : weft::as_completed(tasks)) use(t.result());
template <detail::future_range R>
auto as_completed(R&& futures, as_completed_options options = {}) {
    using awaitable = std::ranges::range_value_t<R>;
    const auto cores = detail::cores_of(futures);
    std::vector<awaitable> each;
    std::vector<detail::future_core*> seen;
    for (auto& h : futures)
        if (std::ranges::find(seen, h.core()) == seen.end()) {
            seen.push_back(h.core());
            each.push_back(h);
        }
    auto state = std::make_shared<detail::completions<awaitable>>(
        each.size(), options.timeout ? detail::deadline_after(*options.timeout) : detail::k_never);
    for (const awaitable& h : each) h.core()->add_done_callback([state, h] { state->add(h); });
    return completion_range<awaitable>(std::move(state));
}

} // namespace weft
