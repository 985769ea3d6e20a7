// SPDX-License-Identifier: Apache-2.0
// Callbacks of a future: called when it is done, in the order they were added, never inside the call that sets it.
//
//     $ build/release/examples/asyncio/future_callbacks
//     setting the result
//     set
//     1: the result
//     2: the result
#include <cstdio>
#include <string>

#include <weft/weft.hpp>

namespace {

void callback(const weft::future<std::string>& future, int n) {
    std::printf("%d: %s\n", n, future.result().c_str());
}

} // namespace

int main() {
    weft::run({.workers = 1}, [] {
        weft::promise<std::string> all_done;
        auto future = all_done.get_future();
        for (int n : {1, 2})
            future.add_done_callback([n](weft::future<std::string> f) { callback(f, n); });
        std::puts("setting the result");
        all_done.set_value("the result");
        std::puts("set");
        weft::yield();
    });
}
