// SPDX-License-Identifier: Apache-2.0
// A loop that runs until a future is done.
//
//     $ build/release/examples/asyncio/future_and_loop
//     scheduling mark_done
//     entering the loop
//     setting the result
//     returned: the result
#include <cstdio>
#include <string>

#include <weft/weft.hpp>

int main() {
    weft::event_loop loop;
    auto all_done = loop.create_future<std::string>();
    std::puts("scheduling mark_done");
    loop.call_soon([&] {
        std::puts("setting the result");
        all_done.set_value("the result");
    });
    std::puts("entering the loop");
    const std::string result = loop.run_until_complete(all_done.get_future());
    std::printf("returned: %s\n", result.c_str());
}
