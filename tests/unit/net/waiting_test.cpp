// SPDX-License-Identifier: Apache-2.0
// How waits on sockets end other than by data: close, cancel, limits; and who must not starve.
#include <atomic>
#include <thread>

#include "unit/net/net_support.hpp"

using namespace std::chrono_literals;
using weft::net::tcp_listener;
using weft::net::tcp_stream;
using weft::testing::error_of;
using weft::testing::over_workers;
using weft::testing::read_exactly;
using weft::testing::stream_pair;

TEST_CASE("tcp: close ends the waits of other tasks, in both directions and on a listener",
          "[net]") {
    over_workers([] {
        stream_pair p;
        auto l = tcp_listener::bind("127.0.0.1", 0);
        std::string large(8'000'000, 'x');
        char buffer[8];
        auto reader =
            weft::create_task([&] { return error_of([&] { p.server.read_some(buffer); }); });
        auto writer =
            weft::create_task([&] { return error_of([&] { p.server.write_all(large); }); });
        auto acceptor = weft::create_task([&] { return error_of([&] { l.accept(); }); });
        weft::sleep_for(2ms); // they wait now, most likely; else they find it closed
        p.server.close();
        l.close();
        const auto ended = [](std::error_code e) {
            return e == std::errc::operation_canceled || e == std::errc::bad_file_descriptor;
        };
        CHECK(ended(weft::await(reader)));
        CHECK(ended(weft::await(writer)));
        CHECK(ended(weft::await(acceptor)));
    });
}

TEST_CASE("tcp: a read that meets a close is cancelled, and never takes it for the peer's end",
          "[net]") {
    over_workers([] {
        for (unsigned round = 0; round < 300; ++round) {
            stream_pair p;
            char buffer[8];
            auto reader =
                weft::create_task([&] { return error_of([&] { p.server.read_some(buffer); }); });
            auto closer = weft::create_task([&] { p.server.close(); });
            for (unsigned i = 0; i < round % 3; ++i) weft::yield();
            const std::error_code e = weft::await(reader);
            weft::await(closer);
            CHECK((e == std::errc::operation_canceled || e == std::errc::bad_file_descriptor));
        }
    });
}

TEST_CASE("tcp: a cancelled read throws, and what comes later is there for the next one", "[net]") {
    over_workers([] {
        stream_pair p;
        char buffer[8];
        auto reader = weft::create_task([&] { return p.server.read_some(buffer); });
        weft::sleep_for(1ms);
        CHECK(reader.cancel("enough"));
        CHECK_THROWS_AS(weft::await(reader), weft::cancelled_error);
        p.client.write_all("later");
        CHECK(read_exactly(p.server, 5) == "later");
    });
}

TEST_CASE("tcp: no byte is lost between reads that are cancelled at any moment", "[net]") {
    over_workers([] {
        stream_pair p;
        constexpr int k_rounds = 300;
        auto writer = weft::create_task([&] {
            for (int i = 0; i < k_rounds; ++i) {
                p.client.write_all("x");
                if (i % 3 == 0) weft::yield();
            }
            p.client.shutdown_write();
        });
        std::size_t got = 0, round = 0;
        for (bool ended = false; !ended;) {
            auto reader = weft::create_task([&] {
                char one = 0;
                const std::size_t n = p.server.read_some(std::span(&one, 1));
                got += n; // kept although a cancel may be pending
                ended = n == 0;
            });
            for (std::size_t i = 0; i < round % 4; ++i) weft::yield();
            ++round;
            reader.cancel();
            try {
                weft::await(reader);
            } catch (const weft::cancelled_error&) {}
        }
        weft::await(writer);
        CHECK(got == k_rounds);
    });
}

TEST_CASE("tcp: a limit that passes is a timeout_error, and the connection is as good as before",
          "[net]") {
    over_workers([] {
        stream_pair p;
        char buffer[8];
        CHECK_THROWS_AS(p.server.read_some(buffer, 2ms), weft::timeout_error);
        CHECK_THROWS_AS(p.server.read_some(buffer, 0ms), weft::timeout_error);
        p.client.write_all("late");
        CHECK(read_exactly(p.server, 4) == "late");
        CHECK(p.server.write_some("x", 1h) == 1);
        CHECK_THROWS_AS(p.client.write_all(std::string(8'000'000, 'x'), 5ms), weft::timeout_error);
        auto l = tcp_listener::bind("127.0.0.1", 0);
        CHECK_THROWS_AS(l.accept(2ms), weft::timeout_error);
        auto c = tcp_stream::connect("127.0.0.1", l.port(), {.timeout = 10s});
        CHECK(l.accept(10s).is_open());
    });
}

TEST_CASE("tcp: connect gives up after its limit when nobody accepts and the queue is full",
          "[net]") {
    over_workers([] {
        auto l = tcp_listener::bind("127.0.0.1", 0, {.backlog = 0});
        std::vector<tcp_stream> queued;
        bool timed_out = false;
        for (int i = 0; i < 20 && !timed_out; ++i) {
            try {
                queued.push_back(tcp_stream::connect("127.0.0.1", l.port(), {.timeout = 50ms}));
            } catch (const weft::timeout_error& e) {
                timed_out = true;
                CHECK_THAT(e.what(), Catch::Contains(l.local_address().to_string()));
            }
        }
        CHECK(timed_out);
    });
}

TEST_CASE("tcp: only one task at a time reads", "[net]") {
    over_workers([] {
        stream_pair p;
        std::atomic<int> busy{0}, served{0};
        const auto read_one = [&] {
            char c = 0;
            try {
                served += p.server.read_some(std::span(&c, 1)) == 1;
            } catch (const std::system_error& e) {
                busy += e.code() == std::errc::device_or_resource_busy;
            }
        };
        auto first = weft::create_task(read_one);
        auto second = weft::create_task(read_one);
        while (busy == 0) weft::yield();
        p.client.write_all("x");
        weft::await(first);
        weft::await(second);
        CHECK((busy == 1 && served == 1));
    });
}

TEST_CASE("tcp: a task whose reads never wait leaves room for the others", "[net]") {
    over_workers([] {
        stream_pair p;
        std::atomic<bool> enough{false};
        std::thread flood([&] { // a plain thread: the same calls block it
            const std::string block(64 * 1024, 'x');
            try {
                for (;;) p.client.write_all(block);
            } catch (const std::system_error&) {} // the other end was closed
        });
        std::vector<weft::task<void>> readers;
        readers.push_back(weft::create_task([&] {
            char buffer[512];
            while (!enough && p.server.read_some(buffer) > 0) {}
        }));
        auto others = weft::create_task([&] {
            for (int i = 0; i < 5; ++i) weft::sleep_for(1ms);
            for (int i = 0; i < 5; ++i) weft::yield();
            enough = true;
        });
        weft::await(others);
        weft::await(readers.front());
        p.server.close();
        flood.join();
        CHECK(enough);
    });
}

TEST_CASE("tcp: a task whose reads never wait can be cancelled", "[net]") {
    over_workers([] {
        stream_pair p;
        p.client.write_all(std::string(100'000, 'x'));
        auto reader = weft::create_task([&] {
            char c = 0;
            while (p.server.read_some(std::span(&c, 1)) == 1) {}
        });
        weft::yield();
        reader.cancel();
        CHECK_THROWS_AS(weft::await(reader), weft::cancelled_error);
    });
}
