// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weft::http {

/// Thrown by a handler: the answer has that status and the message as its text.
///
///     throw weft::http::error(404, "there is no such user");
class error : public std::runtime_error {
public:
    error(unsigned status, const std::string& message)
        : std::runtime_error(message),
          status_(status) {}
    [[nodiscard]] unsigned status() const noexcept { return status_; }

private:
    unsigned status_;
};

/// What a handler answers. A value. content-length, date and connection are the server's business.
///
///     return weft::http::response::json(R"({"id": 7})").set_header("cache-control", "no-store");
class response {
public:
    /// Without a body. Throws std::invalid_argument unless 200 <= status <= 999.
    explicit response(unsigned status = 200) : status_(checked(status)) {}

    /// text/plain in UTF-8.
    static response text(std::string body, unsigned status = 200) {
        return response(status).set_body(std::move(body), k_text);
    }
    /// application/json: a text that is JSON already, or a value with dump() (nlohmann::json).
    static response json(std::string body, unsigned status = 200) {
        return response(status).set_body(std::move(body), k_json);
    }
    template <class T>
        requires(!std::convertible_to<T, std::string> && requires(const T& t) {
            { t.dump() } -> std::convertible_to<std::string>;
        })
    static response json(const T& value, unsigned status = 200) {
        return json(std::string(value.dump()), status);
    }
    static response bytes(std::string body, std::string_view content_type, unsigned status = 200) {
        response r(status);
        r.body_ = std::move(body);
        r.set_header("content-type", content_type);
        return r;
    }

    [[nodiscard]] unsigned status() const noexcept { return status_; }
    [[nodiscard]] const std::string& body() const noexcept { return body_; }

    response& set_status(unsigned status) & {
        status_ = checked(status);
        return *this;
    }
    response&& set_status(unsigned status) && {
        status_ = checked(status);
        return std::move(*this);
    }
    /// Replaces fields of that name, whatever its case. Throws std::invalid_argument for what would break the header: a name
    /// that is no token, a line end in the value, or a field that is the server's business.
    response& set_header(std::string_view name, std::string_view value) &;
    response&& set_header(std::string_view name, std::string_view value) && {
        set_header(name, value);
        return std::move(*this);
    }
    /// One more field of that name (set-cookie).
    response& add_header(std::string_view name, std::string_view value) &;
    response&& add_header(std::string_view name, std::string_view value) && {
        add_header(name, value);
        return std::move(*this);
    }

    /// For the server: what goes into the header besides its own fields.
    [[nodiscard]] std::string_view content_type() const noexcept {
        return type_ != nullptr ? type_ : "";
    }
    [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& headers() const noexcept {
        return headers_;
    }

private:
    static constexpr const char* k_text = "text/plain; charset=utf-8";
    static constexpr const char* k_json = "application/json";
    static unsigned checked(unsigned status) {
        if (status < 200 || status > 999)
            throw std::invalid_argument("weft: an HTTP status is from 200 to 999");
        return status;
    }
    response&& set_body(std::string body, const char* type) && {
        body_ = std::move(body);
        type_ = type;
        return std::move(*this);
    }

    unsigned status_;
    const char* type_ = nullptr; // one of the two above; a content-type among headers_ replaces it
    std::string body_;
    std::vector<std::pair<std::string, std::string>> headers_;
};

} // namespace weft::http
