// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility> // Boost 1.74 uses std::exchange without it

#include <boost/asio.hpp>

#include <exception>
#include <functional>

namespace peer {

namespace asio = boost::asio;

/// Where what is not IO runs.
struct pools {
    bool compute_inline; ///< in the coroutine of the connection, on the event loop's thread
    asio::thread_pool compute;
    asio::thread_pool block;
};

/// Runs work in the pool and resumes the caller on its own executor. Hopping there and back with two posts would leave
/// the connection's coroutine running in the pool: this keeps it where its socket is.
inline asio::awaitable<void> run_in(asio::thread_pool& pool, std::function<void()> work) {
    std::exception_ptr error;
    co_await asio::async_initiate<decltype(asio::use_awaitable), void()>(
        [&](auto&& handler) {
            asio::post(pool, [&, handler = std::move(handler)]() mutable {
                try {
                    work();
                } catch (...) { error = std::current_exception(); }
                auto executor = asio::get_associated_executor(handler);
                asio::post(executor, std::move(handler));
            });
        },
        asio::use_awaitable);
    if (error) std::rethrow_exception(error);
}

} // namespace peer
