// SPDX-License-Identifier: Apache-2.0
// A loop on the calling thread: it runs until one coroutine is complete; the other tasks go on in the next run.
//
//     $ build/release/examples/asyncio/run_until_complete
//     1
//     3
//     1
//     2
//     4
//     2
#include <chrono>
#include <cstdio>

#include <weft/weft.hpp>

using namespace std::chrono_literals;

namespace {

void func1() {
    std::puts("1");
    weft::sleep_for(20ms); // the loop goes on with the others
    std::puts("2");
}

void func2() {
    std::puts("3");
    weft::sleep_for(20ms);
    std::puts("4");
}

} // namespace

int main() {
    weft::event_loop loop;
    auto task1 = loop.create_task(func1);
    auto task2 = loop.create_task(func2);
    loop.run_until_complete(func1);
}
