// SPDX-License-Identifier: Apache-2.0
// Plain functions, called soon: in the order of the calls, with their arguments.
//
//     $ build/release/examples/asyncio/call_soon
//     entering the loop
//     registering callbacks
//     callback: 1
//     callback: 2, a keyword
//     closing the loop
#include <cstdio>
#include <string>

#include <weft/weft.hpp>

namespace {

void callback(int arg, const std::string& more = "") {
    std::printf("callback: %d%s\n", arg, more.c_str());
}

} // namespace

int main() {
    weft::event_loop loop;
    std::puts("entering the loop");
    loop.run_until_complete([&] {
        std::puts("registering callbacks");
        loop.call_soon([](int n) { callback(n); }, 1);
        loop.call_soon(callback, 2,
                       ", a keyword"); // functools.partial is a lambda, or more arguments
        weft::yield();
    });
    std::puts("closing the loop");
    loop.close();
}
