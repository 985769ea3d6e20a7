// SPDX-License-Identifier: Apache-2.0
// Plain threads, on as many cores as the kernel likes: what a task saves.
#pragma once

#include <functional>
#include <mutex>
#include <thread>
#include <utility>

#include "futex.hpp"

namespace bench {

struct threads_peer {
    static constexpr const char* name = "threads";

    template <class Root>
    static void run(unsigned, Root& root) {
        std::thread(std::ref(root)).join(); // in a process of one thread glibc locks nothing
    }

    struct one_by_one {
        template <class F>
        void operator()(F f) {
            std::thread(std::move(f)).join();
        }
    };

    static void yield() { std::this_thread::yield(); }

    using mutex = std::mutex;
};

} // namespace bench
