// SPDX-License-Identifier: Apache-2.0
#include "http/router.hpp"

#include <algorithm>
#include <stdexcept>

namespace weft::http::detail {
namespace {

[[noreturn]] void bad_pattern(std::string_view pattern, const char* why) {
    throw std::invalid_argument("weft: the route '" + std::string(pattern) + "' " + why);
}

// Cuts the first segment off a path that begins with a slash.
std::string_view next_segment(std::string_view& path) noexcept {
    path.remove_prefix(1);
    const std::string_view segment = path.substr(0, path.find('/'));
    path.remove_prefix(segment.size());
    return segment;
}

std::vector<resource::segment> parse(std::string_view pattern) {
    if (pattern.empty() || pattern.front() != '/') bad_pattern(pattern, "does not begin with /");
    std::vector<resource::segment> all;
    for (std::string_view rest = pattern; !rest.empty();) {
        const std::string_view text = next_segment(rest);
        const bool is_param = text.size() > 2 && text.front() == '{' && text.back() == '}';
        const std::string_view name = is_param ? text.substr(1, text.size() - 2) : text;
        if (name.find_first_of("{}") != std::string_view::npos)
            bad_pattern(pattern, "has a brace that does not enclose the name of a whole segment");
        const auto same = [&](const resource::segment& s) {
            return is_param && s.is_param && s.text == name;
        };
        if (std::any_of(all.begin(), all.end(), same))
            bad_pattern(pattern, "has the same name twice");
        all.push_back({std::string(name), is_param});
    }
    return all;
}

// Is a to be tried before b? Where they differ in kind first, a literal wins. Of different lengths: they never meet.
bool is_more_special(const resource& a, const resource& b) noexcept {
    if (a.segments.size() != b.segments.size()) return false;
    for (std::size_t i = 0; i < a.segments.size(); ++i)
        if (a.segments[i].is_param != b.segments[i].is_param) return b.segments[i].is_param;
    return false;
}

bool matches(const resource& to, std::string_view path, request_data& r) {
    r.params.clear();
    for (const resource::segment& s : to.segments) {
        if (path.empty()) return false;
        const std::string_view text = next_segment(path);
        if (s.is_param ? text.empty() : text != s.text) return false;
        if (s.is_param) r.params.emplace_back(s.text, text);
    }
    return path.empty();
}

} // namespace

handler* resource::find(std::string_view method) noexcept {
    for (auto& m : methods)
        if (m.method == method) return &m.call;
    return method == "HEAD" ? find("GET") : nullptr;
}

resource& router::resource_for(std::string_view pattern) {
    std::vector<resource::segment> segments = parse(pattern);
    const bool plain =
        std::none_of(segments.begin(), segments.end(), [](const auto& s) { return s.is_param; });
    if (plain) {
        resource& to = plain_[std::string(pattern)];
        to.pattern = pattern;
        return to;
    }
    const auto same = [&](const auto& r) { return r->pattern == pattern; };
    if (const auto at = std::find_if(with_params_.begin(), with_params_.end(), same);
        at != with_params_.end())
        return **at;
    auto fresh = std::make_unique<resource>();
    fresh->pattern = pattern;
    fresh->segments = std::move(segments);
    const auto less_special = [&](const auto& r) { return is_more_special(*fresh, *r); };
    const auto at = std::find_if(with_params_.begin(), with_params_.end(), less_special);
    return **with_params_.insert(at, std::move(fresh));
}

void router::add(std::string_view method, std::string_view pattern, handler h) {
    if (method.empty()) bad_pattern(pattern, "has no method");
    if (!h) bad_pattern(pattern, "has no handler");
    resource& to = resource_for(pattern);
    for (const auto& m : to.methods)
        if (m.method == method) bad_pattern(pattern, "is there already for this method");
    to.methods.push_back({std::string(method), std::move(h)});
    to.allow.clear();
    for (const auto& m : to.methods) to.allow += (to.allow.empty() ? "" : ", ") + m.method;
    const auto is = [](std::string_view name) {
        return [name](const auto& m) { return m.method == name; };
    };
    if (std::any_of(to.methods.begin(), to.methods.end(), is("GET")) &&
        std::none_of(to.methods.begin(), to.methods.end(), is("HEAD")))
        to.allow += ", HEAD";
}

resource* router::find(request_data& r) {
    if (const auto at = plain_.find(r.path); at != plain_.end()) return &at->second;
    for (auto& to : with_params_)
        if (matches(*to, r.path, r)) return to.get();
    return nullptr;
}

} // namespace weft::http::detail
