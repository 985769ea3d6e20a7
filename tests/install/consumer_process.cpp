// SPDX-License-Identifier: Apache-2.0
#include <weft/process.hpp>

int main() {
    weft::process_pool_executor procs({.max_workers = 1});
    return procs.submit([](int x) { return x + 1; }, 41).get() == 42 ? 0 : 1;
}
