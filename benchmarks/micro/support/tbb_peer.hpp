// SPDX-License-Identifier: Apache-2.0
// oneTBB: tasks that can't wait, so only what creates and joins.
#pragma once

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>

#include <cstddef>
#include <utility>

namespace bench {

struct tbb_peer {
    static constexpr const char* name = "tbb";

    template <class Root>
    static void run(unsigned workers, Root& root) {
        const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, workers);
        tbb::task_arena arena(static_cast<int>(workers));
        arena.execute(root);
    }

    class group {
    public:
        explicit group(std::size_t) {}
        template <class F>
        void create(F f) {
            tasks_.run(std::move(f));
        }
        void join() { tasks_.wait(); }

    private:
        tbb::task_group tasks_;
    };

    class one_by_one {
    public:
        template <class F>
        void operator()(F f) {
            tasks_.run(std::move(f));
            tasks_.wait();
        }

    private:
        tbb::task_group tasks_;
    };
};

} // namespace bench
