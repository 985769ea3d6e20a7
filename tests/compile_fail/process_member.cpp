// SPDX-License-Identifier: Apache-2.0
// expect: weft: a process pool runs functions and captureless lambdas
#include <weft/process.hpp>

struct thing {
    int get() { return 1; }
};

void f(weft::process_pool_executor& procs, thing t) { procs.submit(&thing::get, t); }
