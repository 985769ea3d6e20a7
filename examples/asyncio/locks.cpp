// SPDX-License-Identifier: Apache-2.0
// "Coroutines need no locks" holds on one thread. Tasks run on all cores: what they share needs a lock, or one worker.
//
//     $ build/release/examples/asyncio/locks
//     with a lock: 100000
//     on one worker: 100000
#include <cstdio>
#include <mutex>
#include <vector>

#include <weft/weft.hpp>

namespace {

template <class Step>
int count(Step step) {
    std::vector<weft::task<void>> tasks;
    int counter = 0;
    for (int t = 0; t < 100; ++t)
        tasks.push_back(weft::create_task([&] {
            for (int i = 0; i < 1000; ++i) step(counter);
        }));
    weft::gather(tasks);
    return counter;
}

} // namespace

int main() {
    const int locked = weft::run([] {
        weft::mutex mutex;
        return count([&](int& counter) {
            const std::lock_guard lock(mutex); // a task that waits for it leaves its core to others
            ++counter;
        });
    });
    std::printf("with a lock: %d\n", locked);
    const int alone =
        weft::run({.workers = 1}, [] { return count([](int& counter) { ++counter; }); });
    std::printf("on one worker: %d\n", alone);
}
