// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <weft/http/server.hpp>

#include "http/message.hpp"

namespace weft::http::detail {

/// What one pattern answers, by method.
struct resource {
    struct segment {
        std::string text; // or the name
        bool is_param = false;
    };
    struct method_handler {
        std::string method;
        handler call;
    };
    std::string pattern;
    std::vector<segment> segments;
    std::vector<method_handler> methods;
    std::string allow; // the value of that field
    std::atomic<bool> is_slow{
        false}; // as its last call went: answers that wait to be sent are sent before the next

    /// Null: this method is not allowed. HEAD is answered by GET's.
    [[nodiscard]] handler* find(std::string_view method) noexcept;
};

/// Filled before the server serves, read-only afterwards.
class router {
public:
    /// Throws std::invalid_argument.
    void add(std::string_view method, std::string_view pattern, handler h);
    /// The resource of a decoded path, r.params filled in; or null.
    resource* find(request_data& r);

private:
    struct hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view s) const noexcept {
            return std::hash<std::string_view>()(s);
        }
    };
    resource& resource_for(std::string_view pattern);

    std::unordered_map<std::string, resource, hash, std::equal_to<>> plain_;
    std::vector<std::unique_ptr<resource>>
        with_params_; // those with earlier literal segments first
};

} // namespace weft::http::detail
