// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include <weft/task/task.hpp>

#include "http/answer.hpp"
#include "http/input.hpp"
#include "http/parser.hpp"
#include "http/server_core.hpp"

namespace weft::http::detail {

/// Written by the connection's task alone, read by anybody.
struct connection_counters {
    std::atomic<std::uint64_t> requests{0};
    std::array<std::atomic<std::uint64_t>, 10> by_class = {};
    static void add(std::atomic<std::uint64_t>& c) noexcept {
        c.store(c.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
};

/// One client: a task that reads requests, calls handlers and writes answers, in order.
class connection : public weft::detail::list_hook {
public:
    /// On the server's list from here until its end.
    connection(server_core& server, weft::detail::io_handle handle);
    ~connection();

    /// The task's body.
    void run() noexcept;

    /// Asked by the server under its lock: is it between two requests? If so it begins no other one, and the server cancels
    /// its task.
    bool end_if_idle() noexcept;
    task_handle task; // guarded by the server's lock; empty until it runs
    connection_counters counters;

private:
    enum class state : unsigned char { busy, idle, closed };
    /// Why a request can't be answered by a handler: a status, or 0 when the client is gone or had nothing to say.
    struct refused {
        unsigned status;
    };

    void serve();
    bool wait_for_request();
    void read_header();
    void check_header();
    void read_body();
    void read_sized_body(std::uint64_t size);
    void read_chunked_body();
    void answer();
    response call_handler();
    void send_answer(const response& r, bool with_body, bool go_on);
    void refuse(unsigned status);
    void linger() noexcept;
    void drop_input() noexcept;

    std::size_t receive(deadline_ns limit);
    void flush();
    void send(std::string_view bytes);
    [[nodiscard]] deadline_ns after(std::chrono::nanoseconds d) const noexcept;

    server_core& server_;
    const weft::detail::io_handle handle_;
    std::atomic<state> state_{state::busy};
    input_buffer input_;
    std::string output_;
    request_parser parser_;
    request_data request_;
    date_line date_;
    unsigned ready_in_a_row_ = 0;
    bool go_on_ = true;          // after this answer
    bool owes_continue_ = false; // the client waits for 100 before it sends the body
};

} // namespace weft::http::detail
