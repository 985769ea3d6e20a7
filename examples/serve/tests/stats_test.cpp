// SPDX-License-Identifier: Apache-2.0
#include "stats.hpp"

#include <catch2/catch.hpp>

#include <thread>
#include <vector>

using namespace serve;
using namespace std::chrono_literals;
using Catch::Contains;

TEST_CASE("answers are counted by route, fault and latency", "[serve]") {
    stats all;
    route_stats& plain = all.add("/plain");
    route_stats& thumb = all.add("/thumb");
    plain.record(200, 50us);
    plain.record(200, 100us); // an upper end belongs to its bucket
    plain.record(404, 3ms);
    thumb.record(500, 20s);
    thumb.record_abandoned();

    const std::string text = all.prometheus_text();
    for (const char* line : {
             "serve_requests_total{route=\"/plain\"} 3\n",
             "serve_requests_total{route=\"/thumb\"} 1\n",
             "serve_errors_total{route=\"/plain\",fault=\"client\"} 1\n",
             "serve_errors_total{route=\"/plain\",fault=\"server\"} 0\n",
             "serve_errors_total{route=\"/thumb\",fault=\"server\"} 1\n",
             "serve_abandoned_total{route=\"/thumb\"} 1\n",
             "serve_request_seconds_bucket{route=\"/plain\",le=\"0.0001\"} 2\n",
             "serve_request_seconds_bucket{route=\"/plain\",le=\"0.0025\"} 2\n",
             "serve_request_seconds_bucket{route=\"/plain\",le=\"0.005\"} 3\n",
             "serve_request_seconds_bucket{route=\"/plain\",le=\"+Inf\"} 3\n",
             "serve_request_seconds_sum{route=\"/plain\"} 0.003150000\n",
             "serve_request_seconds_bucket{route=\"/thumb\",le=\"10\"} 0\n",
             "serve_request_seconds_bucket{route=\"/thumb\",le=\"+Inf\"} 1\n",
             "serve_request_seconds_count{route=\"/thumb\"} 1\n",
             "# TYPE serve_request_seconds histogram\n",
         })
        REQUIRE_THAT(text, Contains(line));
}

TEST_CASE("nothing is lost when threads record at once", "[serve]") {
    stats all;
    route_stats& route = all.add("/plain");
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&] {
            for (int n = 0; n < 10000; ++n) route.record(200, 1us);
        });
    for (std::thread& thread : threads) thread.join();
    REQUIRE_THAT(all.prometheus_text(), Contains("serve_requests_total{route=\"/plain\"} 40000\n"));
}
