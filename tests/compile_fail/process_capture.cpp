// SPDX-License-Identifier: Apache-2.0
// expect: weft: a process pool runs functions and captureless lambdas
#include <weft/process.hpp>

void f(weft::process_pool_executor& procs, int x) {
    procs.submit([x] { return x; });
}
