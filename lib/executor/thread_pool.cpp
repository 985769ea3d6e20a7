// SPDX-License-Identifier: Apache-2.0
#include <weft/executor/thread_pool.hpp>

#include <pthread.h>

#include <algorithm>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "executor/thread_pool_state.hpp"

namespace weft {
namespace {

// Noinline: a task that asks may have moved to another thread since it last did.
[[gnu::noinline]] const void*& pool_of_this_thread() {
    static thread_local const void* pool = nullptr;
    return pool;
}

} // namespace

thread_pool_executor::state::state(thread_pool_options options) : options_(std::move(options)) {}

void thread_pool_executor::state::post(job j) {
    const std::lock_guard guard(
        mutex_); // ends before j: what is refused is destroyed without the lock
    if (broken_) throw broken_executor("weft: the initializer of the thread pool failed");
    if (stopping_) throw runtime_closed("weft: a call after the executor's shutdown");
    if (sleepers_.size() <= queue_.size() && live_ < options_.max_workers) {
        try {
            start_thread();
        } catch (...) {
            if (live_ == 0) throw; // nobody would ever come for it
        }
    }
    queue_.push_back(std::move(j));
    if (!sleepers_.empty()) wake_one();
}

// The latest sleeper: its caches are warm, and the others get to leave.
void thread_pool_executor::state::wake_one() noexcept {
    sleeper* s = sleepers_.back();
    sleepers_.pop_back();
    s->called = true;
    s->condition.notify_one();
}

void thread_pool_executor::state::start_thread() {
    join_finished();
    auto at = threads_.emplace(threads_.end());
    try {
        *at = std::thread(
            [self = shared_from_this(), at, n = ++started_] { self->thread_main(at, n); });
    } catch (...) {
        threads_.erase(at);
        throw;
    }
    ++live_;
}

// Under the lock; their last instructions need it no more.
void thread_pool_executor::state::join_finished() noexcept {
    for (auto& t : finished_) t.join();
    finished_.clear();
}

void thread_pool_executor::state::thread_main(std::list<std::thread>::iterator self,
                                              unsigned number) {
    std::string name = options_.thread_name_prefix;
    const std::string suffix = "-" + std::to_string(number);
    if (name.size() + suffix.size() > 15)
        name.resize(15 - std::min<std::size_t>(15, suffix.size())); // the kernel's limit
    pthread_setname_np(pthread_self(), (name + suffix).c_str());
    pool_of_this_thread() = this;
    const bool usable = initialize();
    std::unique_lock lock(mutex_);
    while (usable && next_job(lock)) {}
    --live_;
    finished_.splice(finished_.end(), threads_, self);
    const bool last = live_ == 0 && stopping_;
    lock.unlock();
    if (last) ended_.set_value();
}

bool thread_pool_executor::state::initialize() noexcept {
    if (!options_.initializer) return true;
    try {
        options_.initializer();
        return true;
    } catch (...) {
        const auto error = std::make_exception_ptr(
            broken_executor("weft: the initializer of the thread pool threw " +
                            describe(std::current_exception())));
        std::deque<job> lost;
        {
            const std::lock_guard guard(mutex_);
            broken_ = true;
            lost.swap(queue_);
        }
        for (job& j : lost) j.fail(error);
        return false;
    }
}

// Takes one job, waits for one, or gives up: false.
bool thread_pool_executor::state::next_job(std::unique_lock<std::mutex>& lock) {
    if (!queue_.empty()) {
        {
            job j = std::move(queue_.front());
            queue_.pop_front();
            lock.unlock();
            run(j);
        }
        lock.lock();
        return true;
    }
    if (stopping_ || broken_) return false;
    sleeper me;
    sleepers_.push_back(&me);
    const auto called = [&me] { return me.called; };
    if (me.condition.wait_until(lock, idle_until(), called)) return true;
    std::erase(sleepers_, &me);
    return false;
}

std::chrono::steady_clock::time_point thread_pool_executor::state::idle_until() const noexcept {
    using time = std::chrono::steady_clock;
    const auto now = time::now();
    return options_.idle_timeout < time::time_point::max() - now ? now + options_.idle_timeout
                                                                 : time::time_point::max();
}

void thread_pool_executor::state::run(job& j) noexcept {
    try {
        j();
    } catch (...) { // a plain job: nobody else learns of it
        detail::report_unseen_error(std::current_exception());
    }
}

void thread_pool_executor::state::shutdown(const shutdown_options& options) {
    const bool own = pool_of_this_thread() == this && detail::current_fiber() == nullptr;
    if (options.wait && own)
        throw would_deadlock("weft: a thread pool's own thread can't wait for its shutdown");
    std::deque<job> cancelled;
    {
        const std::lock_guard guard(mutex_);
        if (options.cancel_futures) cancelled.swap(queue_);
        if (!stopping_) {
            stopping_ = true;
            if (live_ == 0) ended_.set_value();
        }
        while (!sleepers_.empty()) wake_one();
    }
    cancelled.clear();
    if (!options.wait) return;
    has_ended_.core()->join();
    std::list<std::thread> gone;
    {
        const std::lock_guard guard(mutex_);
        gone.swap(finished_);
    }
    for (auto& t : gone) t.join(); // some instructions
}

unsigned thread_pool_executor::state::threads() const {
    const std::lock_guard guard(mutex_);
    return live_;
}

std::size_t thread_pool_executor::state::queued() const {
    const std::lock_guard guard(mutex_);
    return queue_.size();
}

// ---- the public face --------------------------------------------------------------------------------------------------

namespace {

thread_pool_options checked(thread_pool_options options) {
    if (options.max_workers == 0)
        throw std::invalid_argument("weft: thread_pool_options::max_workers must not be 0");
    return options;
}

} // namespace

thread_pool_executor::thread_pool_executor(thread_pool_options options)
    : state_(std::make_shared<state>(checked(std::move(options)))) {}

thread_pool_executor::~thread_pool_executor() { state_->shutdown({}); }

void thread_pool_executor::post(job j) { state_->post(std::move(j)); }
void thread_pool_executor::shutdown(const shutdown_options& options) { state_->shutdown(options); }
unsigned thread_pool_executor::threads() const { return state_->threads(); }
std::size_t thread_pool_executor::queued() const { return state_->queued(); }

} // namespace weft
