// SPDX-License-Identifier: Apache-2.0
// The only way to Boost.Beast: its parser core (basic_parser), fed from our buffer, filling a request_data without copies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "http/message.hpp"

namespace weft::http::detail {

class request_parser {
public:
    request_parser();
    ~request_parser();
    request_parser(const request_parser&) = delete;
    request_parser& operator=(const request_parser&) = delete;

    /// Begins a request; what is parsed goes to `r`, whose views point into what is fed.
    void begin(request_data& r, std::size_t header_limit, std::size_t body_limit);

    struct progress {
        std::size_t consumed = 0;
        unsigned refused = 0; ///< the status that the request deserves, or 0
    };
    /// Parses on; data that was not consumed must come again, with more behind it. After header_done() only for chunked
    /// bodies, whose contents are appended to r.body.
    progress put(const char* data, std::size_t size);

    [[nodiscard]] bool header_done() const noexcept;
    [[nodiscard]] bool done() const noexcept;
    // After header_done():
    [[nodiscard]] bool chunked() const noexcept;
    [[nodiscard]] bool keeps_alive() const noexcept;
    [[nodiscard]] std::uint64_t content_length()
        const noexcept; ///< 0 if there is no body or it is chunked

private:
    struct core;
    const std::unique_ptr<core> core_;
};

} // namespace weft::http::detail
