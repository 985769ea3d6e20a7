// SPDX-License-Identifier: Apache-2.0
// ensure_future makes a task of a coroutine; whoever gets it need not know how it came to be.
//
//     $ build/release/examples/asyncio/ensure_future
//     starting
//     the inner one gets a task
//     wrapped
//     the task gave: result
#include <cstdio>
#include <string>

#include <weft/weft.hpp>

namespace {

std::string wrapped() {
    std::puts("wrapped");
    return "result";
}

void inner(const weft::task<std::string>& task) {
    std::puts("the inner one gets a task");
    const std::string result = weft::await(task);
    std::printf("the task gave: %s\n", result.c_str());
}

} // namespace

int main() {
    weft::run({.workers = 1}, [] {
        std::puts("starting");
        inner(weft::ensure_future(weft::coroutine(wrapped)));
    });
}
