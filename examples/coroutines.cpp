// SPDX-License-Identifier: Apache-2.0
// C++20 coroutines and fibers in one program: they wait for one another.
//
//     $ build/release/examples/coroutines
//     fiber waits for a coroutine: 42
//     coroutine waits for fibers: 6
//     10000 coroutines slept
#include <chrono>
#include <cstdio>
#include <vector>

#include <weft/weft.hpp>

using namespace std::chrono_literals;

namespace {

weft::co_task<int> slowly(int x) {
    co_await weft::co::sleep_for(10ms);
    co_return x;
}

weft::co_task<int> sum_of_fibers() {
    int sum = 0;
    for (int i = 1; i <= 3; ++i)
        sum += co_await weft::create_task([i] {
            weft::sleep_for(1ms);
            return i;
        });
    co_return sum;
}

} // namespace

int main() {
    weft::run([] {
        std::printf("fiber waits for a coroutine: %d\n", weft::await(slowly(42)));
        std::printf("coroutine waits for fibers: %d\n",
                    weft::await(weft::create_task(sum_of_fibers())));
        std::vector<weft::task<int>> many; // some hundred bytes each, no stack
        for (int i = 0; i < 10'000; ++i) many.push_back(weft::create_task(slowly(i)));
        for (auto& t : many) weft::await(t);
        std::printf("%zu coroutines slept\n", many.size());
    });
}
