// SPDX-License-Identifier: Apache-2.0
// oneTBB: parallel_invoke for two-way forks, task_group for wide ones (the last child runs in place).
#include <tbb/blocked_range.h>
#include <tbb/global_control.h>
#include <tbb/parallel_for.h>
#include <tbb/parallel_invoke.h>
#include <tbb/parallel_reduce.h>
#include <tbb/parallel_sort.h>
#include <tbb/task_arena.h>
#include <tbb/task_group.h>

#include <functional>

#include "data.hpp"
#include "workloads.hpp"

namespace {

using namespace workloads;

long fib(long n) {
    if (n < 2) return n;
    long x = 0, y = 0;
    tbb::parallel_invoke([&] { x = fib(n - 1); }, [&] { y = fib(n - 2); });
    return x + y;
}

long nqueens(int n, int row, const board& b) {
    if (row == n) return 1;
    tbb::task_group group;
    std::array<long, 16> results{};
    std::size_t count = 0;
    for (int column = 0; column < n; ++column)
        if (queen_fits(b, row, column)) {
            board child = b;
            child[static_cast<std::size_t>(row)] = static_cast<char>(column);
            group.run(
                [&results, count, n, row, child] { results[count] = nqueens(n, row + 1, child); });
            ++count;
        }
    group.wait();
    long total = 0;
    for (std::size_t i = 0; i < count; ++i) total += results[i];
    return total;
}

long skynet(long base, int depth, int deepest) {
    if (depth == deepest) return base;
    const long step = skynet_step(depth, deepest);
    std::array<long, 10> results{};
    tbb::task_group group;
    const auto child = [&results, base, step, depth, deepest](long i) {
        results[static_cast<std::size_t>(i)] = skynet(base + step * i, depth + 1, deepest);
    };
    for (int i = 0; i < 9; ++i) group.run([child, i] { child(i); });
    group.run_and_wait([child] { child(9); });
    long total = 0;
    for (const long r : results) total += r;
    return total;
}

std::int64_t sum(const node* n) {
    std::int64_t left = 0, right = 0;
    if (n->left != nullptr && n->right != nullptr)
        tbb::parallel_invoke([&] { left = sum(n->left); }, [&] { right = sum(n->right); });
    else if (n->left != nullptr)
        left = sum(n->left);
    else if (n->right != nullptr)
        right = sum(n->right);
    return n->value + left + right;
}

struct algorithms {
    template <class F>
    static void for_each_index(std::size_t n, F f) {
        tbb::parallel_for(std::size_t{0}, n, f);
    }
    template <class F>
    static long reduce(std::size_t n, F f) {
        return tbb::parallel_reduce(
            tbb::blocked_range<std::size_t>(0, n), 0L,
            [&](const auto& range, long total) {
                for (std::size_t i = range.begin(); i != range.end(); ++i) total += f(i);
                return total;
            },
            std::plus<>{});
    }
    static void sort(std::vector<int>& v) { tbb::parallel_sort(v.begin(), v.end()); }
};

} // namespace

int main(int argc, char** argv) {
    const arguments a = parse(argc, argv);
    const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, a.threads);
    tbb::task_arena(static_cast<int>(a.threads)).execute([&] {
        if (a.name == "fib") run([&] { return fib(a.size); });
        if (a.name == "nqueens") run([&] { return nqueens(static_cast<int>(a.size), 0, {}); });
        if (a.name == "skynet") run([&] { return skynet(0, 0, static_cast<int>(a.size)); });
        if (a.name == "tree") run_tree(a.size, sum);
        run_data<algorithms>(a);
    });
}
