// SPDX-License-Identifier: Apache-2.0
// Calls that block, handed to the default pool, to a pool of threads of one's own, and to a pool of processes.
//
//     $ build/release/examples/asyncio/executors
//     default pool: hello world, in this process
//     thread pool: hello world, in this process
//     process pool: hello world, in another process
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <utility>

#include <weft/process.hpp>
#include <weft/weft.hpp>

using namespace std::chrono_literals;

namespace {

std::pair<std::string, pid_t> func1() {
    std::this_thread::sleep_for(10ms); // something that takes its time
    return {"hello world", ::getpid()};
}

void tell(const char* where, const std::pair<std::string, pid_t>& result) {
    std::printf("%s: %s, in %s process\n", where, result.first.c_str(),
                result.second == ::getpid() ? "this" : "another");
}

} // namespace

int main() {
    weft::run([] {
        tell("default pool", weft::await(weft::run_in_executor(func1)));

        weft::thread_pool_executor threads;
        tell("thread pool", weft::await(weft::run_in_executor(threads, func1)));

        weft::process_pool_executor processes;
        tell("process pool", weft::await(weft::run_in_executor(processes, func1)));
    });
}
