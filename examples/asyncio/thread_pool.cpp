// SPDX-License-Identifier: Apache-2.0
// A pool of threads, from plain code: submit returns at once, five calls run at a time, every one runs once.
//
//     $ build/release/examples/asyncio/thread_pool
//     submitted 10
//     most at once: at most 5
//     sum of the results: 45
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <mutex>
#include <thread>
#include <vector>

#include <weft/weft.hpp>

using namespace std::chrono_literals;

namespace {

std::mutex mutex;
int running = 0, most = 0;

int func(int value) {
    {
        const std::lock_guard lock(mutex);
        most = std::max(most, ++running);
    }
    std::this_thread::sleep_for(10ms); // blocks its thread
    const std::lock_guard lock(mutex);
    --running;
    return value;
}

} // namespace

int main() {
    weft::thread_pool_executor pool({.max_workers = 5});
    std::vector<weft::future<int>> futures;
    for (int i = 0; i < 10; ++i) futures.push_back(pool.submit(func, i));
    std::printf("submitted %zu\n", futures.size());
    int sum = 0;
    for (auto& f : futures) sum += f.get();
    std::printf("most at once: %s 5\n", most <= 5 ? "at most" : "more than");
    std::printf("sum of the results: %d\n", sum);
}
