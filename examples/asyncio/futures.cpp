// SPDX-License-Identifier: Apache-2.0
// A future is done when somebody sets it. One that nobody will ever set is a broken promise, instead of a program that hangs.
//
//     $ build/release/examples/asyncio/futures
//     666
//     nobody sets it in 20 ms
//     broken promise
#include <chrono>
#include <cstdio>
#include <string>

#include <weft/weft.hpp>

using namespace std::chrono_literals;

int main() {
    weft::run([] {
        weft::promise<std::string> promise;
        auto future = promise.get_future();
        auto setter = weft::create_task([&promise] {
            weft::sleep_for(20ms);
            promise.set_value("666");
        });
        std::puts(weft::await(future).c_str());
        weft::await(setter);
    });
    weft::run([] {
        weft::promise<void> promise;
        auto future = promise.get_future();
        try {
            weft::wait_for(20ms, [&] { weft::await(future); });
        } catch (const weft::timeout_error&) { std::puts("nobody sets it in 20 ms"); }
    });
    weft::run([] {
        auto future = weft::promise<void>().get_future();
        try {
            weft::await(future);
        } catch (const weft::broken_promise&) { std::puts("broken promise"); }
    });
}
