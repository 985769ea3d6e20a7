// SPDX-License-Identifier: Apache-2.0
// OpenMP: a task for each fork, taskwait for the join.
#include <omp.h>

#include "data.hpp"
#include "workloads.hpp"

namespace {

using namespace workloads;

long fib(long n) {
    if (n < 2) return n;
    long x = 0, y = 0;
#pragma omp task shared(x)
    x = fib(n - 1);
    y = fib(n - 2);
#pragma omp taskwait
    return x + y;
}

long nqueens(int n, int row, const board& b) {
    if (row == n) return 1;
    std::array<long, 16> results{};
    std::size_t count = 0;
    for (int column = 0; column < n; ++column)
        if (queen_fits(b, row, column)) {
            board child = b;
            child[static_cast<std::size_t>(row)] = static_cast<char>(column);
#pragma omp task shared(results) firstprivate(child, count)
            results[count] = nqueens(n, row + 1, child);
            ++count;
        }
#pragma omp taskwait
    long total = 0;
    for (std::size_t i = 0; i < count; ++i) total += results[i];
    return total;
}

long skynet(long base, int depth, int deepest) {
    if (depth == deepest) return base;
    const long step = skynet_step(depth, deepest);
    long total = 0;
    std::array<long, 10> results{};
    for (std::size_t i = 0; i < 9; ++i) {
#pragma omp task shared(results) firstprivate(i)
        results[i] = skynet(base + step * static_cast<long>(i), depth + 1, deepest);
    }
    results[9] = skynet(base + step * 9, depth + 1, deepest);
#pragma omp taskwait
    for (const long r : results) total += r;
    return total;
}

std::int64_t sum(const node* n) {
    std::int64_t left = 0, right = 0;
    if (n->left != nullptr && n->right != nullptr) {
#pragma omp task shared(right)
        right = sum(n->right);
        left = sum(n->left);
#pragma omp taskwait
    } else if (n->left != nullptr) {
        left = sum(n->left);
    } else if (n->right != nullptr) {
        right = sum(n->right);
    }
    return n->value + left + right;
}

// Its loops want a parallel region of their own; there is no sort.
struct algorithms {
    template <class F>
    static void for_each_index(std::size_t n, F f) {
#pragma omp parallel for
        for (std::size_t i = 0; i < n; ++i) f(i);
    }
    template <class F>
    static long reduce(std::size_t n, F f) {
        long total = 0;
#pragma omp parallel for reduction(+ : total)
        for (std::size_t i = 0; i < n; ++i) total += f(i);
        return total;
    }
    static void sort(std::vector<int>&) { std::exit(3); }
};

} // namespace

int main(int argc, char** argv) {
    const arguments a = parse(argc, argv);
    omp_set_num_threads(static_cast<int>(a.threads));
    run_data<algorithms>(a);
#pragma omp parallel num_threads(a.threads)
#pragma omp single
    {
        if (a.name == "fib") run([&] { return fib(a.size); });
        if (a.name == "nqueens") run([&] { return nqueens(static_cast<int>(a.size), 0, {}); });
        if (a.name == "skynet") run([&] { return skynet(0, 0, static_cast<int>(a.size)); });
        if (a.name == "tree") run_tree(a.size, sum);
    }
}
