// SPDX-License-Identifier: Apache-2.0
// Several at once, and their results in the order in which they were given.
//
//     $ build/release/examples/asyncio/gather_results
//     phase 1, phase 2
//     0 1 2 3 4
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include <weft/weft.hpp>

using namespace std::chrono_literals;

namespace {

std::string phase1() {
    weft::sleep_for(2ms);
    return "phase 1";
}
std::string phase2() {
    weft::sleep_for(1ms);
    return "phase 2";
}

} // namespace

int main() {
    weft::run([] {
        auto [one, two] = weft::gather(phase1, phase2);
        std::printf("%s, %s\n", one.c_str(), two.c_str());

        std::vector<weft::task<int>> tasks;
        for (int n = 0; n < 5; ++n)
            tasks.push_back(weft::create_task([n] {
                weft::sleep_for(std::chrono::milliseconds(5 - n));
                return n;
            }));
        const auto results = weft::gather(tasks);
        for (std::size_t i = 0; i < results.size(); ++i)
            std::printf("%d%s", results[i], i + 1 < results.size() ? " " : "\n");
    });
}
