// SPDX-License-Identifier: Apache-2.0
// The same calls by Boost.Asio and oneTBB.
#include <utility> // Asio 1.18 forgets it

#include <boost/asio.hpp>

#include <deque>
#include <future>
#include <memory>

#ifdef WEFT_BENCH_TBB
#    include <tbb/task_arena.h>
#endif

#include "bench.hpp"

namespace bench {
namespace {

namespace asio = boost::asio;

/// Runs f on the pool and goes on in the coroutine's own loop.
template <class F>
asio::awaitable<void> offload(asio::thread_pool& pool, F f) {
    return asio::async_initiate<const asio::use_awaitable_t<>, void()>(
        [&pool](auto handler, F call) {
            auto home = asio::make_work_guard(asio::get_associated_executor(handler));
            asio::post(pool,
                       [handler = std::move(handler), home = std::move(home), call]() mutable {
                           call();
                           auto loop = home.get_executor();
                           asio::post(loop, std::move(handler));
                       });
        },
        asio::use_awaitable, f);
}

double asio_round_trip(int n) {
    asio::io_context loop(1);
    asio::thread_pool pool(1);
    std::vector<double> times;
    const auto calls = [&]() -> asio::awaitable<void> {
        for (int i = 0; i < n; ++i) {
            const double begin = now_us();
            co_await offload(pool, [] {});
            times.push_back(now_us() - begin);
        }
    };
    asio::co_spawn(loop, calls(), asio::detached);
    loop.run();
    return median(std::move(times));
}

flood asio_flood(int threads, int calls, int in_flight) {
    asio::io_context loop(1);
    asio::thread_pool pool(static_cast<std::size_t>(threads));
    const auto caller = [&]() -> asio::awaitable<void> {
        for (int i = 0; i < calls / in_flight; ++i) co_await offload(pool, [] {});
    };
    for (int i = 0; i < in_flight; ++i) asio::co_spawn(loop, caller(), asio::detached);
    return flood_of(calls, [&] { loop.run(); });
}

#ifdef WEFT_BENCH_TBB
template <class F>
std::future<void> offload(tbb::task_arena& arena, F f) {
    auto promise = std::make_shared<std::promise<void>>();
    auto future = promise->get_future();
    arena.enqueue([promise, f] {
        f();
        promise->set_value();
    });
    return future;
}

double tbb_round_trip(int n) {
    tbb::task_arena arena(1, 0);
    return median_of_each(n, [&] { offload(arena, [] {}).get(); });
}

flood tbb_flood(int threads, int calls, int in_flight) {
    tbb::task_arena arena(threads, 0);
    return flood_of(calls, [&] {
        std::deque<std::future<void>> window;
        for (int i = 0; i < calls; ++i) {
            if (window.size() == static_cast<std::size_t>(in_flight)) {
                window.front().get();
                window.pop_front();
            }
            window.push_back(offload(arena, [] {}));
        }
        for (auto& f : window) f.get();
    });
}
#endif

} // namespace

std::vector<thread_peer> thread_peers() {
    return {
        {"Boost.Asio thread_pool", asio_round_trip, asio_flood},
#ifdef WEFT_BENCH_TBB
        {"oneTBB enqueue, std::future", tbb_round_trip, tbb_flood},
#endif
    };
}

} // namespace bench
