// SPDX-License-Identifier: Apache-2.0
// Functions that wait call one another; results and exceptions go up the chain.
//
//     $ build/release/examples/asyncio/chain
//     outer waits for phase 1
//     phase 1
//     outer waits for phase 2
//     phase 2
//     result 2 derived from result 1
//     phase 3: no such phase
#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <string>

#include <weft/weft.hpp>

using namespace std::chrono_literals;

namespace {

std::string phase1() {
    std::puts("phase 1");
    weft::sleep_for(1ms);
    return "result 1";
}

std::string phase2(const std::string& from) {
    std::puts("phase 2");
    weft::sleep_for(1ms);
    return "result 2 derived from " + from;
}

void phase3() {
    weft::sleep_for(1ms);
    throw std::runtime_error("no such phase");
}

std::string outer() {
    std::puts("outer waits for phase 1");
    const std::string result1 = phase1();
    std::puts("outer waits for phase 2");
    return phase2(result1);
}

} // namespace

int main() {
    std::puts(weft::run(outer).c_str());
    try {
        weft::run(phase3);
    } catch (const std::exception& e) { std::printf("phase 3: %s\n", e.what()); }
}
