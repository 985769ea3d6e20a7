// SPDX-License-Identifier: Apache-2.0
// Sockets in coroutines: the same streams, waited for without a stack.
#include <algorithm>
#include <thread>

#include "net_support.hpp"

using namespace std::chrono_literals;
using weft::co_task;
using weft::net::tcp_listener;
using weft::net::tcp_stream;
using weft::testing::counted;
using weft::testing::error_of;
using weft::testing::leak_fixture;
using weft::testing::many;
using weft::testing::over_workers;
using weft::testing::read_all;
using weft::testing::stream_pair;

namespace {

namespace co = weft::co;

co_task<std::size_t> echo(tcp_stream s) {
    char buffer[512];
    std::size_t total = 0;
    while (const std::size_t n = co_await co::read_some(s, buffer)) {
        co_await co::write_all(s, {buffer, n});
        total += n;
    }
    co_return total;
}

co_task<std::string> ask(std::uint16_t port, std::string question) {
    tcp_stream s = co_await co::connect("127.0.0.1", port);
    co_await co::write_all(s, question);
    s.shutdown_write();
    std::string answer;
    char buffer[100];
    while (const std::size_t n = co_await co::read_some(s, buffer)) answer.append(buffer, n);
    co_return answer;
}

co_task<void> serve(tcp_listener& l, int n) {
    weft::task_group each;
    for (int i = 0; i < n; ++i) {
        tcp_stream s = co_await co::accept(l);
        each.create_task([c = echo(std::move(s))]() mutable { weft::await(c); });
    }
    each.join();
}

[[gnu::noinline]] std::uintptr_t address_on_stack() {
    return reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
}

/// How many different stacks these addresses, of calls from the same depth, are of.
std::ptrdiff_t count_stacks(std::vector<std::uintptr_t> addresses) {
    std::ranges::sort(addresses);
    return std::ranges::count_if(addresses, [last = std::uintptr_t{0}](std::uintptr_t a) mutable {
        return a - std::exchange(last, a) > 64 * 1024;
    });
}

std::string pattern(std::size_t n) {
    std::string s(n, '\0');
    for (std::size_t i = 0; i < n; ++i) s[i] = static_cast<char>('a' + i % 23);
    return s;
}

} // namespace

TEST_CASE("co tcp: connects, accepts, reads and writes, as a task, as a call and on a plain thread",
          "[net]") {
    over_workers([] {
        auto l = tcp_listener::bind("127.0.0.1", 0);
        auto server = weft::create_task(serve(l, 3));
        CHECK(weft::await(weft::create_task(ask(l.port(), "one"))) == "one");
        CHECK(weft::await(ask(l.port(), "two")) == "two");
        std::string three;
        std::thread plain([&] { three = weft::await(ask(l.port(), "three")); });
        weft::await(server);
        plain.join();
        CHECK(three == "three");
    });
}

TEST_CASE("co tcp: what does not fit into the kernel's buffers goes on in turns, to the last byte",
          "[net]") {
    over_workers([] {
        stream_pair p;
        const std::string all = pattern(8 << 20);
        auto writer = weft::create_task([](tcp_stream& s, const std::string& x) -> co_task<void> {
            co_await co::write_all(s, x);
            s.shutdown_write();
        }(p.client, all));
        auto reader = weft::create_task([](tcp_stream& s) -> co_task<std::string> {
            std::string got;
            char buffer[3000];
            while (const std::size_t n = co_await co::read_some(s, buffer)) got.append(buffer, n);
            co_return got;
        }(p.server));
        CHECK(weft::await(reader) == all);
        weft::await(writer);
    });
}

TEST_CASE("co tcp: many that wait keep no stack, and all get their bytes", "[net]") {
    over_workers([] {
        const int n = many(400) + 80;
        std::vector<stream_pair> pairs(static_cast<std::size_t>(n));
        std::vector<std::uintptr_t> stacks(pairs.size());
        std::atomic<int> begun{0};
        std::vector<weft::task<std::size_t>> echoes;
        for (std::size_t i = 0; i < pairs.size(); ++i)
            echoes.push_back(weft::create_task([](tcp_stream s, std::uintptr_t& stack,
                                                  std::atomic<int>& count) -> co_task<std::size_t> {
                stack = address_on_stack();
                ++count;
                co_return co_await echo(std::move(s));
            }(std::move(pairs[i].server), stacks[i], begun)));
        while (begun != n) weft::yield();
        // Each gives its stack to the next one: so there are few, whatever the order.
        CHECK(count_stacks(stacks) <= 40);
        for (auto& p : pairs) {
            p.client.write_all("hello");
            p.client.shutdown_write();
        }
        for (auto& p : pairs) CHECK(read_all(p.client) == "hello");
        for (auto& e : echoes) CHECK(weft::await(e) == 5);
    });
}

