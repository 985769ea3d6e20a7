// SPDX-License-Identifier: Apache-2.0
// Three sleeps of 100 ms at once take 100 ms, not 300; and a thousand of them hardly more.
//
//     $ build/release/examples/asyncio/sleeps_at_once
//     less than one after the other: yes
#include <chrono>
#include <cstdio>
#include <vector>

#include <weft/weft.hpp>

using namespace std::chrono_literals;

int main() {
    weft::run([] {
        const auto begin = weft::clock::now();
        std::vector<weft::task<void>> tasks;
        for (int i = 0; i < 1000; ++i)
            tasks.push_back(weft::create_task([] { weft::sleep_for(100ms); }));
        weft::gather(tasks);
        const bool less = weft::clock::now() - begin < 1000 * 100ms;
        std::printf("less than one after the other: %s\n", less ? "yes" : "no");
    });
}
