// SPDX-License-Identifier: Apache-2.0
#include "scale.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstring>
#include <thread>

#include "pictures.hpp"

using namespace serve;

namespace {

image scaled(const image& source, extent to) {
    image target(to.width, to.height);
    scaler({source.width, source.height}, to).rows(source, target, 0, to.height);
    return target;
}

bool same(const image& a, const image& b) {
    return a.width == b.width && a.height == b.height &&
           std::memcmp(a.rgb.get(), b.rgb.get(), a.row_bytes() * a.height) == 0;
}

} // namespace

TEST_CASE("proportions are kept and nothing is enlarged", "[serve]") {
    const auto fits = [](extent source, unsigned width, extent expected) {
        const extent got = fit_width(source, width);
        return got.width == expected.width && got.height == expected.height;
    };
    REQUIRE(fits({1920, 1080}, 320, {320, 180}));
    REQUIRE(fits({1000, 333}, 500, {500, 167}));
    REQUIRE(fits({200, 100}, 400, {200, 100}));
    REQUIRE(fits({4000, 2}, 10, {10, 1}));
    REQUIRE(fits({65500, 65500}, 1, {1, 1}));
}

TEST_CASE("a picture of one colour stays exactly that colour at any size", "[serve]") {
    const image source = plain_picture(97, 61, 201, 7, 255);
    for (const extent to : {extent{1, 1}, extent{13, 7}, extent{96, 60}, extent{97, 61}})
        REQUIRE(same(scaled(source, to), plain_picture(to.width, to.height, 201, 7, 255)));
}

TEST_CASE("whole blocks become their mean", "[serve]") {
    image source(4, 2);
    const unsigned char red[] = {0, 10, 100, 200, 20, 31, 100, 201}; // two blocks of 2 x 2
    for (unsigned i = 0; i < 8; ++i) std::fill_n(source.rgb.get() + 3 * i, 3, red[i]);
    const image target = scaled(source, {2, 1});
    REQUIRE(target.rgb[0] == 15);  // 61 / 4 = 15.25
    REQUIRE(target.rgb[3] == 150); // 601 / 4 = 150.25
}

TEST_CASE("a pixel cut by the grid counts by its share", "[serve]") {
    image source(3, 1);
    const unsigned char grey[] = {0, 90, 240};
    for (unsigned i = 0; i < 3; ++i) std::fill_n(source.rgb.get() + 3 * i, 3, grey[i]);
    const image target = scaled(source, {2, 1});
    REQUIRE(target.rgb[0] == 30);  // (0 + 90 / 2) / 1.5
    REQUIRE(target.rgb[3] == 190); // (90 / 2 + 240) / 1.5
}

TEST_CASE("bands scaled on different threads make the same picture", "[serve]") {
    const image source = gradient_picture(517, 389);
    const extent to = fit_width({517, 389}, 123);
    const image whole = scaled(source, to);
    image banded(to.width, to.height);
    const scaler scale({517, 389}, to);
    std::vector<std::thread> threads;
    for (unsigned first = 0; first < to.height; first += 10)
        threads.emplace_back(
            [&, first] { scale.rows(source, banded, first, std::min(first + 10, to.height)); });
    for (std::thread& thread : threads) thread.join();
    REQUIRE(same(whole, banded));
}
