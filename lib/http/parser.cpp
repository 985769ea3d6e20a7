// SPDX-License-Identifier: Apache-2.0
#include "http/parser.hpp"

#include <utility> // Boost 1.74 forgets it

#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include <algorithm>
#include <cctype>
#include <limits>
#include <optional>

namespace weft::http::detail {
namespace {

namespace beast = boost::beast;
using beast::error_code;

std::string_view view(beast::string_view v) noexcept { return {v.data(), v.size()}; }

class filler final : public beast::http::basic_parser<true> {
public:
    filler(request_data& r, std::size_t header_limit, std::size_t body_bytes) : request_(r) {
        this->header_limit(static_cast<std::uint32_t>(
            std::min<std::size_t>(header_limit, std::numeric_limits<std::uint32_t>::max())));
        body_limit(body_bytes);
    }
    /// What is being fed: views into it stay good, others are copied.
    const char* fed = nullptr;
    std::size_t fed_size = 0;

private:
    std::string_view lasting(std::string_view v) {
        return v.empty() || (v.data() >= fed && v.data() < fed + fed_size)
                   ? v
                   : request_.keep(std::string(v));
    }
    void on_request_impl(beast::http::verb, beast::string_view method, beast::string_view target,
                         int version, error_code&) override {
        request_.method = view(method);
        request_.target = view(target);
        request_.is_http_1_0 = version < 11;
    }
    void on_field_impl(beast::http::field, beast::string_view name, beast::string_view value,
                       error_code&) override {
        if (is_header_done()) return; // a trailer: nobody may rely on it
        request_.fields.push_back({lasting(view(name)), lasting(view(value))});
    }
    std::size_t on_body_impl(beast::string_view body, error_code&) override {
        return body.size();
    } // not used
    std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view body, error_code&) override {
        request_.body.append(body.data(), body.size());
        return body.size();
    }
    void on_response_impl(int, beast::string_view, int, error_code&) override {}
    void on_header_impl(error_code&) override {}
    void on_body_init_impl(boost::optional<std::uint64_t> const&, error_code&) override {}
    void on_chunk_header_impl(std::uint64_t, beast::string_view, error_code&) override {}
    void on_finish_impl(error_code&) override {}

    request_data& request_;
};

// A version that is well formed but not ours, rather than no version at all.
bool names_other_version(std::string_view line) noexcept {
    line = line.substr(0, line.find("\r\n"));
    if (line.size() < 9) return false;
    const std::string_view v = line.substr(line.size() - 9);
    const auto digit = [](char c) { return c >= '0' && c <= '9'; };
    return v.substr(0, 6) == " HTTP/" && digit(v[6]) && v[7] == '.' && digit(v[8]);
}

} // namespace

struct request_parser::core {
    std::optional<filler> parser;
};

request_parser::request_parser() : core_(std::make_unique<core>()) {}
request_parser::~request_parser() = default;

void request_parser::begin(request_data& r, std::size_t header_limit, std::size_t body_limit) {
    core_->parser.emplace(r, header_limit, body_limit);
}

request_parser::progress request_parser::put(const char* data, std::size_t size) {
    using beast::http::error;
    filler& p = *core_->parser;
    p.fed = data;
    p.fed_size = size;
    p.eager(p.is_header_done()); // else it stops after the header
    progress done;
    error_code ec;
    while (done.consumed < size && !p.is_done()) {
        const bool in_header = !p.is_header_done();
        done.consumed +=
            p.put(boost::asio::const_buffer(data + done.consumed, size - done.consumed), ec);
        if (ec || in_header) break;
    }
    if (!ec || ec == error::need_more) return done;
    if (ec == error::header_limit)
        done.refused = 431;
    else if (ec == error::body_limit)
        done.refused = 413;
    else
        done.refused = ec == error::bad_version && names_other_version({data, size}) ? 505 : 400;
    return done;
}

bool request_parser::header_done() const noexcept { return core_->parser->is_header_done(); }
bool request_parser::done() const noexcept { return core_->parser->is_done(); }
bool request_parser::chunked() const noexcept { return core_->parser->chunked(); }
bool request_parser::keeps_alive() const noexcept { return core_->parser->keep_alive(); }
std::uint64_t request_parser::content_length() const noexcept {
    return core_->parser->chunked() ? 0 : core_->parser->content_length().value_or(0);
}

} // namespace weft::http::detail
