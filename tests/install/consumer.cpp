// SPDX-License-Identifier: Apache-2.0
#include <weft/weft.hpp>

int main() {
    return weft::run([] { return 42; }) == 42 ? 0 : 1;
}
