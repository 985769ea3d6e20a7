// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <weft/http/request.hpp>

namespace weft::http::detail {

/// A request as the parser left it. Views lie in the connection's input buffer, or in `kept`.
struct request_data {
    std::string_view method;
    std::string_view target;
    std::string_view path;  // decoded
    std::string_view query; // raw
    std::vector<field> fields;
    std::vector<std::pair<std::string_view, std::string_view>> params; // of the pattern
    std::vector<std::pair<std::string_view, std::string_view>>
        decoded_query;            // if it needs decoding
    std::deque<std::string> kept; // decoded and unfolded pieces
    std::string body;
    net::address peer;
    bool keeps_alive = true;
    bool is_http_1_0 = false;

    /// For the next request of the connection; the memory stays.
    void clear() {
        fields.clear();
        params.clear();
        decoded_query.clear();
        if (!kept.empty()) kept.clear();
        body.clear();
        method = target = path = query = {};
        keeps_alive = true;
        is_http_1_0 = false;
    }
    /// The input buffer has moved.
    void rebase(const char* from, std::size_t size, const char* to) noexcept {
        const auto move = [&](std::string_view& v) {
            if (v.data() >= from && v.data() < from + size) v = {to + (v.data() - from), v.size()};
        };
        move(method);
        move(target);
        for (field& f : fields) {
            move(f.name);
            move(f.value);
        }
    }
    std::string_view keep(std::string text) { return kept.emplace_back(std::move(text)); }
};

/// Names of header fields match whatever their case (ASCII).
bool same_name(std::string_view a, std::string_view b) noexcept;

} // namespace weft::http::detail
