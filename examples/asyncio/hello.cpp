// SPDX-License-Identifier: Apache-2.0
// A coroutine is an object; nothing of it runs until it is awaited, or handed to run.
//
//     $ build/release/examples/asyncio/hello
//     nothing has run yet
//     hello world
#include <cstdio>

#include <weft/weft.hpp>

int main() {
    weft::coroutine result([] { std::puts("hello world"); });
    std::puts("nothing has run yet");
    weft::run(result);
}
