// SPDX-License-Identifier: Apache-2.0
// oneTBB and weft in one program: its algorithm works on rows that weft's tasks deliver, as they come in.
//
//     $ build/release/examples/beside_tbb
//     10000 rows, 99990000 in all
#include <cstdio>
#include <numeric>
#include <vector>

#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/parallel_reduce.h>
#include <weft/tbb.hpp>
#include <weft/weft.hpp>

namespace {

/// Stands for a row from a server.
std::vector<long> fetch(long i) {
    weft::sleep_for(std::chrono::microseconds(100));
    return {i, i};
}

} // namespace

int main() {
    weft::run([] {
        std::vector<weft::task<std::vector<long>>> rows;
        for (long i = 0; i < 10'000; ++i) rows.push_back(weft::create_task(fetch, i));

        tbb::task_arena arena;
        weft::tbb_executor in_tbb(arena); // for each TBB worker one of weft's leaves its core
        const long sum = weft::await(weft::run_in_executor(in_tbb, [&] {
            return tbb::parallel_reduce(
                tbb::blocked_range<std::size_t>(0, rows.size()), 0L,
                [&](const auto& part, long so_far) {
                    for (std::size_t i = part.begin(); i != part.end(); ++i) {
                        const auto row = rows[i].get(); // the TBB task waits, its thread does not
                        so_far = std::accumulate(row.begin(), row.end(), so_far);
                    }
                    return so_far;
                },
                std::plus<>{});
        }));
        std::printf("%zu rows, %ld in all\n", rows.size(), sum);
    });
}
