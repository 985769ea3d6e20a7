// SPDX-License-Identifier: Apache-2.0
// A static initialiser leaves a thread behind, also in the fork server: workers must be started by exec then, and still work, die and be
// replaced.
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <set>
#include <thread>

#include <weft/process.hpp>

namespace {

std::atomic<int> turns{0};
// Kept by every image of the program: a fork would not have it.
const bool started = [] {
    std::thread([] {
        for (;;) {
            ++turns;
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    }).detach();
    return true;
}();

} // namespace

int main() {
    weft::process_pool_executor procs({.max_workers = 2, .max_tasks_per_child = 2});
    std::set<int> pids;
    for (int i = 0; i < 6; ++i) {
        const auto alive = [] {
            const int before = turns;
            usleep(20'000);
            return turns != before;
        };
        if (!started || !procs.submit(alive).get()) return 1; // its thread runs there
        pids.insert(procs.submit(getpid).get());
    }
    if (pids.size() < 3) return 2;
    try {
        procs.submit([] { raise(SIGKILL); }).get();
        return 3;
    } catch (const weft::worker_died& e) {
        if (e.signal() != SIGKILL) return 4;
    }
    return procs.submit([] { return 1; }).get() == 1 ? 0 : 5;
}
