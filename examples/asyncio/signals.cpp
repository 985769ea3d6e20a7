// SPDX-License-Identifier: Apache-2.0
// A signal is a callback of the loop; it may do what any callback may.
//
//     $ build/release/examples/asyncio/signals
//     working
//     told to end
//     cleaned up
#include <csignal>
#include <cstdio>

#include <weft/weft.hpp>

using namespace std::chrono_literals;

int main() {
    weft::event_loop loop;
    auto work = loop.create_task([] {
        std::puts("working");
        std::raise(SIGTERM); // as kill does
        try {
            weft::sleep_for(1h);
        } catch (const weft::cancelled_error&) {
            std::puts("cleaned up");
            throw;
        }
    });
    loop.add_signal_handler(SIGTERM, [&] {
        std::puts("told to end");
        work.cancel();
    });
    try {
        loop.run_until_complete(work);
    } catch (const weft::cancelled_error&) {}
}
