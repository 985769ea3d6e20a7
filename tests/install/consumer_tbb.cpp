// SPDX-License-Identifier: Apache-2.0
#include <weft/tbb.hpp>

int main() {
    weft::tbb_executor tbb;
    return tbb.submit([](int x) { return x + 1; }, 41).get() == 42 ? 0 : 1;
}
