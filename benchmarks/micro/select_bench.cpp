// SPDX-License-Identifier: Apache-2.0
// A select over four channels; one operation is one select.
//   select_ready  items are there: nothing waits
//   select_wait   none has: the select waits, another task sends to one of them and lets it run
#include <weft/sync/select.hpp>
#include <weft/weft.hpp>

#include <array>

#include "support/measure.hpp"
#include "support/weft_peer.hpp"

namespace {

constexpr std::int64_t k_each = 10'000; // items of one channel

using channel = weft::channel<std::int64_t>;

std::int64_t select_of(std::array<channel, 4>& from) {
    std::int64_t got = 0;
    const auto keep = [&got](std::int64_t x) { got = x; };
    weft::select(weft::recv(from[0], keep), weft::recv(from[1], keep), weft::recv(from[2], keep),
                 weft::recv(from[3], keep));
    return got;
}

bench::sample all_are_ready() {
    std::array<channel, 4> from{channel(k_each), channel(k_each), channel(k_each), channel(k_each)};
    for (channel& c : from)
        for (std::int64_t i = 1; i <= k_each; ++i) c.send(i);
    std::int64_t sum = 0;
    const std::int64_t start = bench::now_ns();
    for (std::int64_t i = 0; i < 4 * k_each; ++i) sum += select_of(from);
    const double seconds = bench::seconds_since(start);
    bench::require(sum == 4 * k_each * (k_each + 1) / 2, "items were lost");
    return {seconds};
}

bench::sample each_waits() {
    std::array<channel, 4> from{channel(1), channel(1), channel(1), channel(1)};
    std::int64_t sum = 0;
    const std::int64_t start = bench::now_ns();
    auto selects = weft::create_task([&] {
        for (std::int64_t i = 0; i < 4 * k_each; ++i) sum += select_of(from);
    });
    for (std::int64_t i = 0; i < 4 * k_each; ++i) {
        from[static_cast<std::size_t>(i % 4)].send(i);
        weft::yield();
    }
    weft::await(selects);
    const double seconds = bench::seconds_since(start);
    bench::require(sum == 4 * k_each * (4 * k_each - 1) / 2, "items were lost");
    return {seconds};
}

[[maybe_unused]] const bool registered = [] {
    for (const unsigned workers : {1U, 2U}) {
        bench::add<bench::weft_peer>("select_ready", workers, 4 * k_each, all_are_ready);
        bench::add<bench::weft_peer>("select_wait", workers, 4 * k_each, each_waits);
    }
    return true;
}();

} // namespace
