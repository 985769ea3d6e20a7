// SPDX-License-Identifier: Apache-2.0
#include "routes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "jpeg.hpp"
#include "numbers.hpp"
#include "parse.hpp"
#include "scale.hpp"
#include "work.hpp"

namespace serve {
namespace {

using std::chrono::milliseconds;
using weft::http::request;
using weft::http::response;

constexpr unsigned k_most_ms = 60'000;
constexpr unsigned k_most_calls = 10'000'000;
constexpr unsigned k_most_width = 4096;
constexpr unsigned k_band = 24; // rows of a thumbnail that one core scales at a time

response hello() { return response::text("Hello, World!"); }

milliseconds duration_of(const request& r) {
    return milliseconds(parse_number("ms", r.query("ms"), 0, k_most_ms));
}

/// Counts one of calls_in_the_making.
class in_the_making {
public:
    explicit in_the_making(services& of) : of_(of) { ++of_.calls_in_the_making; }
    ~in_the_making() { --of_.calls_in_the_making; }
    in_the_making(const in_the_making&) = delete;
    in_the_making& operator=(const in_the_making&) = delete;

private:
    services& of_;
};

// A plain one says nowhere that it takes long: if it does, another thread serves the rest meanwhile.
template <class Call>
void carry_out(call_style style, services& with, Call call) {
    const auto counted = [&with,
                          call] { // by value: a call on the pool outlives a cancelled handler
        const in_the_making this_call(with);
        call();
    };
    switch (style) {
    case call_style::plain: counted(); break;
    case call_style::announced: weft::blocking(counted); break;
    case call_style::pool: weft::await(weft::run_in_executor(with.pool, counted)); break;
    }
}

const std::filesystem::path& photo_of(const request& r, const services& with) {
    const std::string_view name = r.query("src").value_or("");
    if (!is_plain_file_name(name))
        throw bad_parameter("src must be the name of a photograph: give src=NAME");
    if (const auto* path = with.photos.find(name)) return *path;
    throw weft::http::error(404, fmt::format("there is no photograph {}", quoted(name)));
}

image scale_on_all_cores(const image& source, unsigned width) {
    const extent from{source.width, source.height};
    const extent to = fit_width(from, width);
    const scaler scale(from, to);
    image target(to.width, to.height);
    std::vector<std::function<void()>> bands;
    for (unsigned first = 0; first < to.height; first += k_band)
        bands.emplace_back(
            [&, first] { scale.rows(source, target, first, std::min(first + k_band, to.height)); });
    weft::gather(bands);
    return target;
}

response thumbnail(const request& r, const services& with) {
    const unsigned width = parse_number("w", r.query("w"), 1, k_most_width);
    const std::string jpeg =
        weft::await(weft::run_in_executor(read_file, photo_of(r, with), k_most_jpeg_bytes));
    const image picture = decode_jpeg(jpeg, width, [] { weft::checkpoint(); });
    return response::bytes(encode_jpeg(scale_on_all_cores(picture, width)), "image/jpeg");
}

// The decoder runs in another process: what kills it there is this request's affair alone.
response parse(const request& r, services& with) {
    const bool crashes = parse_number("crash", r.query("crash").value_or("0"), 0, 1) == 1;
    try {
        const photo_facts found =
            weft::await(with.parsers.submit(parse_photo, photo_of(r, with).string(), crashes));
        return response::json(fmt::format(R"({{"width":{},"height":{},"brightness":{:.1f}}})",
                                          found.width, found.height, found.brightness));
    } catch (const weft::worker_died& e) {
        throw weft::http::error(502, e.what());
    } catch (const weft::remote_error& e) {
        if (e.type_name() == "serve::image_error") throw weft::http::error(415, e.what());
        throw;
    }
}

// What our parts throw, as HTTP says it. The rest is the server's own fault and answered with 500.
template <class Handler>
response in_http_terms(const Handler& handler, const request& r) {
    try {
        return handler(r);
    } catch (const bad_parameter& e) {
        throw weft::http::error(400, e.what());
    } catch (const image_error& e) {
        throw weft::http::error(415, e.what());
    } catch (const std::length_error& e) { throw weft::http::error(413, e.what()); }
}

template <class Handler>
auto counted(route_stats& route, Handler handler) {
    return [&route, handler = std::move(handler)](const request& r) -> response {
        const auto start = std::chrono::steady_clock::now();
        const auto took = [start] { return std::chrono::steady_clock::now() - start; };
        try {
            response answer = in_http_terms(handler, r);
            route.record(answer.status(), took());
            return answer;
        } catch (const weft::http::error& e) {
            route.record(e.status(), took());
            throw;
        } catch (const std::exception&) {
            route.record(500, took());
            throw;
        } catch (const weft::cancelled_error&) {
            route.record_abandoned();
            throw;
        }
    };
}

} // namespace

void add_routes(weft::http::server& web, services& with) {
    const auto add = [&](const char* path, auto handler) {
        web.get(path, counted(with.counters.add(path), std::move(handler)));
    };
    add("/plain", [](const request&) { return hello(); });
    add("/compute", [&with](const request& r) {
        carry_out(with.compute, with,
                  [duration = duration_of(r), unit = with.unit] { spend(duration, unit); });
        return hello();
    });
    add("/block", [&with](const request& r) {
        carry_out(with.block, with, [duration = duration_of(r)] { block(duration); });
        return hello();
    });
    add("/calls", [&with](const request& r) {
        for (unsigned left = parse_number("n", r.query("n"), 0, k_most_calls); left > 0; --left)
            carry_out(with.block, with, call_quickly);
        return hello();
    });
    add("/thumb", [&with](const request& r) { return thumbnail(r, with); });
    add("/parse", [&with](const request& r) { return parse(r, with); });
    web.get("/metrics", [&with](const request&) {
        response answer = response::text(weft::metrics_text() + with.counters.prometheus_text());
        answer.set_header("content-type", "text/plain; version=0.0.4; charset=utf-8");
        return answer;
    });
}

} // namespace serve