TEST_CASE("co tcp: a limit ends each of its waits with timeout_error, and costs no byte", "[net]") {
    over_workers([] {
        stream_pair p;
        auto l = tcp_listener::bind("127.0.0.1", 0);
        const auto waits = [&](int kind) -> co_task<void> {
            char buffer[10];
            const std::string more(16 << 20, 'x');
            switch (kind) {
            case 0: co_await co::read_some(p.server, buffer, 2ms); break;
            case 1: co_await co::accept(l, 2ms); break;
            default: co_await co::write_all(p.client, more, 2ms);
            }
        };
        for (int kind = 0; kind < 3; ++kind) {
            const auto begin = weft::clock::now();
            CHECK_THROWS_AS(weft::await(weft::create_task(waits(kind))), weft::timeout_error);
            CHECK(weft::clock::now() - begin >= 2ms);
        }
        p.server.write_some("x");
        auto reads = [](tcp_stream& s) -> co_task<std::size_t> {
            char buffer[10];
            co_return co_await co::read_some(s, buffer, 1h);
        };
        CHECK(weft::await(weft::create_task(reads(p.client))) == 1);
    });
}

TEST_CASE("co tcp: a cancel ends each of its waits; what comes later is there for the next one",
          "[net]") {
    over_workers([] {
        stream_pair p;
        auto l = tcp_listener::bind("127.0.0.1", 0);
        const auto waits = [&](int kind) -> co_task<void> {
            const counted life;
            char buffer[10];
            const std::string more(16 << 20, 'x');
            switch (kind) {
            case 0: co_await co::read_some(p.server, buffer); break;
            case 1: co_await co::accept(l); break;
            default: co_await co::write_all(p.server, more);
            }
        };
        for (const bool at_once : {false, true})
            for (int kind = 0; kind < 3; ++kind) {
                auto t = weft::create_task(waits(kind));
                if (!at_once) weft::yield();
                CHECK(t.cancel("enough"));
                CHECK_THROWS_AS(weft::await(t), weft::cancelled_error);
                CHECK(counted::alive == 0);
            }
        p.client.write_all("later");
        p.client.shutdown_write();
        const auto reads = [](tcp_stream& s) -> co_task<std::size_t> {
            char buffer[10];
            std::size_t total = 0;
            while (const std::size_t n = co_await co::read_some(s, buffer)) total += n;
            co_return total;
        };
        CHECK(weft::await(weft::create_task(reads(p.server))) == 5);
    });
}

TEST_CASE("co tcp: no byte is lost between reads that are cancelled at any moment", "[net]") {
    over_workers([] {
        stream_pair p;
        const int n = many(2000);
        auto writer = weft::create_task([&] {
            for (int i = 0; i < n; ++i) {
                p.client.write_all("x");
                if (i % 3 == 0) weft::yield();
            }
            p.client.shutdown_write();
        });
        std::size_t got = 0;
        bool ended = false;
        const auto reads = [&]() -> co_task<void> {
            char buffer[1];
            while (!ended) {
                const std::size_t k = co_await co::read_some(p.server, buffer);
                got += k; // kept although a cancel may be pending
                ended = k == 0;
            }
        };
        for (int round = 0; !ended; ++round) {
            auto reader = weft::create_task(reads());
            for (int i = 0; i < round % 7; ++i) weft::yield();
            reader.cancel();
            try {
                weft::await(reader);
            } catch (const weft::cancelled_error&) {}
        }
        weft::await(writer);
        CHECK(got == static_cast<std::size_t>(n));
    });
}

TEST_CASE("co tcp: a close ends a wait; a closed stream, a second reader and a refused connection "
          "say so",
          "[net]") {
    over_workers([] {
        stream_pair p;
        const auto reads = [](tcp_stream& s) -> co_task<std::size_t> {
            char buffer[10];
            co_return co_await co::read_some(s, buffer);
        };
        std::vector<weft::task<std::size_t>> readers;
        for (int i = 0; i < 2; ++i) readers.push_back(weft::create_task(reads(p.server)));
        const auto [done, waiting] = weft::wait(readers, {.return_when = weft::first_completed});
        REQUIRE(done.size() == 1); // whichever came second
        CHECK(error_of([&] { weft::await(done[0]); }) == std::errc::device_or_resource_busy);
        p.server.close();
        CHECK(error_of([&] { weft::await(waiting[0]); }) == std::errc::operation_canceled);
        CHECK(error_of([&] { weft::await(weft::create_task(reads(p.server))); }) ==
              std::errc::bad_file_descriptor);
        std::uint16_t port = 0;
        {
            auto l = tcp_listener::bind("127.0.0.1", 0);
            port = l.port();
        }
        CHECK(error_of([&] { weft::await(weft::create_task(ask(port, "x"))); }) ==
              std::errc::connection_refused);
        tcp_stream empty;
        CHECK(error_of([&] { weft::await(weft::create_task(reads(empty))); }) ==
              std::errc::bad_file_descriptor);
    });
}
