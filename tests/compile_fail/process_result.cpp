// SPDX-License-Identifier: Apache-2.0
// expect: weft: the result of a call in another process can't be sent
#include <weft/process.hpp>

struct plain {
    int x;
};

void f(weft::process_pool_executor& procs) {
    procs.submit([] { return plain{1}; });
}
