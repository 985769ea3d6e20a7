// SPDX-License-Identifier: Apache-2.0
// Loops over N ints, and matmul: the program says how.
#pragma once

#include <random>

#include "workloads.hpp"

namespace workloads {

/// C = A B of n x n, as a divide-and-conquer over rows: one row of blocks is a task's work.
template <class How>
void run_matmul(long size) {
    const auto n = static_cast<std::size_t>(size);
    std::vector<float> a(n * n), b(n * n), c(n * n);
    std::mt19937 random(1);
    for (float& x : a) x = static_cast<float>(random() % 100);
    for (float& x : b) x = static_cast<float>(random() % 100);
    run([&] {
        How::for_each_index(n, [&](std::size_t i) {
            float* const row = &c[i * n];
            for (std::size_t j = 0; j < n; ++j) row[j] = 0;
            for (std::size_t k = 0; k < n; ++k) {
                const float x = a[i * n + k];
                const float* const from = &b[k * n];
                for (std::size_t j = 0; j < n; ++j) row[j] += x * from[j];
            }
        });
        return static_cast<long>(c[n * n / 2]);
    });
}

/// for, reduce: 20 passes over N ints, or so many over a small N that it is 200 million in all; empty: as many loops over
/// nothing; sort: one.
template <class How>
void run_data(const arguments& a) {
    if (a.name == "matmul") return run_matmul<How>(a.size);
    const auto n = static_cast<std::size_t>(a.size);
    if (a.name == "empty")
        return run([&] {
            for (int i = 0; i < 1'000'000; ++i)
                How::for_each_index(n, [](std::size_t) { asm volatile(""); });
            return 0L;
        });
    if (a.name != "for" && a.name != "reduce" && a.name != "sort") return;
    std::vector<int> in(n);
    std::mt19937 random(1);
    for (int& v : in) v = static_cast<int>(random());
    const long passes = a.size >= 1'000'000 ? 20 : 200'000'000 / a.size;
    if (a.name == "for") {
        std::vector<double> out(n);
        run([&] {
            for (long i = 0; i < passes; ++i)
                How::for_each_index(n, [&](std::size_t k) { out[k] = in[k] * 0.5 + 1.0; });
            return static_cast<long>(out[n / 2]);
        });
    }
    if (a.name == "reduce")
        run([&] {
            long total = 0;
            for (long i = 0; i < passes; ++i) {
                asm volatile("" ::: "memory");
                total += How::reduce(n, [&](std::size_t k) { return static_cast<long>(in[k]); });
            }
            return total;
        });
    if (a.name == "sort") {
        std::vector<int> work;
        run([&] {
            work = in;
            How::sort(work);
            return static_cast<long>(work[n / 2]);
        });
    }
}

} // namespace workloads
