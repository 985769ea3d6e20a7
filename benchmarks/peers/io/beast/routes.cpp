// SPDX-License-Identifier: Apache-2.0
#include "routes.hpp"

#include <optional>
#include <string>
#include <string_view>

#include "jpeg.hpp"
#include "numbers.hpp"
#include "scale.hpp"
#include "work.hpp"

namespace peer {
namespace {

using std::chrono::milliseconds;

struct target {
    explicit target(std::string_view text) : path(text.substr(0, text.find('?'))) {
        if (path.size() < text.size()) query = text.substr(path.size() + 1);
    }

    [[nodiscard]] std::optional<std::string_view> value(std::string_view name) const {
        for (std::string_view rest = query; !rest.empty();) {
            const std::string_view pair = rest.substr(0, rest.find('&'));
            rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
            if (pair.size() > name.size() && pair.starts_with(name) && pair[name.size()] == '=')
                return pair.substr(name.size() + 1);
        }
        return std::nullopt;
    }

    std::string_view path;
    std::string_view query;
};

milliseconds duration_of(const target& asked) {
    return milliseconds(serve::parse_number("ms", asked.value("ms"), 0, 60000));
}

asio::awaitable<void> compute(const target& asked, services& with) {
    const auto work = [&with, duration = duration_of(asked)] { serve::spend(duration, with.unit); };
    if (with.where.compute_inline)
        work();
    else
        co_await run_in(with.where.compute, work);
}

asio::awaitable<std::string> thumbnail(const std::filesystem::path& path, unsigned width,
                                       services& with) {
    std::string jpeg;
    co_await run_in(with.where.block,
                    [&] { jpeg = serve::read_file(path, serve::k_most_jpeg_bytes); });
    std::string answer;
    const auto work = [&] {
        const serve::image source = serve::decode_jpeg(jpeg, width);
        const serve::extent from{source.width, source.height};
        const serve::extent to = serve::fit_width(from, width);
        serve::image target(to.width, to.height);
        serve::scaler(from, to).rows(source, target, 0, to.height);
        answer = serve::encode_jpeg(target);
    };
    if (with.where.compute_inline)
        work();
    else
        co_await run_in(with.where.compute, work);
    co_return answer;
}

asio::awaitable<void> fill(response& out, const target& asked, services& with) {
    if (asked.path == "/compute") {
        co_await compute(asked, with);
    } else if (asked.path == "/block") {
        co_await run_in(with.where.block,
                        [duration = duration_of(asked)] { serve::block(duration); });
    } else if (asked.path == "/thumb") {
        const unsigned width = serve::parse_number("w", asked.value("w"), 1, 4096);
        const auto* path = with.photos.find(asked.value("src").value_or(""));
        if (path == nullptr) {
            out.result(http::status::not_found);
            co_return;
        }
        out.body() = co_await thumbnail(*path, width, with);
        out.set(http::field::content_type, "image/jpeg");
        co_return;
    } else if (asked.path != "/plain") {
        out.result(http::status::not_found);
        co_return;
    }
    out.body() = "Hello, World!";
}

} // namespace

asio::awaitable<response> answer(const request& asked, services& with) {
    response out(http::status::ok, asked.version());
    out.set(http::field::content_type, "text/plain");
    out.keep_alive(asked.keep_alive());
    try {
        co_await fill(out, target({asked.target().data(), asked.target().size()}), with);
    } catch (const serve::bad_parameter& e) {
        out.result(http::status::bad_request);
        out.body() = e.what();
    } catch (const serve::image_error& e) {
        out.result(http::status::unsupported_media_type);
        out.body() = e.what();
    } catch (const std::exception& e) {
        out.result(http::status::internal_server_error);
        out.body() = e.what();
    }
    out.prepare_payload();
    co_return out;
}

} // namespace peer
