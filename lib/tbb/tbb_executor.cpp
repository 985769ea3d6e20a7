// SPDX-License-Identifier: Apache-2.0
#include <weft/tbb/tbb_executor.hpp>

#include <climits>
#include <deque>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "tbb/core_sharing.hpp"
#include "tbb/waits.hpp"

namespace weft {

namespace {

int checked_concurrency(unsigned n) {
    if (n == 0) return ::tbb::task_arena::automatic;
    if (n > INT_MAX)
        throw std::invalid_argument("weft: tbb_options::max_concurrency is too large: " +
                                    std::to_string(n));
    return static_cast<int>(n);
}

const tbb_options& checked_for_given_arena(const tbb_options& options) {
    if (options.max_concurrency != 0)
        throw std::invalid_argument(
            "weft: tbb_options::max_concurrency is for an executor with an arena of its own");
    return options;
}

} // namespace

/// What the arena's tasks share; they keep it alive. Each of them takes the next call of the queue, so that a call can be
/// taken back while it waits.
class tbb_executor::state final : public std::enable_shared_from_this<state> {
public:
    explicit state(const tbb_options& options)
        : own_(std::in_place, checked_concurrency(options.max_concurrency)),
          arena_(*own_) {
        begin(options);
    }
    state(::tbb::task_arena& arena, const tbb_options& options) : arena_(arena) { begin(options); }

    void post(job j) {
        const std::lock_guard guard(mutex_); // ends before j: what is refused goes without the lock
        if (stopping_) throw runtime_closed("weft: a call after the executor's shutdown");
        queue_.push_back(std::move(j));
        try {
            arena_.enqueue([self = shared_from_this()] { self->run_next(); });
        } catch (...) {
            j = std::move(queue_.back());
            queue_.pop_back();
            throw;
        }
        ++unfinished_;
    }

    void shutdown(const shutdown_options& options) {
        if (options.wait && detail::is_running_call_of(this))
            throw would_deadlock("weft: a call of a tbb_executor can't wait for its shutdown");
        std::deque<job> cancelled;
        {
            const std::lock_guard guard(mutex_);
            stopping_ = true;
            if (options.cancel_futures) cancelled.swap(queue_);
        }
        const std::size_t n = cancelled.size();
        cancelled.clear();
        ended(n);
        if (!options.wait) return;
        const auto limit =
            options.timeout ? detail::deadline_after(*options.timeout) : detail::k_never;
        const bool all_ended = has_ended_.core()->await_done_until(limit, false);
        const std::lock_guard guard(mutex_);
        abandoned_ = !all_ended;
    }

    /// The executor goes, and with it its right to touch the arena.
    void close() {
        bool wait = false;
        {
            const std::lock_guard guard(mutex_);
            wait = !abandoned_;
        }
        if (wait) shutdown({});
        cores_.stop();
        if (wait) own_.reset(); // a task that is just ending keeps the rest
    }

    [[nodiscard]] unsigned max_workers() const noexcept {
        return static_cast<unsigned>(arena_.max_concurrency());
    }
    [[nodiscard]] std::size_t queued() const {
        const std::lock_guard guard(mutex_);
        return queue_.size();
    }

private:
    void begin(const tbb_options& options) {
        arena_.initialize();
        detail::leave_waits_to_tbb();
        if (options.share_cores) cores_.start(arena_);
    }

    void run_next() noexcept {
        {
            job j;
            {
                const std::lock_guard guard(mutex_);
                if (queue_.empty()) return; // cancelled
                j = std::move(queue_.front());
                queue_.pop_front();
            }
            const detail::running_call here(this);
            try {
                j();
            } catch (...) { // a plain job: nobody else learns of it
                detail::report_unseen_error(std::current_exception());
            }
        }
        ended(1);
    }

    // So many calls have; the last one after shutdown says so.
    void ended(std::size_t n) noexcept {
        {
            const std::lock_guard guard(mutex_);
            unfinished_ -= n;
            if (!stopping_ || unfinished_ != 0 || std::exchange(told_, true)) return;
        }
        ended_.set_value();
    }

    std::optional<::tbb::task_arena> own_;
    ::tbb::task_arena& arena_;
    detail::core_sharing cores_;
    mutable std::mutex mutex_; // guards all but the promise
    std::deque<job> queue_;
    std::size_t unfinished_ = 0; // accepted, and not ended
    bool stopping_ = false, told_ = false, abandoned_ = false;
    promise<void> ended_; // of the last call after shutdown
    const future<void> has_ended_ = ended_.get_future();
};

tbb_executor::tbb_executor(tbb_options options) : state_(std::make_shared<state>(options)) {}
tbb_executor::tbb_executor(::tbb::task_arena& arena, tbb_options options)
    : state_(std::make_shared<state>(arena, checked_for_given_arena(options))) {}
tbb_executor::~tbb_executor() { state_->close(); }

void tbb_executor::post(job j) { state_->post(std::move(j)); }
void tbb_executor::shutdown(const shutdown_options& options) { state_->shutdown(options); }
unsigned tbb_executor::max_workers() const noexcept { return state_->max_workers(); }
std::size_t tbb_executor::queued() const { return state_->queued(); }

} // namespace weft
