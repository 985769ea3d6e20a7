// SPDX-License-Identifier: Apache-2.0
// A function that waits is called like any other: what comes after the call comes after its end.
//
//     $ build/release/examples/asyncio/await_calls
//     func
//     start
//     end
//     the first gives: value
//     start
//     end
//     the second gives: value
#include <chrono>
#include <cstdio>
#include <string>

#include <weft/weft.hpp>

using namespace std::chrono_literals;

namespace {

std::string others() {
    std::puts("start");
    weft::sleep_for(20ms);
    std::puts("end");
    return "value";
}

void func() {
    std::puts("func");
    const std::string first = others(); // waits here; other tasks would run meanwhile
    std::printf("the first gives: %s\n", first.c_str());
    const std::string second = others();
    std::printf("the second gives: %s\n", second.c_str());
}

} // namespace

int main() { weft::run(func); }
