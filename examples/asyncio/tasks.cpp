// SPDX-License-Identifier: Apache-2.0
// Two tasks at once: while one sleeps the other one runs.
//
//     $ build/release/examples/asyncio/tasks
//     main begins
//     main ends
//     1
//     1
//     2
//     2
//     value value
#include <chrono>
#include <cstdio>
#include <string>

#include <weft/weft.hpp>

using namespace std::chrono_literals;

namespace {

std::string func() {
    std::puts("1");
    weft::sleep_for(50ms);
    std::puts("2");
    return "value";
}

} // namespace

int main() {
    weft::run({.workers = 1}, [] { // one thread: nobody prints meanwhile
        std::puts("main begins");
        auto task1 = weft::create_task(func);
        auto task2 = weft::create_task(func);
        std::puts("main ends");
        const std::string one = weft::await(task1);
        const std::string two = weft::await(task2);
        std::printf("%s %s\n", one.c_str(), two.c_str());
    });
}
