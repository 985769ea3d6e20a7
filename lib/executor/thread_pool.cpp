// SPDX-License-Identifier: Apache-2.0
#include <weft/executor/thread_pool.hpp>

#include <pthread.h>

#include <algorithm>
#include <cstdio>
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

void thread_pool_executor::state::afterwards::operator()(
    const thread_pool_options& options) noexcept {
    while (detail::wait_node* node = resume.pop_front()) node->who.who->resume();
    if (say.empty()) return;
    try {
        if (options.log_handler) return options.log_handler(say);
    } catch (...) {} // a broken handler must not hide what it was told
    std::fprintf(stderr, "%s\n", say.c_str());
}

// ---- calls come in ----------------------------------------------------------------------------------------------------

void thread_pool_executor::state::refuse_if_closed() const {
    if (broken_) throw broken_executor("weft: the initializer of the thread pool failed");
    if (stopping_) throw runtime_closed("weft: a call after the executor's shutdown");
}

// Threads that could take a call now count as room.
bool thread_pool_executor::state::has_room() const noexcept {
    if (options_.max_queued == 0) return true;
    const std::size_t free = sleepers_.size() + coming_ +
                             (live_ < options_.max_workers ? options_.max_workers - live_ : 0);
    return queue_.size() < options_.max_queued + free;
}

void thread_pool_executor::state::post(job j) {
    if (!is_of_this_process())
        throw std::logic_error("weft: a forked child can't use its parent's thread pool");
    afterwards later;
    bool taken = false;
    {
        const std::lock_guard guard(
            mutex_); // ends before j: what is refused is destroyed without the lock
        refuse_if_closed();
        if (has_room()) {
            enqueue(std::move(j), later);
            taken = true;
        } else if (options_.on_full == when_full::refuse) {
            throw queue_full("weft: " + std::to_string(queue_.size()) +
                             " calls wait already for a thread of the pool '" +
                             options_.thread_name_prefix + "'");
        }
    }
    later(options_);
    while (!taken) taken = wait_for_room(j);
}

// False: there was room meanwhile, but somebody was faster.
bool thread_pool_executor::state::wait_for_room(job& j) {
    detail::wait w(detail::wait_reason::pool_room);
    poster me;
    me.posted = &j;
    bool began = false;
    {
        afterwards later;
        std::unique_lock lock(mutex_);
        refuse_if_closed();
        if (has_room()) {
            enqueue(std::move(j), later);
            lock.unlock();
            later(options_);
            return true;
        }
        began = w.begin();
        if (began) {
            me.who = w.self();
            posters_.push_back(me);
        }
    }
    if (!began) w.throw_cancelled();
    const detail::wait_end end = w.park();
    if (end == detail::wait_end::notified) return !me.refused;
    {
        const std::lock_guard guard(mutex_);
        if (me.is_linked()) posters_.remove(me);
    }
    w.throw_cancelled();
}

void thread_pool_executor::state::enqueue(job j, afterwards& later) {
    if (queue_.size() >= sleepers_.size() + coming_) {
        if (live_ < options_.max_workers) {
            try {
                start_thread();
            } catch (...) {
                if (live_ == 0) throw; // nobody would ever come for it
            }
        }
    }
    queue_.push_back(std::move(j));
    if (!sleepers_.empty())
        wake_one();
    else if (must_grow())
        grow(later);
}

// Room for as many posters as there is: their jobs come in here, so nobody overtakes them.
void thread_pool_executor::state::admit(afterwards& later) noexcept {
    while (!posters_.empty() && has_room()) {
        auto* next = static_cast<poster*>(detail::claim_first(posters_));
        if (next == nullptr) return;
        later.resume.push_back(*next);
        try {
            queue_.push_back(std::move(*next->posted));
        } catch (...) { next->posted->fail(std::current_exception()); }
    }
}

void thread_pool_executor::state::refuse_posters(afterwards& later) noexcept {
    while (auto* next = static_cast<poster*>(detail::claim_first(posters_))) {
        next->refused = true;
        later.resume.push_back(*next);
    }
}

// ---- threads ----------------------------------------------------------------------------------------------------------

// The latest sleeper: its caches are warm, and the others get to leave.
void thread_pool_executor::state::wake_one() noexcept {
    sleeper* s = sleepers_.back();
    sleepers_.pop_back();
    s->called = true;
    ++coming_;
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
    ++coming_;
    if (abandoned_) at->detach();
}

// Every thread waits in the library, nobody is on the way, and a call is there that might end those waits.
bool thread_pool_executor::state::must_grow() const noexcept {
    return blocked_ == live_ && coming_ == 0 && sleepers_.empty() && !queue_.empty();
}

