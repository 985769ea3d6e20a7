// SPDX-License-Identifier: Apache-2.0
#include "stats.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>

namespace serve {
namespace {

std::uint64_t value_of(const std::atomic<std::uint64_t>& counter) {
    return counter.load(std::memory_order_relaxed);
}

void add_header(std::string& text, std::string_view name, std::string_view kind,
                std::string_view help) {
    fmt::format_to(std::back_inserter(text), "# HELP {0} {1}\n# TYPE {0} {2}\n", name, help, kind);
}

template <class... Args>
void add_line(std::string& text, fmt::format_string<Args...> line, Args&&... args) {
    fmt::format_to(std::back_inserter(text), line, std::forward<Args>(args)...);
    text += '\n';
}

} // namespace

void route_stats::record(unsigned status, std::chrono::nanoseconds took) {
    const double seconds = std::chrono::duration<double>(took).count();
    const auto bucket =
        std::lower_bound(k_bounds.begin(), k_bounds.end(), seconds) - k_bounds.begin();
    buckets_[static_cast<std::size_t>(bucket)].fetch_add(1, std::memory_order_relaxed);
    nanoseconds_.fetch_add(static_cast<std::uint64_t>(took.count()), std::memory_order_relaxed);
    if (status >= 500)
        server_errors_.fetch_add(1, std::memory_order_relaxed);
    else if (status >= 400)
        client_errors_.fetch_add(1, std::memory_order_relaxed);
}

std::string stats::prometheus_text() const {
    std::string text;
    add_header(text, "serve_errors_total", "counter",
               "Answers with a status of 400 or more, by whose fault it was.");
    for (const route_stats& r : routes_) {
        add_line(text, "serve_errors_total{{route=\"{}\",fault=\"client\"}} {}", r.route_,
                 value_of(r.client_errors_));
        add_line(text, "serve_errors_total{{route=\"{}\",fault=\"server\"}} {}", r.route_,
                 value_of(r.server_errors_));
    }
    add_header(text, "serve_abandoned_total", "counter", "Requests that ended without an answer.");
    for (const route_stats& r : routes_)
        add_line(text, "serve_abandoned_total{{route=\"{}\"}} {}", r.route_,
                 value_of(r.abandoned_));

    add_header(text, "serve_request_seconds", "histogram",
               "From the request read to the answer ready, in seconds.");
    std::string requests;
    add_header(requests, "serve_requests_total", "counter", "Requests answered.");
    for (const route_stats& r : routes_) {
        // The total is the sum of what was read, not a counter of its own: the parts of one page always agree.
        std::uint64_t total = 0;
        for (std::size_t i = 0; i < r.buckets_.size(); ++i) {
            total += value_of(r.buckets_[i]);
            const std::string bound =
                i < r.k_bounds.size() ? fmt::format("{}", r.k_bounds[i]) : "+Inf";
            add_line(text, "serve_request_seconds_bucket{{route=\"{}\",le=\"{}\"}} {}", r.route_,
                     bound, total);
        }
        add_line(text, "serve_request_seconds_sum{{route=\"{}\"}} {:.9f}", r.route_,
                 static_cast<double>(value_of(r.nanoseconds_)) / 1e9);
        add_line(text, "serve_request_seconds_count{{route=\"{}\"}} {}", r.route_, total);
        add_line(requests, "serve_requests_total{{route=\"{}\"}} {}", r.route_, total);
    }
    return requests + text;
}

} // namespace serve
