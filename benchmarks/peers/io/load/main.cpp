// SPDX-License-Identifier: Apache-2.0
// weft-load: a single-threaded load generator for HTTP/1.1 keep-alive and TCP echo servers. One line of JSON.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/prctl.h>

#include <CLI/CLI.hpp>
#include <exception>
#include <string>
#include <vector>

#include "generator.hpp"

namespace {

struct options {
    std::string host = "127.0.0.1";
    std::uint16_t port = 0;
    std::vector<std::string> paths;
    std::size_t echo_bytes = 64;
    std::string expected_body;
    double warm_up = 0.3;
    double seconds = 3;
    load::plan plan;
};

// CLI::Range lets "nan" through.
CLI::Validator number_from(double least, double most) {
    const auto check = [least, most](const std::string& text) -> std::string {
        double number = 0;
        if (CLI::detail::lexical_cast(text, number) && number >= least && number <= most) return {};
        return fmt::format("{} is not a number from {} to {}", text, least, most);
    };
    return {check, "NUMBER"};
}

void declare(CLI::App& app, options& o) {
    app.add_option("-a,--host", o.host, "IPv4 address of the server")->capture_default_str();
    app.add_option("-p,--port", o.port, "its port")->required()->check(CLI::Range(1, 65535));
    app.add_option("-c,--connections", o.plan.connections, "connections")
        ->capture_default_str()
        ->check(CLI::Range(1, 100000));
    app.add_option("-i,--idle", o.plan.idle, "further connections that ask once and stay open")
        ->capture_default_str()
        ->check(CLI::Range(0, 100000));
    app.add_option("-d,--seconds", o.seconds, "measured time")
        ->capture_default_str()
        ->check(number_from(0.01, 3600));
    app.add_option("-w,--warm-up", o.warm_up, "seconds before that")
        ->capture_default_str()
        ->check(number_from(0, 3600));
    app.add_option("-r,--rate", o.plan.rate, "open loop: requests a second; 0: closed loop")
        ->capture_default_str()
        ->check(number_from(0, 1e7));
    auto* path = app.add_option("-u,--path", o.paths, "HTTP GET of this path; several: in turn");
    app.add_option("-x,--expect", o.expected_body, "HTTP: the body that every answer must have")
        ->needs(path);
    app.add_option("-s,--echo", o.echo_bytes, "TCP echo of so many bytes instead")
        ->capture_default_str()
        ->excludes(path)
        ->check(CLI::Range(1, 16384));
}

load::exchange exchange_of(const options& o) {
    load::exchange what;
    what.http = !o.paths.empty();
    what.expected_body = o.expected_body;
    what.server.sin_family = AF_INET;
    what.server.sin_port = htons(o.port);
    if (inet_pton(AF_INET, o.host.c_str(), &what.server.sin_addr) != 1)
        throw CLI::ValidationError("--host", o.host + " is no IPv4 address");
    for (const std::string& path : o.paths)
        what.requests.push_back(
            fmt::format("GET {} HTTP/1.1\r\nHost: {}:{}\r\n\r\n", path, o.host, o.port));
    if (!what.http) what.requests.emplace_back(o.echo_bytes, 'x');
    return what;
}

void print(const load::result& r, const load::plan& plan) {
    const load::histogram& h = r.latencies;
    fmt::print(
        R"({{"mode":"{}","connections":{},"idle":{},"rate":{},"seconds":{},)"
        R"("requests":{},"all_requests":{},"req_s":{:.1f},)"
        R"("p50_us":{:.1f},"p90_us":{:.1f},"p99_us":{:.1f},"p999_us":{:.1f},"max_us":{:.1f},)"
        R"("oldest_open_us":{:.1f},"unanswered":{},"not_200":{},"wrong_body":{}}})"
        "\n",
        plan.rate > 0 ? "open" : "closed", plan.connections, plan.idle, plan.rate,
        plan.measured.count(), h.count(), r.all_requests,
        static_cast<double>(h.count()) / plan.measured.count(), h.percentile_us(.5),
        h.percentile_us(.9), h.percentile_us(.99), h.percentile_us(.999), h.worst_us(),
        r.oldest_open_us, r.unanswered, r.wrong.not_200, r.wrong.wrong_body);
}

} // namespace

int main(int argc, char** argv) {
    CLI::App app("Loads an HTTP/1.1 or TCP echo server and prints latencies (in microseconds) as "
                 "one line of JSON.");
    options o;
    declare(app, o);
    try {
        app.parse(argc, argv);
        prctl(PR_SET_TIMERSLACK, 1UL); // an open loop sends on time
        const load::exchange what = exchange_of(o);
        o.plan.warm_up = std::chrono::duration<double>(o.warm_up);
        o.plan.measured = std::chrono::duration<double>(o.seconds);
        print(load::generate(what, o.plan), o.plan);
    } catch (const CLI::ParseError& e) {
        return app.exit(e) == 0 ? 0 : 2;
    } catch (const std::exception& e) {
        fmt::print(stderr, "weft-load: {}:{}: {}\n", o.host, o.port, e.what());
        return 1;
    }
}
