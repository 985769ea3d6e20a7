// SPDX-License-Identifier: Apache-2.0
#include <netdb.h>

#include <memory>
#include <stdexcept>
#include <system_error>

#include <weft/executor/thread_pool.hpp>
#include <weft/net/address.hpp>

#include "task/runtime_core.hpp"

namespace weft::net {
namespace {

class resolver_category final : public std::error_category {
public:
    const char* name() const noexcept override { return "weft.resolver"; }
    std::string message(int code) const override { return gai_strerror(code); }
};

std::vector<address> ask_system(const std::string& host, std::uint16_t port) {
    static const resolver_category category;
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_ADDRCONFIG;
    addrinfo* found = nullptr;
    const int error = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
    if (error != 0)
        throw std::system_error(error == EAI_SYSTEM
                                    ? std::error_code(errno, std::generic_category())
                                    : std::error_code(error, category),
                                "weft: can't resolve " + host);
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> guard(found, freeaddrinfo);
    std::vector<address> all;
    for (const addrinfo* a = found; a != nullptr; a = a->ai_next)
        all.emplace_back(a->ai_addr, a->ai_addrlen);
    return all;
}

/// The runtime's threads for look-ups: getaddrinfo may block for half a minute, and must not take the default pool's. It asks
/// for more stack than a task has.
class resolver_pool final : public detail::attachment {
public:
    void shut_down() noexcept override {
        pool.shutdown({.cancel_futures = true, .timeout = std::chrono::seconds(1)});
    }
    thread_pool_executor pool{{.max_workers = 8, .thread_name_prefix = "weft-resolve"}};
};

std::unique_ptr<detail::attachment> make_resolver_pool(detail::runtime_core&) {
    return std::make_unique<resolver_pool>();
}

} // namespace

std::vector<address> resolve(const std::string& host, std::uint16_t port) {
    if (const auto numeric = address::parse(host, port)) return {*numeric};
    if (host == "localhost")
        return {*address::parse("127.0.0.1", port), *address::parse("::1", port)};
    detail::runtime_core* runtime = detail::current_runtime_or_null();
    if (runtime == nullptr) return ask_system(host, port); // a plain thread may block itself
    auto& resolver = static_cast<resolver_pool&>(runtime->attached(make_resolver_pool));
    return resolver.pool.submit(ask_system, host, port).get();
}

} // namespace weft::net
