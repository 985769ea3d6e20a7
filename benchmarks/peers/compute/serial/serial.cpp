// SPDX-License-Identifier: Apache-2.0
// The floor: the same recursions without any task. With WEFT_REAL_CALLS every call is a real one.
#include <algorithm>

#include "data.hpp"
#include "workloads.hpp"

#if WEFT_REAL_CALLS
#    define CALL [[gnu::noinline]]
#else
#    define CALL
#endif

namespace {

using namespace workloads;

CALL long fib(long n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }

CALL long nqueens(int n, int row, board b) {
    if (row == n) return 1;
    long total = 0;
    for (int column = 0; column < n; ++column)
        if (queen_fits(b, row, column)) {
            b[static_cast<std::size_t>(row)] = static_cast<char>(column);
            total += nqueens(n, row + 1, b);
        }
    return total;
}

CALL long skynet(long base, int depth, int deepest) {
    if (depth == deepest) return base;
    const long step = skynet_step(depth, deepest);
    long total = 0;
    for (int i = 0; i < 10; ++i) total += skynet(base + step * i, depth + 1, deepest);
    return total;
}

CALL std::int64_t sum(const node* n) {
    std::int64_t s = n->value;
    if (n->left != nullptr) s += sum(n->left);
    if (n->right != nullptr) s += sum(n->right);
    return s;
}

struct algorithms {
    template <class F>
    static void for_each_index(std::size_t n, F f) {
        for (std::size_t i = 0; i < n; ++i) f(i);
    }
    template <class F>
    static long reduce(std::size_t n, F f) {
        long total = 0;
        for (std::size_t i = 0; i < n; ++i) total += f(i);
        return total;
    }
    static void sort(std::vector<int>& v) { std::sort(v.begin(), v.end()); }
};

} // namespace

int main(int argc, char** argv) {
    const arguments a = parse(argc, argv);
    volatile long size = a.size;
    if (a.name == "fib") run([&] { return fib(size); });
    if (a.name == "nqueens") run([&] { return nqueens(static_cast<int>(size), 0, {}); });
    if (a.name == "skynet") run([&] { return skynet(0, 0, static_cast<int>(size)); });
    if (a.name == "tree")
        run_tree(size, [](const node* n) {
            asm volatile("" ::: "memory");
            return sum(n);
        });
    run_data<algorithms>(a);
}
