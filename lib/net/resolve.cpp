// SPDX-License-Identifier: Apache-2.0
#include <netdb.h>

#include <memory>
#include <stdexcept>
#include <system_error>
#include <thread>

#include <weft/net/address.hpp>
#include <weft/task/future.hpp>

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

} // namespace

std::vector<address> resolve(const std::string& host, std::uint16_t port) {
    if (const auto numeric = address::parse(host, port)) return {*numeric};
    if (host == "localhost")
        return {*address::parse("127.0.0.1", port), *address::parse("::1", port)};
    // getaddrinfo may block for half a minute, and asks for more stack than a task has. A thread for each look-up: they are
    // rare, and this room may not know the thread pool beside it.
    promise<std::vector<address>> answer;
    future<std::vector<address>> result = answer.get_future();
    std::thread([host, port, p = std::move(answer)]() mutable {
        try {
            p.set_value(ask_system(host, port));
        } catch (...) { p.set_exception(std::current_exception()); }
    }).detach();
    return std::move(result).get();
}

} // namespace weft::net
