// SPDX-License-Identifier: Apache-2.0
// Who keeps a task: itself until it is complete, then its handles (lib/task/README.md).
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "support/runtimes.hpp"

using namespace weft::testing;

TEST_CASE("a task whose handle is dropped before, while and after it runs goes with the last of "
          "both, and its result with it",
          "[task]") {
    over_workers([] {
        weft::create_task([] { return counted(); });
        auto runs = weft::create_task([] {
            weft::yield();
            return counted();
        });
        weft::yield();
        runs = {};
        auto done = weft::create_task([] { return counted(); });
        while (!done.done()) weft::yield();
        CHECK(counted::alive >= 1);
        done = {};
        while (weft::all_tasks().size() > 1) weft::yield();
        while (counted::alive != 0) weft::yield(); // the end of one may take a moment yet
    });
}

TEST_CASE("a thread that drops handles while their tasks end neither loses one nor finds one gone",
          "[task]") {
    over_workers([] {
        for (int round = 0; round < 200; ++round) {
            std::vector<weft::task<counted>> handles;
            for (int i = 0; i < 20; ++i)
                handles.push_back(weft::create_task([] { return counted(); }));
            std::thread drops([&] {
                for (auto& h : handles) h = {};
            });
            weft::yield();
            weft::blocking([&] { drops.join(); });
        }
        while (weft::all_tasks().size() > 1) weft::yield();
        while (counted::alive != 0) weft::yield();
    });
}

TEST_CASE("a task that has no handle may still get one of itself, more than once", "[task]") {
    over_workers([] {
        weft::event kept;
        weft::task_handle self;
        weft::create_task([&] {
            (void)weft::current_task();
            self = weft::current_task();
            kept.set();
        });
        kept.wait();
        self.wait();
        CHECK(self.done());
    });
}

TEST_CASE("a callback of a task that nobody holds is called, and finds what the task left",
          "[task]") {
    over_workers([] {
        weft::event told;
        std::size_t length = 0;
        weft::create_task([] {
            return std::string(100, 'x');
        }).add_done_callback([&](const weft::future<std::string>& f) {
            length = f.result().size();
            told.set();
        });
        told.wait();
        CHECK(length == 100);
    });
}

namespace {

/// Asks for the running task when it goes, as one does that writes a log.
struct asks_who_runs {
    static inline std::atomic<int> answers{0};
    asks_who_runs() = default;
    asks_who_runs(asks_who_runs&&) noexcept {}
    ~asks_who_runs() { answers += weft::this_task::id() != 0; }
};

} // namespace

TEST_CASE(
    "the result of a task that nobody holds, and what it was moved from, are let go in a task",
    "[task]") {
    asks_who_runs::answers = 0;
    over_workers([] {
        weft::create_task([] { return asks_who_runs(); });
        while (asks_who_runs::answers < 2) weft::yield();
    });
}
