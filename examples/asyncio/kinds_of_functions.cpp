// SPDX-License-Identifier: Apache-2.0
// Python's four kinds of function. Here "async" is no kind: any of them may wait.
//
//     $ build/release/examples/asyncio/kinds_of_functions
//     a function: 1
//     a generator: 2
//     an async function: 3
//     an async generator: 4
#include <chrono>
#include <cstdio>

#include <weft/weft.hpp>

using namespace std::chrono_literals;

namespace {

int function() { return 1; }

weft::generator<int> generator() {
    return weft::generator<int>([](auto& yield) { yield(2); });
}

int async_function() {
    weft::sleep_for(1ms);
    return 3;
}

weft::generator<int> async_generator() {
    return weft::generator<int>([](auto& yield) {
        weft::sleep_for(1ms);
        yield(4);
    });
}

} // namespace

int main() {
    std::printf("a function: %d\n", function());
    for (int x : generator()) std::printf("a generator: %d\n", x);
    weft::run([] {
        std::printf("an async function: %d\n", async_function());
        for (int x : async_generator()) std::printf("an async generator: %d\n", x);
    });
}
