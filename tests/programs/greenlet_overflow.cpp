// SPDX-License-Identifier: Apache-2.0
// GRN-24: unbounded recursion in a greenlet, of a plain thread and of a task, is reported as that. A program of its own: test
// frameworks take the fault for themselves.
#include <cstdio>
#include <cstring>

#include <weft/weft.hpp>

#include "../support/child.hpp"

using weft::testing::child_end;
using weft::testing::in_child;

namespace {

int down(int n) {
    volatile char frame[512];
    frame[n % 512] = static_cast<char>(n);
    return n < 0 ? frame[0] : down(n + 1) + frame[1];
}

void overflow() {
    weft::greenlet<> g([] { std::printf("%d\n", down(1)); });
    g.switch_to();
}

bool reports(const child_end& end, const char* what) {
    const bool good = end.killed_by(SIGABRT) && end.said.find(what) != std::string::npos;
    if (!good) std::fprintf(stderr, "expected '%s', got: %s\n", what, end.said.c_str());
    return good;
}

} // namespace

int main() {
    if (weft::detail::k_asan || weft::detail::k_tsan) return 0; // they report it themselves
    const child_end thread = in_child([] {
        overflow();
        return 0;
    });
    const child_end task = in_child([] {
        weft::run({.workers = 1},
                  [] { weft::await(weft::create_task({.name = "deep"}, overflow)); });
        return 0;
    });
    return reports(thread,
                   "stack overflow in no task, in a greenlet or generator; its stack has 256") &&
                   reports(task, "stack overflow in task 'deep', created by the code at ") &&
                   reports(task, "in a greenlet or generator")
               ? 0
               : 1;
}
