// SPDX-License-Identifier: Apache-2.0
#include <weft/http.hpp>

int main() {
    weft::http::server web({.host = "127.0.0.1", .port = 0});
    web.get("/", [](const weft::http::request&) { return weft::http::response::json("{}"); });
}
