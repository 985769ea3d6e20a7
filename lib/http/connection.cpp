// SPDX-License-Identifier: Apache-2.0
#include "http/connection.hpp"

#include <sys/socket.h>

#include <cerrno>

#include "base/tsc.hpp"
#include "http/url.hpp"
#include "net/socket.hpp"

namespace weft::http::detail {
namespace {

constexpr unsigned k_requests_per_look =
    16; // of a client that sends so many that this never waits for it
constexpr weft::detail::deadline_ns k_slow = 200'000;
constexpr std::size_t k_output_at_once = 64 * 1024;
constexpr std::size_t k_chunk_header_limit = 16 * 1024; // with extensions, and the trailer
constexpr std::size_t k_linger_bytes = 1024 * 1024;
constexpr auto k_linger_time = std::chrono::seconds(2);

/// Notes whether a call was slow.
class call_timer {
public:
    explicit call_timer(std::atomic<bool>& is_slow) noexcept
        : is_slow_(is_slow),
          start_(weft::detail::read_tsc()) {}
    ~call_timer() {
        const bool slow = weft::detail::read_tsc() - start_ > weft::detail::tsc_ticks(k_slow);
        if (slow != is_slow_.load(std::memory_order_relaxed))
            is_slow_.store(slow, std::memory_order_relaxed);
    }
    call_timer(const call_timer&) = delete;
    call_timer& operator=(const call_timer&) = delete;

private:
    std::atomic<bool>& is_slow_;
    const std::uint64_t start_;
};

} // namespace

connection::connection(server_core& server, weft::detail::io_handle handle)
    : server_(server),
      handle_(std::move(handle)) {
    server_.enter(*this);
}

connection::~connection() {
    handle_.close();
    server_.leave(*this);
}

void connection::run() noexcept {
    try {
        if (!server_.begin(*this, current_task())) return;
        request_.peer = net::detail::peer_of(handle_.fd());
        serve();
    } catch (...) {
    } // the client is gone, the server or the runtime ends, or there is no memory: so ends the connection
}

bool connection::end_if_idle() noexcept {
    state idle = state::idle;
    return state_.compare_exchange_strong(idle, state::closed,
                                          std::memory_order_seq_cst); // pairs with wait_for_request
}

deadline_ns connection::after(std::chrono::nanoseconds d) const noexcept {
    return weft::detail::deadline_after(d);
}

void connection::serve() {
    while (go_on_ && wait_for_request()) {
        try {
            request_.clear();
            go_on_ = true;
            owes_continue_ = false;
            parser_.begin(request_, server_.options.header_limit, server_.options.body_limit);
            read_header();
            check_header();
            read_body();
        } catch (const refused& r) {
            if (r.status == 0) throw;
            refuse(r.status);
            flush();
            return linger();
        }
        answer();
        input_.next_request();
        if (output_.size() > k_output_at_once) flush();
    }
    flush();
    if (!go_on_) drop_input();
}

// False: no further request, for a good reason.
bool connection::wait_for_request() {
    for (;;) {
        // A line end too many after the last body is no request.
        while (input_.unparsed_size() > 0 &&
               (*input_.unparsed() == '\r' || *input_.unparsed() == '\n')) {
            input_.consume(1);
            input_.next_request();
        }
        if (input_.unparsed_size() > 0) {
            if (++ready_in_a_row_ % k_requests_per_look == 0) checkpoint();
            return true;
        }
        flush();
        state_.store(state::idle,
                     std::memory_order_seq_cst); // before draining(): pairs with cancel_idle
        if (server_.draining()) return false;
        request_.clear();
        input_.make_room(request_);
        const ssize_t n = net::detail::receive(handle_, {input_.room(), input_.room_size()},
                                               after(server_.options.idle_timeout));
        state idle = state::idle;
        if (!state_.compare_exchange_strong(idle, state::busy, std::memory_order_seq_cst))
            return false;         // closed meanwhile
        if (n <= 0) return false; // the end, an idle client, or a dead one
        input_.received(static_cast<std::size_t>(n));
    }
}

// More input, or throws: refused{408} for a client too slow, refused{0} for one that is gone.
std::size_t connection::receive(deadline_ns limit) {
    flush();
    input_.make_room(request_);
    const ssize_t n = net::detail::receive(handle_, {input_.room(), input_.room_size()}, limit);
    if (n == -ETIME) throw refused{408};
    if (n <= 0) throw refused{0};
    input_.received(static_cast<std::size_t>(n));
    return static_cast<std::size_t>(n);
}

void connection::read_header() {
    const std::size_t limit = server_.options.header_limit;
    deadline_ns until = k_never;
    for (;;) {
        const auto p = parser_.put(input_.unparsed(), input_.unparsed_size());
        input_.consume(p.consumed);
        if (p.refused != 0) throw refused{p.refused};
        if (parser_.header_done()) break;
        if (input_.parsed_size() + input_.unparsed_size() >= limit) throw refused{431};
        if (until == k_never) until = after(server_.options.header_timeout);
        receive(until);
    }
    if (input_.parsed_size() > limit) throw refused{431};
}

void connection::check_header() {
    request_data& r = request_;
    unsigned hosts = 0;
    bool has_transfer_encoding = false;
    for (const field& f : r.fields) {
        switch (f.name.size()) {
        case 4: hosts += same_name(f.name, "host"); break;
        case 6:
            if (same_name(f.name, "expect")) {
                if (!same_name(f.value, "100-continue")) throw refused{417};
                owes_continue_ = !r.is_http_1_0;
            }
            break;
        case 17: has_transfer_encoding |= same_name(f.name, "transfer-encoding"); break;
        default: break;
        }
    }
    // RFC 9112: 3.2 for Host; 6.1 and 6.3 for the encodings, which smuggle requests past a proxy that reads them otherwise.
    if (hosts > 1 || (hosts == 0 && !r.is_http_1_0)) throw refused{400};
    if (has_transfer_encoding && (!parser_.chunked() || r.is_http_1_0))
        throw refused{parser_.chunked() ? 400U : 501U};
    r.keeps_alive = go_on_ = parser_.keeps_alive();
    if (!split_target(r)) throw refused{400};
}

void connection::read_body() {
    const std::uint64_t size = parser_.content_length();
    if (size == 0 && !parser_.chunked()) return;
    if (owes_continue_ && input_.unparsed_size() == 0)
        output_.append("HTTP/1.1 100 Continue\r\n\r\n");
    parser_.chunked() ? read_chunked_body() : read_sized_body(size);
}

// Straight into the body, past the parser. At most as much memory as has come, not as was announced.
void connection::read_sized_body(std::uint64_t size) {
    std::string& body = request_.body;
    const std::size_t here =
        static_cast<std::size_t>(std::min<std::uint64_t>(size, input_.unparsed_size()));
    body.assign(input_.unparsed(), here);
    input_.consume(here);
    constexpr std::size_t k_piece = 64 * 1024;
    std::size_t have = here;
    while (have < size) {
        flush();
        const std::size_t piece =
            static_cast<std::size_t>(std::min<std::uint64_t>(size - have, std::max(have, k_piece)));
        body.resize(have + piece);
        const ssize_t n = net::detail::receive(handle_, {body.data() + have, piece},
                                               after(server_.options.body_timeout));
        if (n == -ETIME) throw refused{408};
        if (n <= 0) throw refused{0};
        have += static_cast<std::size_t>(n);
        body.resize(have);
    }
}

void connection::read_chunked_body() {
    for (;;) {
        const auto p = parser_.put(input_.unparsed(), input_.unparsed_size());
        if (p.refused != 0) throw refused{p.refused};
        if (parser_.done()) return input_.consume(p.consumed);
        input_.drop_unparsed(p.consumed);
        if (input_.unparsed_size() > k_chunk_header_limit) throw refused{400};
        receive(after(server_.options.body_timeout));
    }
}

void connection::answer() {
    const bool with_body = request_.method != "HEAD";
    const response r = call_handler();
    if (server_.cut()) throw refused{0};
    if (server_.draining()) go_on_ = false;
    send_answer(r, with_body, go_on_);
}

response connection::call_handler() {
    resource* to = server_.routes.find(request_);
    if (to == nullptr) return refusal(404);
    handler* call = to->find(request_.method);
    if (call == nullptr) return refusal(405).set_header("allow", to->allow);
    if (to->is_slow.load(std::memory_order_relaxed)) flush();
    const call_timer timer(to->is_slow);
    const request r(request_);
    try {
        return (*call)(r);
    } catch (const error& e) {
        if (e.status() >= 200 && e.status() <= 999) return refusal(e.status(), e.what());
        server_.report(r, std::current_exception());
        return refusal(500);
    } catch (const cancelled_error&) {
        if (this_task::cancel_requested()) throw; // our own: the answer is cut
        server_.report(r, std::current_exception());
        return refusal(500);
    } catch (...) {
        const std::exception_ptr e = std::current_exception();
        server_.report(r, e);
        return server_.options.debug ? refusal(500, weft::describe(e)) : refusal(500);
    }
}

void connection::send_answer(const response& r, bool with_body, bool go_on) {
    connection_counters::add(counters.requests);
    connection_counters::add(counters.by_class[r.status() / 100]);
    const auto mode = !go_on                 ? connection_field::close
                      : request_.is_http_1_0 ? connection_field::keep_alive
                                             : connection_field::none;
    if (append_answer(output_, r, with_body, mode, date_)) return;
    flush();
    send(r.body());
}

void connection::refuse(unsigned status) { send_answer(refusal(status), true, false); }

void connection::flush() {
    if (output_.empty()) return;
    send(output_);
    output_.clear();
    if (output_.capacity() > 2 * k_output_at_once) output_ = {};
}

void connection::send(std::string_view bytes) {
    if (net::detail::send_all(handle_, bytes, after(server_.options.write_timeout)) != 0)
        throw refused{0};
}

// As linger, for a client that is not expected to have sent more: takes what is there.
void connection::drop_input() noexcept {
    char scrap[4096];
    for (std::size_t total = 0; total < k_linger_bytes;) {
        const ssize_t n = ::recv(handle_.fd(), scrap, sizeof scrap, MSG_DONTWAIT);
        if (n <= 0) return;
        total += static_cast<std::size_t>(n);
    }
}

// To close with input unread would reset the connection, and the client might lose the answer on the way.
void connection::linger() noexcept {
    try {
        if (::shutdown(handle_.fd(), SHUT_WR) != 0) return;
        const deadline_ns until =
            after(std::min<std::chrono::nanoseconds>(k_linger_time, server_.options.body_timeout));
        char scrap[4096];
        for (std::size_t total = 0; total < k_linger_bytes;) {
            const ssize_t n = net::detail::receive(handle_, scrap, until);
            if (n <= 0) return;
            total += static_cast<std::size_t>(n);
        }
    } catch (...) {} // cancelled: so be it
}

} // namespace weft::http::detail
