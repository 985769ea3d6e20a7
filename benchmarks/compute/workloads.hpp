// SPDX-License-Identifier: Apache-2.0
// What the programs of this folder and of peers/compute share: pieces of the workloads, the timed run, the report.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace workloads {

struct arguments {
    std::string name;
    long size;
    unsigned threads;
};

inline arguments parse(int argc, char** argv) {
    if (argc != 4) {
        std::fprintf(
            stderr, "usage: %s fib|nqueens|skynet|tree|matmul|for|reduce|sort|empty SIZE THREADS\n",
            argv[0]);
        std::exit(2);
    }
    return {argv[1], std::atol(argv[2]), static_cast<unsigned>(std::atoi(argv[3]))};
}

/// This program's own peak of resident memory: getrusage's would include that of the parent when it forked.
inline long peak_rss_kib() {
    long kib = -1;
    char line[256];
    if (std::FILE* f = std::fopen("/proc/self/status", "r")) {
        while (std::fgets(line, sizeof line, f) != nullptr)
            if (std::sscanf(line, "VmHWM: %ld", &kib) == 1) break;
        std::fclose(f);
    }
    return kib;
}

/// Runs f once to warm up and once timed, and prints its result.
template <class F>
void run(F f) {
    f();
    const auto start = std::chrono::steady_clock::now();
    const long long result = f();
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::steady_clock::now() - start);
    std::printf("result: %lld\nduration: %lld us\nmax_rss: %ld KiB\n", result,
                static_cast<long long>(us.count()), peak_rss_kib());
}

/// The column of the queen in each of the first rows.
using board = std::array<char, 16>;
inline bool queen_fits(const board& b, int row, int column) {
    for (int r = 0; r < row; ++r) {
        const int c = b[static_cast<std::size_t>(r)];
        if (column == c || column == c - (row - r) || column == c + (row - r)) return false;
    }
    return true;
}

/// How many leaves lie below one child of a node at that depth.
inline long skynet_step(int depth, int deepest) {
    long s = 1;
    for (int i = depth + 1; i < deepest; ++i) s *= 10;
    return s;
}

/// A balanced tree, its nodes in preorder in one block.
struct node {
    std::int64_t value;
    node *left, *right;
};
class tree {
public:
    explicit tree(long count) {
        nodes_.reserve(static_cast<std::size_t>(count));
        build(1, count);
    }
    node* root() { return nodes_.data(); }

private:
    node* build(std::int64_t from, std::int64_t to) {
        const std::int64_t mid = from + (to - from) / 2;
        node* n = &nodes_.emplace_back(node{mid, nullptr, nullptr});
        if (mid > from) n->left = build(from, mid - 1);
        if (mid < to) n->right = build(mid + 1, to);
        return n;
    }
    std::vector<node> nodes_;
};

/// A big tree once; a small one (below 100,000 nodes) so often that it is 20 million nodes in all.
template <class Sum>
void run_tree(long size, Sum sum) {
    tree t(size);
    const long repeats = size < 100'000 ? 20'000'000 / size : 1;
    run([&] {
        std::int64_t total = 0;
        for (long i = 0; i < repeats; ++i) total += sum(t.root());
        return total;
    });
}

} // namespace workloads
