// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <weft/sync/channel.hpp>
#include <weft/sync/event.hpp>
#include <weft/sync/mutex.hpp>
#include <weft/weft.hpp>

#include <chrono>
#include <cstdint>
#include <utility>
#include <vector>

namespace bench {

struct weft_peer {
    static constexpr const char* name = "weft";

    template <class Root>
    static void run(unsigned workers, Root& root) {
        weft::run({.workers = workers}, [&root] { root(); });
    }

    struct one_by_one {
        template <class F>
        void operator()(F f) {
            weft::await(weft::create_task(std::move(f)));
        }
    };

    class group {
    public:
        explicit group(std::size_t expected) { tasks_.reserve(expected); }
        template <class F>
        void create(F f) {
            tasks_.push_back(weft::create_task(std::move(f)));
        }
        void join() {
            for (auto& t : tasks_) weft::await(t);
            tasks_.clear();
        }

    private:
        std::vector<weft::task<void>> tasks_;
    };

    static void yield() { weft::yield(); }
    static void sleep_for(std::chrono::nanoseconds d) { weft::sleep_for(d); }

    class gate {
    public:
        void wait() { event_.wait(); }
        void set() { event_.set(); }

    private:
        weft::event event_;
    };

    class result {
    public:
        void set(std::int64_t v) { promise_.set_value(v); }
        std::int64_t get() { return promise_.get_future().get(); }

    private:
        weft::promise<std::int64_t> promise_;
    };

    using mutex = weft::mutex;

    class channel {
    public:
        explicit channel(std::size_t capacity) : items_(capacity) {}
        void send(std::int64_t v) { items_.send(v); }
        std::int64_t receive() { return items_.recv().value(); }

    private:
        weft::channel<std::int64_t> items_;
    };
};

} // namespace bench
