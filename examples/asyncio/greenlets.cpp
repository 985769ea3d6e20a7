// SPDX-License-Identifier: Apache-2.0
// Two functions that switch to one another by hand. Needs no runtime.
//
//     $ build/release/examples/asyncio/greenlets
//     1
//     3
//     2
//     4
#include <cstdio>

#include <weft/weft.hpp>

int main() {
    weft::greenlet<> gr1, gr2;
    gr1 = weft::greenlet<>([&] {
        std::puts("1");
        gr2.switch_to();
        std::puts("2");
        gr2.switch_to(); // goes on where gr2 left off
    });
    gr2 = weft::greenlet<>([&] {
        std::puts("3");
        gr1.switch_to();
        std::puts("4");
    });
    gr1.switch_to();
}
