// SPDX-License-Identifier: Apache-2.0
// A task that is cancelled before it begins, and one that is cancelled in its sleep.
//
//     $ build/release/examples/asyncio/cancel_tasks
//     creating a task
//     cancelling it
//     main sees that the task is cancelled
//     the task sleeps
//     the task was cancelled: enough
//     main sees that the task is cancelled
#include <chrono>
#include <cstdio>

#include <weft/weft.hpp>

using namespace std::chrono_literals;

namespace {

void wait_for_end_of(const weft::task<void>& task) {
    try {
        weft::await(task);
    } catch (const weft::cancelled_error&) { std::puts("main sees that the task is cancelled"); }
}

} // namespace

int main() {
    weft::run({.workers = 1}, [] {
        std::puts("creating a task");
        auto first = weft::create_task([] { std::puts("never"); });
        std::puts("cancelling it");
        first.cancel();
        wait_for_end_of(first);

        auto second = weft::create_task([] {
            std::puts("the task sleeps");
            try {
                weft::sleep_for(1h);
            } catch (const weft::cancelled_error& e) {
                std::printf("the task was cancelled: %s\n", e.what());
                throw;
            }
        });
        weft::yield();
        second.cancel("enough");
        wait_for_end_of(second);
    });
}
