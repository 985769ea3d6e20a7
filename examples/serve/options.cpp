// SPDX-License-Identifier: Apache-2.0
#include "options.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include <map>

namespace serve {
namespace {

constexpr int k_bad_usage = 2;
constexpr double k_longest = 24 * 3600; // seconds

// CLI::Range lets "nan" through.
CLI::Validator seconds_from(double least) {
    const auto check = [least](const std::string& text) -> std::string {
        double seconds = 0;
        if (CLI::detail::lexical_cast(text, seconds) && seconds >= least && seconds <= k_longest)
            return {};
        return fmt::format("{} is not a time from {} to {} seconds", text, least, k_longest);
    };
    return {check, "SECONDS"};
}

struct raw {
    options& out;
    double idle_timeout = 60;
    double shutdown_deadline = 10;
};

void declare(CLI::App& app, raw& in) {
    options& o = in.out;
    app.add_option("--host", o.host, "address to listen on")->capture_default_str();
    app.add_option("--port", o.port, "port to listen on; 0: any that is free")
        ->capture_default_str()
        ->check(CLI::Range(0, 65535));
    auto* workers = app.add_option("--workers", o.workers, "worker threads; 0: one on each core")
                        ->capture_default_str()
                        ->check(CLI::Range(0, 1024));
    app.add_flag("--single-threaded", o.single_threaded, "one worker: an event loop like any other")
        ->excludes(workers);
    const CLI::CheckedTransformer styles(
        std::map<std::string, call_style>{{"plain", call_style::plain},
                                          {"announced", call_style::announced},
                                          {"pool", call_style::pool}});
    app.add_option("--compute", o.compute,
                   "how /compute calls what computes: plain (as any handler might), announced "
                   "(weft::blocking), or on a pool of --blocking-threads")
        ->transform(styles);
    app.add_option("--block", o.block, "how /block calls what blocks: as --compute")
        ->transform(styles);
    app.add_option("--max-spares", o.max_spares,
                   "threads that may take the place of workers which compute or block")
        ->capture_default_str()
        ->check(CLI::Range(0, 16384));
    app.add_option("--blocking-threads", o.blocking_threads, "threads of that pool")
        ->capture_default_str()
        ->check(CLI::Range(1, 4096));
    app.add_option("--photos", o.photos, "folder with the photographs (JPEG) for /thumb")
        ->check(CLI::ExistingDirectory);
    app.add_option("--max-connections", o.max_connections, "connections open at the same time")
        ->capture_default_str()
        ->check(CLI::Range(1, 1'000'000));
    app.add_option("--idle-timeout", in.idle_timeout,
                   "seconds after which a connection without a request is closed")
        ->capture_default_str()
        ->check(seconds_from(0.01));
    app.add_option("--shutdown-deadline", in.shutdown_deadline,
                   "seconds that answers in the making get after SIGINT or SIGTERM")
        ->capture_default_str()
        ->check(seconds_from(0));
}

std::chrono::milliseconds to_milliseconds(double seconds) {
    return std::chrono::round<std::chrono::milliseconds>(std::chrono::duration<double>(seconds));
}

} // namespace

std::variant<options, int> parse_options(int argc, const char* const* argv) {
    CLI::App app(
        "weft-serve: answers, computes, makes thumbnails and waits for what blocks, in one "
        "server.\nRoutes: /plain, /compute?ms=N, /block?ms=N, /calls?n=N, /thumb?src=NAME&w=N, "
        "/metrics");
    options out;
    raw in{out};
    declare(app, in);
    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& wanted) { // --help
        return app.exit(wanted);
    } catch (const CLI::ParseError& e) {
        fmt::print(stderr, "weft-serve: {} (weft-serve --help tells what is possible)\n", e.what());
        return k_bad_usage;
    }
    out.idle_timeout = to_milliseconds(in.idle_timeout);
    out.shutdown_deadline = to_milliseconds(in.shutdown_deadline);
    return out;
}

} // namespace serve
