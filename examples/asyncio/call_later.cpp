// SPDX-License-Identifier: Apache-2.0
// Plain functions, called later, and at a time of the loop's clock.
//
//     $ build/release/examples/asyncio/call_later
//     3
//     2
//     1
//     at its time: yes
#include <chrono>
#include <cstdio>

#include <weft/weft.hpp>

using namespace std::chrono_literals;

int main() {
    weft::event_loop loop;
    auto print = [](int n) { std::printf("%d\n", n); };
    loop.call_later(20ms, print, 1);
    loop.call_later(10ms, print, 2);
    loop.call_soon(print, 3);
    const auto when = loop.time() + 30ms; // monotonic: setting the wall clock changes nothing
    loop.call_at(when, [&] {
        std::printf("at its time: %s\n", loop.time() >= when ? "yes" : "no");
        loop.stop();
    });
    loop.run_forever();
}
