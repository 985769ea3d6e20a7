// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pools.hpp"

#include <boost/beast/http.hpp>

#include <chrono>

#include "photos.hpp"

namespace peer {

namespace http = boost::beast::http;
using request = http::request<http::empty_body>;
using response = http::response<http::string_body>;

struct services {
    pools where;
    serve::photo_folder photos;
    std::chrono::nanoseconds unit; ///< what one unit of /compute costs
};

/// The answer to a request: weft-serve's routes, with the same limits and the same work.
asio::awaitable<response> answer(const request& asked, services& with);

} // namespace peer
