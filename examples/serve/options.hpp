// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <variant>

namespace serve {

/// How a handler calls what takes long: just so; announced (weft::blocking); on a pool of threads (weft::run_in_executor).
enum class call_style { plain, announced, pool };

struct options {
    std::string host = "127.0.0.1";
    std::uint16_t port = 8080;
    unsigned workers = 0; ///< 0: one on each usable core
    bool single_threaded = false;
    call_style compute = call_style::plain;
    call_style block = call_style::plain;
    unsigned max_spares = 512;
    unsigned blocking_threads = 64;
    std::filesystem::path photos; ///< empty: /thumb knows no photograph
    unsigned max_connections = 10'000;
    std::chrono::milliseconds idle_timeout{60'000};
    std::chrono::milliseconds shutdown_deadline{10'000};
};

/// Reads the command line. An exit status instead, if there is nothing to serve: 0 after --help or --version, 2 after a
/// message about what is wrong with it.
std::variant<options, int> parse_options(int argc, const char* const* argv);

} // namespace serve
