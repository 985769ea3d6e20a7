// SPDX-License-Identifier: Apache-2.0
// weft-serve: a server that computes, makes thumbnails and waits for what blocks, and stays quick.
#include <fmt/format.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <stop_token>
#include <system_error>
#include <thread>
#include <variant>

#include "options.hpp"
#include "routes.hpp"
#include "signals.hpp"
#include "work.hpp"

namespace {

constexpr int k_failed = 1;
constexpr int k_cannot_start = 2;

// No thread can be made to leave a computation or a call that blocks, and the runtime's end would wait for it. So some time
// after the deadline the program ends without.
class last_resort {
public:
    last_resort(const serve::services& with, std::chrono::milliseconds deadline)
        : with_(with),
          deadline_(deadline) {}

    void start() {
        if (thread_.joinable()) return;
        thread_ = std::jthread([this](const std::stop_token& ended) {
            std::mutex mutex;
            std::condition_variable_any changed;
            std::unique_lock lock(mutex);
            changed.wait_for(lock, ended, deadline_ + k_grace, [] { return false; });
            if (ended.stop_requested()) return;
            fmt::print(stderr, "weft-serve: the deadline passed; {} calls are left behind\n",
                       with_.calls_in_the_making.load());
            std::fflush(nullptr);
            std::_Exit(0);
        });
    }

private:
    static constexpr std::chrono::milliseconds k_grace{500}; // for what the deadline itself ends
    const serve::services& with_;
    const std::chrono::milliseconds deadline_;
    std::jthread thread_;
};

// Serves until a signal asks to stop. A second one does not wait for what is in the making.
void serve_until_stopped(const serve::options& o, serve::services& with,
                         const serve::stop_signals& signals, last_resort& resort) {
    weft::http::server web({.host = o.host,
                            .port = o.port,
                            .max_connections = o.max_connections,
                            .idle_timeout = o.idle_timeout,
                            .shutdown_deadline = o.shutdown_deadline});
    serve::add_routes(web, with);
    web.listen();
    const std::jthread watcher = signals.watch([&] {
        web.stop();
        resort.start();
    });
    fmt::print("weft-serve: http://{}:{}/plain (Ctrl-C stops it)\n", o.host, web.port());
    std::fflush(stdout);
    web.serve();
}

int run(const serve::options& o) {
    const serve::stop_signals signals; // before any thread
    weft::thread_pool_executor pool({.max_workers = o.blocking_threads});
    weft::process_pool_executor parsers({.limits = {.core_size = 0}});
    serve::services with{serve::measure_unit(),
                         o.photos.empty() ? serve::photo_folder() : serve::photo_folder(o.photos),
                         pool,
                         parsers,
                         {},
                         o.compute,
                         o.block};
    last_resort resort(with, o.shutdown_deadline);
    const unsigned workers = o.single_threaded ? 1 : o.workers;
    const unsigned spares = o.single_threaded ? 0 : o.max_spares;
    weft::run({.workers = workers, .max_spares = spares},
              [&] { serve_until_stopped(o, with, signals, resort); });
    pool.shutdown({.wait = true, .cancel_futures = true});
    return 0;
}

// The errors that a user can do something about.
const char* advice_on(const std::error_code& code) {
    if (code == std::errc::address_in_use)
        return ": another program uses it; choose another --port, or --port 0 for any free one";
    if (code == std::errc::permission_denied)
        return ": choose a --port from 1024, the lower ones are for root";
    if (code == std::errc::address_not_available)
        return ": --host must be an address of this machine";
    return "";
}

} // namespace

int main(int argc, char** argv) {
    const auto parsed = serve::parse_options(argc, argv);
    if (const int* status = std::get_if<int>(&parsed)) return *status;
    const auto& o = std::get<serve::options>(parsed);
    try {
        return run(o);
    } catch (const std::system_error& e) {
        fmt::print(stderr, "weft-serve: can't serve on {}:{}: {}{}\n", o.host, o.port,
                   e.code().message(), advice_on(e.code()));
        return k_cannot_start;
    } catch (const std::invalid_argument& e) {
        fmt::print(stderr, "weft-serve: {}\n", e.what());
        return k_cannot_start;
    } catch (const std::exception& e) {
        fmt::print(stderr, "weft-serve: {}\n", e.what());
        return k_failed;
    }
}
