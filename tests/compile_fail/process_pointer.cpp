// SPDX-License-Identifier: Apache-2.0
// expect: weft: an argument of a call in another process can't be sent
#include <weft/process.hpp>

void f(weft::process_pool_executor& procs, int* p) {
    procs.submit([](int* q) { return *q; }, p);
}
