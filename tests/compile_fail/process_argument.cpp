// SPDX-License-Identifier: Apache-2.0
// expect: weft: an argument of a call in another process can't be sent
#include <weft/process.hpp>

struct plain {
    int x;
};

void f(weft::process_pool_executor& procs) {
    procs.submit([](plain p) { return p.x; }, plain{1});
}
