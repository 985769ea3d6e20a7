// SPDX-License-Identifier: Apache-2.0
// peer-beast: weft-serve's routes on Boost.Beast and Asio coroutines.
// One io_context run by all IO threads; one coroutine per connection. Computations run there (the default, with one IO
// thread: the single-threaded event loop) or, with --offload, in a thread pool as its users would do by hand. Blocking
// calls always run in a thread pool of their own.
#include "routes.hpp"

#include <boost/beast/core.hpp>

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <string>
#include <thread>
#include <vector>

#include "work.hpp"

namespace peer {
namespace {

using asio::ip::tcp;

struct options {
    std::uint16_t port = 8080;
    unsigned io_threads = 1;
    unsigned offload = 0;
    unsigned block_threads = 64;
    std::string photos;
};

void declare(CLI::App& app, options& o) {
    app.add_option("-p,--port", o.port, "port on 127.0.0.1")
        ->capture_default_str()
        ->check(CLI::Range(1, 65535));
    app.add_option("--io-threads", o.io_threads, "threads of the event loop")
        ->capture_default_str()
        ->check(CLI::Range(1, 1024));
    app.add_option("--offload", o.offload,
                   "compute in a pool of so many threads; 0: in the event loop")
        ->capture_default_str()
        ->check(CLI::Range(0, 1024));
    app.add_option("--block-threads", o.block_threads, "threads for blocking calls")
        ->capture_default_str()
        ->check(CLI::Range(1, 4096));
    app.add_option("--photos", o.photos, "folder of the photographs for /thumb");
}

asio::awaitable<void> converse(tcp::socket socket, services& with) {
    boost::beast::flat_buffer buffer;
    try {
        for (bool more = true; more;) {
            request asked;
            co_await http::async_read(socket, buffer, asked, asio::use_awaitable);
            response out = co_await answer(asked, with);
            co_await http::async_write(socket, out, asio::use_awaitable);
            more = out.keep_alive();
        }
    } catch (const boost::system::system_error&) {
        // the client has gone
    }
}

asio::awaitable<void> accept(tcp::acceptor acceptor, services& with) {
    for (;;) {
        tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
        socket.set_option(tcp::no_delay(true));
        asio::co_spawn(acceptor.get_executor(), converse(std::move(socket), with), asio::detached);
    }
}

void run(const options& o) {
    services with{{o.offload == 0, asio::thread_pool(std::max(1U, o.offload)),
                   asio::thread_pool(o.block_threads)},
                  o.photos.empty() ? serve::photo_folder() : serve::photo_folder(o.photos),
                  serve::measure_unit()};
    asio::io_context context(static_cast<int>(o.io_threads));
    tcp::acceptor acceptor(context, {asio::ip::address_v4::loopback(), o.port});
    acceptor.listen(4096);
    asio::co_spawn(context, accept(std::move(acceptor), with), asio::detached);
    asio::signal_set signals(context, SIGINT, SIGTERM);
    signals.async_wait([&](auto...) { context.stop(); });

    std::vector<std::thread> threads;
    for (unsigned i = 1; i < o.io_threads; ++i) threads.emplace_back([&context] { context.run(); });
    context.run();
    for (std::thread& thread : threads) thread.join();
    with.where.compute.join(); // what runs there still refers to the connections
    with.where.block.join();
}

} // namespace
} // namespace peer

int main(int argc, char** argv) {
    CLI::App app("weft-serve's routes on Boost.Beast, to compare with.");
    peer::options o;
    peer::declare(app, o);
    try {
        app.parse(argc, argv);
        peer::run(o);
    } catch (const CLI::ParseError& e) {
        return app.exit(e) == 0 ? 0 : 2;
    } catch (const std::exception& e) {
        fmt::print(stderr, "peer-beast: port {}: {}\n", o.port, e.what());
        return 1;
    }
}