void thread_pool_executor::state::grow(afterwards& later) noexcept {
    try {
        const bool is_news = !abandoned_ && live_ >= std::max(options_.max_workers, told_);
        if (is_news)
            later.say = "weft: all " + std::to_string(live_) + " threads of the pool '" +
                        options_.thread_name_prefix + "' wait, while " +
                        std::to_string(queue_.size()) +
                        " calls are queued for it: calls that wait for calls of the same pool? ";
        start_thread();
        if (is_news) {
            told_ = live_;
            later.say += "It grows by one beyond max_workers, to " + std::to_string(live_);
        }
    } catch (const std::exception& e) {
        later.say += std::string("No further thread can be started: ") + e.what();
    }
}

void thread_pool_executor::state::sleeps() noexcept {
    afterwards later;
    {
        const std::lock_guard guard(mutex_);
        ++blocked_;
        if (must_grow()) grow(later);
    }
    later(options_);
}

void thread_pool_executor::state::goes_on() noexcept {
    const std::lock_guard guard(mutex_);
    --blocked_;
}

// Under the lock; their last instructions need it no more.
void thread_pool_executor::state::join_finished() noexcept {
    for (auto& t : finished_)
        if (t.joinable()) t.join();
    finished_.clear();
}

void thread_pool_executor::state::abandon() noexcept {
    abandoned_ = true;
    for (auto& t : threads_)
        if (t.joinable()) t.detach();
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
    detail::observe_waits_of_this_thread(this);
    --coming_;
    while (usable && next_job(lock)) {}
    detail::observe_waits_of_this_thread(nullptr);
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
        afterwards later;
        {
            const std::lock_guard guard(mutex_);
            broken_ = true;
            lost.swap(queue_);
            refuse_posters(later);
        }
        later(options_);
        for (job& j : lost) j.fail(error);
        return false;
    }
}

// Runs one job, waits for one, or gives up: false.
bool thread_pool_executor::state::next_job(std::unique_lock<std::mutex>& lock) {
    if (is_surplus()) return false;
    if (!queue_.empty()) return take_job(lock);
    if (stopping_ || broken_) return false;
    sleeper me;
    sleepers_.push_back(&me);
    const auto called = [&me] { return me.called; };
    if (me.condition.wait_until(lock, idle_until(), called)) {
        --coming_;
        return true;
    }
    std::erase(sleepers_, &me);
    return false;
}

bool thread_pool_executor::state::take_job(std::unique_lock<std::mutex>& lock) {
    afterwards later;
    {
        job j = std::move(queue_.front());
        queue_.pop_front();
        admit(later);
        lock.unlock();
        later(options_);
        run(j);
    }
    lock.lock();
    return true;
}

// One that was started beyond the limit leaves when it is not the only one that can run.
bool thread_pool_executor::state::is_surplus() noexcept {
    if (live_ <= options_.max_workers || live_ - blocked_ < 2) return false;
    if (!queue_.empty() && !sleepers_.empty()) wake_one();
    return true;
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
    afterwards later;
    {
        const std::lock_guard guard(mutex_);
        if (options.cancel_futures) cancelled.swap(queue_);
        if (!stopping_) {
            stopping_ = true;
            if (live_ == 0) ended_.set_value();
        }
        refuse_posters(later);
        while (!sleepers_.empty()) wake_one();
    }
    later(options_);
    cancelled.clear();
    if (!options.wait) return;
    const auto limit = options.timeout ? detail::deadline_after(*options.timeout) : detail::k_never;
    const bool all_ended = has_ended_.core()->await_done_until(limit, false);
    std::list<std::thread> gone;
    {
        const std::lock_guard guard(mutex_);
        if (!all_ended) abandon();
        gone.swap(finished_);
    }
    for (auto& t : gone)
        if (t.joinable()) t.join(); // some instructions
}

bool thread_pool_executor::state::is_abandoned() const {
    const std::lock_guard guard(mutex_);
    return abandoned_;
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

thread_pool_executor::~thread_pool_executor() {
    if (!state_->is_of_this_process())
        new std::shared_ptr<state>(state_); // of the parent: its threads are not here
    else if (!state_->is_abandoned())
        state_->shutdown({});
}

void thread_pool_executor::post(job j) { state_->post(std::move(j)); }
void thread_pool_executor::shutdown(const shutdown_options& options) { state_->shutdown(options); }
unsigned thread_pool_executor::max_workers() const noexcept { return state_->max_workers(); }
unsigned thread_pool_executor::threads() const { return state_->threads(); }
std::size_t thread_pool_executor::queued() const { return state_->queued(); }

} // namespace weft
