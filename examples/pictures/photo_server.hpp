// SPDX-License-Identifier: Apache-2.0
// A local server of three JPEGs, as http://127.0.0.1:<port>/photo_1.jpg to photo_3.jpg.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <weft/http.hpp>
#include <weft/weft.hpp>

#include "jpeg.hpp"

class photo_server {
public:
    photo_server() : web_({.port = 0}) {
        web_.get("/{name}", [this](const weft::http::request& r) {
            const auto known = std::ranges::find(photos_, r.param("name"), &photo::name);
            if (known == photos_.end()) throw weft::http::error(404, "there is no such photo");
            together_->arrive_and_wait();
            return weft::http::response::bytes(known->jpeg, "image/jpeg");
        });
        web_.listen();
        serving_ = weft::create_task([this] { web_.serve(); });
    }
    ~photo_server() {
        const weft::mask_cancel clean_up;
        web_.stop();
        weft::wait(std::vector{serving_});
    }
    photo_server(const photo_server&) = delete;
    photo_server& operator=(const photo_server&) = delete;

    /// From now on it answers so many requests at a time, when that many are there: who asks one by one would wait for ever.
    /// Not while one is under way.
    void answer_together(int count) { together_ = std::make_unique<weft::barrier<>>(count); }

    [[nodiscard]] std::vector<std::string> urls() {
        std::vector<std::string> all;
        for (const photo& p : photos_)
            all.push_back("http://127.0.0.1:" + std::to_string(web_.port()) + "/" + p.name);
        return all;
    }

private:
    struct photo {
        std::string name, jpeg;
    };
    static photo draw(int number) {
        serve::image picture(static_cast<unsigned>(120 * number),
                             static_cast<unsigned>(90 * number));
        for (std::size_t i = 0; i < picture.row_bytes() * picture.height; ++i)
            picture.rgb[i] = static_cast<unsigned char>(i / 100);
        return {"photo_" + std::to_string(number) + ".jpg", serve::encode_jpeg(picture)};
    }

    const std::vector<photo> photos_{draw(1), draw(2), draw(3)};
    std::unique_ptr<weft::barrier<>> together_ = std::make_unique<weft::barrier<>>(1);
    weft::http::server web_;
    weft::task<void> serving_;
};
