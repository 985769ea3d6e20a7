// SPDX-License-Identifier: Apache-2.0
#include "http/answer.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "http/message.hpp"

namespace weft::http {

namespace detail {
namespace {

constexpr std::size_t k_small_body = 32 * 1024; // cheaper to copy than to send apart

void append_number(std::string& out, std::size_t n) {
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof digits, n).ptr;
    out.append(digits, static_cast<std::size_t>(end - digits));
}

void append_status_line(std::string& out, unsigned status) {
    if (status == 200) {
        out.append("HTTP/1.1 200 OK\r\n");
        return;
    }
    out.append("HTTP/1.1 ");
    append_number(out, status);
    out.push_back(' ');
    out.append(reason_of(status)).append("\r\n");
}

bool has_no_body(unsigned status) noexcept { return status == 204 || status == 304; }

} // namespace

std::string_view reason_of(unsigned status) noexcept {
    switch (status) {
    case 100: return "Continue";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 206: return "Partial Content";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 411: return "Length Required";
    case 412: return "Precondition Failed";
    case 413: return "Payload Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 416: return "Range Not Satisfiable";
    case 417: return "Expectation Failed";
    case 422: return "Unprocessable Entity";
    case 426: return "Upgrade Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    default: return "";
    }
}

std::string_view date_line::now() noexcept {
    timespec t{};
    clock_gettime(CLOCK_REALTIME_COARSE, &t);
    if (t.tv_sec != made_for_) {
        static constexpr const char* days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
        static constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
        std::tm d{};
        gmtime_r(&t.tv_sec, &d);
        const int n = std::snprintf(
            text_, sizeof text_, "date: %s, %02d %s %04d %02d:%02d:%02d GMT\r\n", days[d.tm_wday],
            d.tm_mday, months[d.tm_mon], d.tm_year + 1900, d.tm_hour, d.tm_min, d.tm_sec);
        size_ = std::min<std::size_t>(static_cast<std::size_t>(n), sizeof text_ - 1);
        made_for_ = t.tv_sec;
    }
    return {text_, size_};
}

bool append_answer(std::string& out, const response& r, bool with_body, connection_field connection,
                   date_line& date) {
    append_status_line(out, r.status());
    out.append(date.now());
    if (!r.content_type().empty())
        out.append("content-type: ").append(r.content_type()).append("\r\n");
    for (const auto& [name, value] : r.headers())
        out.append(name).append(": ").append(value).append("\r\n");
    if (connection == connection_field::close) out.append("connection: close\r\n");
    if (connection == connection_field::keep_alive) out.append("connection: keep-alive\r\n");
    if (has_no_body(r.status())) {
        out.append("\r\n");
        return true;
    }
    out.append("content-length: ");
    append_number(out, r.body().size());
    out.append("\r\n\r\n");
    if (!with_body) return true;
    if (r.body().size() > k_small_body) return false;
    out.append(r.body());
    return true;
}

response refusal(unsigned status, std::string_view message) {
    std::string text(message.empty() ? reason_of(status) : message);
    text.push_back('\n');
    return response::text(std::move(text), status);
}

} // namespace detail

namespace {

bool is_token(std::string_view text) noexcept {
    const auto allowed = [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
    };
    return !text.empty() && std::all_of(text.begin(), text.end(), allowed);
}

void check_field(std::string_view name, std::string_view value) {
    if (!is_token(name))
        throw std::invalid_argument("weft: '" + std::string(name) +
                                    "' is no name of a header field");
    for (const char c : value)
        if ((static_cast<unsigned char>(c) < ' ' && c != '\t') || c == '\x7f')
            throw std::invalid_argument("weft: the value of header field '" + std::string(name) +
                                        "' has control characters");
    for (const std::string_view ours :
         {"content-length", "transfer-encoding", "connection", "date"})
        if (detail::same_name(name, ours))
            throw std::invalid_argument("weft: the header field '" + std::string(name) +
                                        "' is the server's business");
}

} // namespace

response& response::set_header(std::string_view name, std::string_view value) & {
    check_field(name, value);
    std::erase_if(headers_, [&](const auto& h) { return detail::same_name(h.first, name); });
    return add_header(name, value);
}

response& response::add_header(std::string_view name, std::string_view value) & {
    check_field(name, value);
    if (detail::same_name(name, "content-type")) type_ = nullptr;
    headers_.emplace_back(name, value);
    return *this;
}

} // namespace weft::http
