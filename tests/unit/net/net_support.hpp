// SPDX-License-Identifier: Apache-2.0
// Pairs of connected streams, and limits on descriptors.
#pragma once

#include <sys/resource.h>
#include <sys/socket.h>

#include <span>
#include <string>
#include <system_error>
#include <vector>

#include "support/runtimes.hpp"

// The undefined behaviour sanitizer looks at an object's type through a pipe; without descriptors it finds every type wrong.
extern "C" __attribute__((weak)) void __ubsan_handle_dynamic_type_cache_miss_abort(void*,
                                                                                   unsigned long,
                                                                                   unsigned long);

namespace weft::testing {

inline bool needs_descriptors_itself() {
    return __ubsan_handle_dynamic_type_cache_miss_abort != nullptr;
}

struct stream_pair {
    net::tcp_stream client, server;

    stream_pair() {
        auto l = net::tcp_listener::bind("127.0.0.1", 0);
        client = net::tcp_stream::connect("127.0.0.1", l.port());
        server = l.accept();
    }
};

inline std::string read_all(net::tcp_stream& s) {
    std::string all;
    char buffer[4096];
    while (const std::size_t n = s.read_some(buffer)) all.append(buffer, n);
    return all;
}

inline std::string read_exactly(net::tcp_stream& s, std::size_t n) {
    std::string all(n, '\0');
    for (std::size_t have = 0; have < n;) {
        const std::size_t k = s.read_some(std::span(all).subspan(have));
        if (k == 0) {
            all.resize(have);
            break;
        }
        have += k;
    }
    return all;
}

/// The code of the system_error that f throws; no error if it throws none.
template <class F>
std::error_code error_of(F f) {
    try {
        f();
        return {};
    } catch (const std::system_error& e) { return e.code(); }
}

/// The next close sends a reset.
inline void reset_at_close(const net::tcp_stream& s) {
    const linger now{1, 0};
    setsockopt(s.native_handle(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

/// While it lives, this process can open no further descriptor.
class no_descriptors_left {
public:
    no_descriptors_left() {
        getrlimit(RLIMIT_NOFILE, &before_);
        rlimit now = before_;
        const int lowest_free = dup(0);
        ::close(lowest_free);
        now.rlim_cur = static_cast<rlim_t>(lowest_free);
        setrlimit(RLIMIT_NOFILE, &now);
    }
    ~no_descriptors_left() { setrlimit(RLIMIT_NOFILE, &before_); }
    no_descriptors_left(const no_descriptors_left&) = delete;
    no_descriptors_left& operator=(const no_descriptors_left&) = delete;

private:
    rlimit before_{};
};

} // namespace weft::testing
