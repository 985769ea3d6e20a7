// SPDX-License-Identifier: Apache-2.0
// Boost.Fiber: round_robin on one worker, work_stealing on more. Stacks of 64 KiB from malloc, without a guard: its quickest.
#pragma once

#include <boost/fiber/all.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace bench {

/// The workers, for the rest of the process: work_stealing can be set up only once in it.
class boost_fiber_pool {
public:
    explicit boost_fiber_pool(unsigned workers) {
        for (unsigned i = 0; i < workers; ++i)
            std::thread([this, workers, i] {
                work(workers, i == 0);
            }).detach(); // asleep when the process ends
    }
    static boost_fiber_pool& of(unsigned workers) {
        static boost_fiber_pool* const one = new boost_fiber_pool(1);
        if (workers == 1) return *one;
        static boost_fiber_pool* const more = new boost_fiber_pool(workers);
        return *more;
    }

    void run(std::function<void()> root) {
        std::promise<void> done;
        {
            const std::lock_guard guard(mutex_);
            next_ = [&] {
                root();
                done.set_value();
            };
        }
        changed_.notify_all();
        done.get_future().wait();
    }

private:
    void work(unsigned workers, bool leads) {
        if (workers == 1)
            boost::fibers::use_scheduling_algorithm<boost::fibers::algo::round_robin>();
        else
            boost::fibers::use_scheduling_algorithm<boost::fibers::algo::work_stealing>(workers,
                                                                                        true);
        std::unique_lock lock(mutex_);
        for (;;) {
            changed_.wait(lock, [&] { return leads && next_ != nullptr; });
            auto root = std::exchange(next_, nullptr);
            lock.unlock();
            boost::fibers::fiber(boost::fibers::launch::post, std::move(root)).join();
            lock.lock();
        }
    }

    boost::fibers::mutex mutex_;
    boost::fibers::condition_variable changed_;
    std::function<void()> next_; // guarded by mutex_
};

struct boost_fiber_peer {
    static constexpr const char* name = "boost.fiber";
    using fiber = boost::fibers::fiber;

    template <class Root>
    static void run(unsigned workers, Root& root) {
        boost_fiber_pool::of(workers).run(std::ref(root));
    }

    template <class F>
    static fiber create(F f) {
        return {boost::fibers::launch::post, std::allocator_arg,
                boost::fibers::fixedsize_stack(64 * 1024), std::move(f)};
    }

    struct one_by_one {
        template <class F>
        void operator()(F f) {
            boost_fiber_peer::create(std::move(f)).join();
        }
    };

    class group {
    public:
        explicit group(std::size_t expected) { fibers_.reserve(expected); }
        template <class F>
        void create(F f) {
            fibers_.push_back(boost_fiber_peer::create(std::move(f)));
        }
        void join() {
            for (auto& f : fibers_) f.join();
            fibers_.clear();
        }

    private:
        std::vector<fiber> fibers_;
    };

    static void yield() { boost::this_fiber::yield(); }
    static void sleep_for(std::chrono::nanoseconds d) { boost::this_fiber::sleep_for(d); }

    class gate {
    public:
        void wait() {
            std::unique_lock lock(mutex_);
            opened_.wait(lock, [this] { return open_; });
        }
        void set() {
            {
                const std::lock_guard guard(mutex_);
                open_ = true;
            }
            opened_.notify_all(); // under the lock, who is woken would wait again
        }

    private:
        boost::fibers::mutex mutex_;
        boost::fibers::condition_variable opened_;
        bool open_ = false;
    };

    class result {
    public:
        void set(std::int64_t v) { promise_.set_value(v); }
        std::int64_t get() { return promise_.get_future().get(); }

    private:
        boost::fibers::promise<std::int64_t> promise_;
    };

    using mutex = boost::fibers::mutex;

    class channel {
    public:
        explicit channel(std::size_t capacity) {
            if (capacity == 0)
                direct_ = std::make_unique<boost::fibers::unbuffered_channel<std::int64_t>>();
            else
                buffered_ =
                    std::make_unique<boost::fibers::buffered_channel<std::int64_t>>(capacity);
        }
        void send(std::int64_t v) {
            if (direct_)
                direct_->push(v);
            else
                buffered_->push(v);
        }
        std::int64_t receive() { return direct_ ? direct_->value_pop() : buffered_->value_pop(); }

    private:
        std::unique_ptr<boost::fibers::unbuffered_channel<std::int64_t>> direct_;
        std::unique_ptr<boost::fibers::buffered_channel<std::int64_t>> buffered_;
    };
};

} // namespace bench
