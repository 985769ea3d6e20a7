// SPDX-License-Identifier: Apache-2.0
// The workloads on weft::gather.
#include <weft/weft.hpp>

#include "data.hpp"
#include "workloads.hpp"

namespace {

using namespace workloads;

long fib(long n) {
    if (n < 2) return n;
    auto [a, b] = weft::gather([=] { return fib(n - 1); }, [=] { return fib(n - 2); });
    return a + b;
}

long nqueens(int n, int row, const board& b) {
    if (row == n) return 1;
    std::array<char, 16> columns{};
    std::size_t count = 0;
    for (int column = 0; column < n; ++column)
        if (queen_fits(b, row, column)) columns[count++] = static_cast<char>(column);
    return weft::parallel_reduce(
        std::size_t{0}, count, 0L,
        [&](std::size_t i) {
            board child = b;
            child[static_cast<std::size_t>(row)] = columns[i];
            return nqueens(n, row + 1, child);
        },
        std::plus<>{});
}

long skynet(long base, int depth, int deepest) {
    if (depth == deepest) return base;
    const long step = skynet_step(depth, deepest);
    const auto child = [&](int i) {
        return [&, i] { return skynet(base + step * i, depth + 1, deepest); };
    };
    const auto results = weft::gather(child(0), child(1), child(2), child(3), child(4), child(5),
                                      child(6), child(7), child(8), child(9));
    return std::apply([](auto... r) { return (r + ...); }, results);
}

std::int64_t sum(const node* n) {
    if (n->left != nullptr && n->right != nullptr) {
        auto [a, b] = weft::gather([=] { return sum(n->left); }, [=] { return sum(n->right); });
        return n->value + a + b;
    }
    std::int64_t s = n->value;
    if (n->left != nullptr) s += sum(n->left);
    if (n->right != nullptr) s += sum(n->right);
    return s;
}

struct algorithms {
    template <class F>
    static void for_each_index(std::size_t n, F f) {
        weft::parallel_for(std::size_t{0}, n, f);
    }
    template <class F>
    static long reduce(std::size_t n, F f) {
        return weft::parallel_reduce(std::size_t{0}, n, 0L, f, std::plus<>{});
    }
    static void sort(std::vector<int>& v) { weft::parallel_sort(v.begin(), v.end()); }
};

} // namespace

int main(int argc, char** argv) {
    const arguments a = parse(argc, argv);
    weft::run({.workers = a.threads}, [&] {
        if (a.name == "fib") run([&] { return fib(a.size); });
        if (a.name == "nqueens") run([&] { return nqueens(static_cast<int>(a.size), 0, {}); });
        if (a.name == "skynet") run([&] { return skynet(0, 0, static_cast<int>(a.size)); });
        if (a.name == "tree") run_tree(a.size, sum);
        run_data<algorithms>(a);
    });
}
