// SPDX-License-Identifier: Apache-2.0
#include "jpeg.hpp"

#include <catch2/catch.hpp>

#include <cstdlib>

#include "pictures.hpp"

using namespace serve;
using Catch::Contains;

TEST_CASE("a picture survives encoding and decoding", "[serve]") {
    const image drawn = gradient_picture(200, 120);
    const image back = decode_jpeg(encode_jpeg(drawn, 95));
    REQUIRE(back.width == 200);
    REQUIRE(back.height == 120);
    int worst = 0;
    for (std::size_t i = 0; i < drawn.row_bytes() * drawn.height; ++i)
        worst = std::max(worst, std::abs(drawn.rgb[i] - back.rgb[i]));
    REQUIRE(worst < 16);
}

TEST_CASE("a picture much wider than wanted is decoded smaller, but at least twice as wide",
          "[serve]") {
    const std::string jpeg = encode_jpeg(gradient_picture(1600, 800));
    REQUIRE(decode_jpeg(jpeg, 0).width == 1600);
    REQUIRE(decode_jpeg(jpeg, 1600).width == 1600);
    REQUIRE(decode_jpeg(jpeg, 400).width == 800);
    REQUIRE(decode_jpeg(jpeg, 100).width == 200);
    REQUIRE(decode_jpeg(jpeg, 1).width == 200); // an eighth is the smallest
}

TEST_CASE("damaged and foreign files are refused with the reason", "[serve]") {
    const std::string jpeg = encode_jpeg(gradient_picture(640, 480));
    REQUIRE_THROWS_WITH(decode_jpeg(""), Contains("empty"));
    REQUIRE_THROWS_WITH(decode_jpeg("GIF89a, not what was promised"),
                        Contains("not a usable JPEG"));
    REQUIRE_THROWS_WITH(decode_jpeg(jpeg.substr(0, jpeg.size() / 2)),
                        Contains("not a usable JPEG"));
    REQUIRE_THROWS_WITH(decode_jpeg(jpeg.substr(0, 20)), Contains("not a usable JPEG"));
}

TEST_CASE("a header that promises too many pixels is refused before anything is allocated",
          "[serve]") {
    std::string jpeg = encode_jpeg(gradient_picture(64, 64));
    const auto frame = jpeg.find("\xff\xc0");
    REQUIRE(frame != jpeg.npos);
    for (std::size_t i = 5; i < 9; ++i)
        jpeg[frame + i] = static_cast<char>(0xf0); // height and width: 61,680 each
    REQUIRE_THROWS_WITH(decode_jpeg(jpeg), Contains("61680 x 61680"));
}

TEST_CASE("what is called between rows may throw", "[serve]") {
    const std::string jpeg = encode_jpeg(gradient_picture(320, 320));
    int calls = 0;
    decode_jpeg(jpeg, 0, [&] { ++calls; });
    REQUIRE(calls == 20);
    struct stop {};
    REQUIRE_THROWS_AS(decode_jpeg(jpeg, 0, [] { throw stop(); }), stop);
}

TEST_CASE("an empty picture can't be encoded", "[serve]") {
    REQUIRE_THROWS_AS(encode_jpeg(image()), image_error);
}

TEST_CASE("a picture larger than one output block is encoded whole", "[serve]") {
    image noise(600, 600);
    unsigned state = 1;
    for (std::size_t i = 0; i < noise.row_bytes() * noise.height; ++i)
        noise.rgb[i] = static_cast<unsigned char>((state = state * 1664525 + 1013904223) >> 24);
    const std::string jpeg = encode_jpeg(noise, 100);
    REQUIRE(jpeg.size() > 400'000);
    REQUIRE(decode_jpeg(jpeg).height == 600);
}
