// SPDX-License-Identifier: Apache-2.0
// One step of a generator: two switches, a value out of its frame. The floor is two bare jumps.
#include <weft/greenlet/generator.hpp>

#include "support/floors.hpp"
#include "support/measure.hpp"

namespace {

constexpr std::int64_t k_steps = 1'000'000;

struct weft_generator {
    static constexpr const char* name = "weft";
    template <class Root>
    static void run(unsigned, Root& root) {
        root();
    }
};

bench::sample steps_of_generator() {
    weft::generator<std::int64_t> g([](auto& yield) {
        for (std::int64_t i = 0;; ++i) yield(i);
    });
    std::int64_t left = k_steps, sum = 0;
    const std::int64_t start = bench::now_ns();
    for (std::int64_t x : g) {
        sum += x;
        if (--left == 0) break;
    }
    const double seconds = bench::seconds_since(start);
    bench::require(sum == k_steps * (k_steps - 1) / 2, "a generator lost a value");
    return {seconds};
}

bench::sample bare_jumps() {
    bench::bare_ring r(2);
    r.turn(1);
    const std::int64_t start = bench::now_ns();
    r.turn(k_steps);
    return {bench::seconds_since(start)};
}

// Made, asked for its only value, and run to its end.
bench::sample lives_of_generators() {
    constexpr std::int64_t k_lives = 20'000;
    const std::int64_t start = bench::now_ns();
    std::int64_t sum = 0;
    for (std::int64_t i = 0; i < k_lives; ++i) {
        weft::generator<std::int64_t> g([i](auto& yield) { yield(i); });
        sum += *g.next();
        bench::require(!g.next(), "a generator went on");
    }
    bench::require(sum == k_lives * (k_lives - 1) / 2, "a generator lost its value");
    return {bench::seconds_since(start)};
}

[[maybe_unused]] const bool registered = [] {
    bench::add<weft_generator>("generator_step", 1, k_steps, steps_of_generator);
    bench::add<bench::floor_peer>("generator_step", 1, k_steps, bare_jumps);
    bench::add<weft_generator>("generator_life", 1, 20'000, lives_of_generators);
    return true;
}();

} // namespace
