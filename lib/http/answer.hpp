// SPDX-License-Identifier: Apache-2.0
// A response as bytes.
#pragma once

#include <ctime>
#include <string>
#include <string_view>

#include <weft/http/response.hpp>

namespace weft::http::detail {

/// "Not Found"; "" for a status without a usual name.
std::string_view reason_of(unsigned status) noexcept;

/// The date field's line, made anew once a second. One owner.
class date_line {
public:
    /// "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
    std::string_view now() noexcept;

private:
    std::time_t made_for_ = -1;
    char text_[40] = {};
    std::size_t size_ = 0;
};

enum class connection_field { none, close, keep_alive };

/// Appends the header, and the body too if it is small; else returns false and the body must follow.
/// `with_body` false: the answer to HEAD.
bool append_answer(std::string& out, const response& r, bool with_body, connection_field connection,
                   date_line& date);

/// What a refusal says.
response refusal(unsigned status, std::string_view message = {});

} // namespace weft::http::detail
