// SPDX-License-Identifier: Apache-2.0
// yield, and yield from.
//
//     $ build/release/examples/asyncio/generators
//     1
//     3
//     4
//     2
#include <cstdio>

#include <weft/weft.hpp>

int main() {
    auto func2 = [](auto& yield) {
        yield(3);
        yield(4);
    };
    weft::generator<int> f1([&](auto& yield) {
        yield(1);
        yield.from(weft::generator<int>(func2));
        yield(2);
    });
    for (int item : f1) std::printf("%d\n", item);
}
