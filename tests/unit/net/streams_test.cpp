// SPDX-License-Identifier: Apache-2.0
// Streams over sockets, and their servers.
#include <atomic>
#include <fstream>
#include <thread>

#include "unit/net/net_support.hpp"

using namespace std::chrono_literals;
using weft::stream_reader;
using weft::stream_server;
using weft::stream_writer;
using weft::testing::error_of;
using weft::testing::over_workers;

namespace {

void echo(stream_reader in, stream_writer out) {
    for (std::string& line : in) {
        out.write(line);
        out.drain();
    }
}

std::string pattern(std::size_t size) {
    std::string s(size, '\0');
    for (std::size_t i = 0; i < size; ++i) s[i] = static_cast<char>(i * 2654435761U >> 13);
    return s;
}

std::string ask(stream_reader& in, stream_writer& out, const std::string& line) {
    out.write(line + "\n");
    return in.readline();
}

/// What runtimes report to their exception handler.
struct reports {
    std::mutex lock;
    std::vector<std::string> all;
    weft::runtime_options options(unsigned workers) {
        weft::runtime_options o{.workers = workers};
        o.exception_handler = [this](const weft::exception_context& c) {
            const std::lock_guard guard(lock);
            all.push_back(c.message + ": " + weft::describe(c.exception));
        };
        return o;
    }
    std::size_t count() {
        const std::lock_guard guard(lock);
        return all.size();
    }
};

void await_until(auto holds) {
    while (!holds()) weft::yield();
}

} // namespace

TEST_CASE("STR-11: each connection runs its handler as a task of its own", "[net]") {
    over_workers([] {
        std::atomic<int> inside{0};
        weft::event all_in;
        auto server = weft::start_server(
            [&](stream_reader in, stream_writer out) {
                if (++inside == 3) all_in.set();
                all_in.wait(); // each waits for the others
                echo(std::move(in), std::move(out));
            },
            "127.0.0.1", 0);
        REQUIRE(server.port() != 0);
        CHECK(server.is_serving());
        std::vector<weft::task<std::string>> clients;
        for (int i = 0; i < 3; ++i)
            clients.push_back(weft::create_task([&server, i] {
                auto [in, out] = weft::open_connection("localhost", server.port());
                return ask(in, out, "client " + std::to_string(i));
            }));
        for (int i = 0; i < 3; ++i)
            CHECK(weft::await(clients[static_cast<std::size_t>(i)]) ==
                  "client " + std::to_string(i) + "\n");
        server.close();
        server.wait_closed();
        CHECK_FALSE(server.is_serving());
    });
}

TEST_CASE("STR-11: a handler that throws is reported, and the server goes on", "[net]") {
    const unsigned workers = GENERATE(1U, 2U, 4U);
    weft::testing::leak_fixture nothing_leaks;
    reports told;
    weft::run(told.options(workers), [&] {
        auto server = weft::start_server(
            [](stream_reader in, stream_writer out) {
                if (in.readline() == "fail\n") throw std::runtime_error("as it was told");
                out.write("fine\n");
            },
            "127.0.0.1", 0);
        for (const char* line : {"fail", "work"}) {
            auto [in, out] = weft::open_connection("127.0.0.1", server.port());
            CHECK(ask(in, out, line) == (std::string(line) == "work" ? "fine\n" : ""));
        }
        server.close();
        server.wait_closed();
    });
    REQUIRE(told.count() == 1);
    CHECK_THAT(told.all[0], Catch::Contains("as it was told"));
}

TEST_CASE(
    "STR-12: a closed server refuses new clients, serves the old ones, and is closed when the "
    "last one has gone",
    "[net]") {
    over_workers([] {
        auto server = weft::start_server(echo, "127.0.0.1", 0);
        const std::uint16_t port = server.port();
        auto [in, out] = weft::open_connection("127.0.0.1", port);
        CHECK(ask(in, out, "before") == "before\n");
        server.close();
        server.close();
        auto closed = weft::create_task([&] { server.wait_closed(); });
        CHECK(error_of([&] { weft::open_connection("127.0.0.1", port); }) ==
              std::errc::connection_refused);
        CHECK(ask(in, out, "after") == "after\n");
        CHECK_FALSE(closed.done());
        out.close();
        weft::await(closed);
    });
}

TEST_CASE("STR-12: wait_closed waits for a connection whose handler has handed it on", "[net]") {
    over_workers([] {
        weft::channel<stream_writer> handed_on(1);
        auto server = weft::start_server(
            [&](stream_reader, stream_writer out) { handed_on.send(std::move(out)); }, "127.0.0.1",
            0);
        auto [in, out] = weft::open_connection("127.0.0.1", server.port());
        auto theirs = handed_on.recv();
        server.close();
        auto closed = weft::create_task([&] { server.wait_closed(); });
        for (int i = 0; i < 10; ++i) weft::yield();
        CHECK_FALSE(closed.done());
        theirs->write("still here\n");
        CHECK(in.readline() == "still here\n");
        theirs->close();
        weft::await(closed);
    });
}

TEST_CASE("STR-13: close_clients ends connections when what was written is sent", "[net]") {
    const unsigned workers = GENERATE(1U, 2U, 4U);
    weft::testing::leak_fixture nothing_leaks;
    reports told;
    weft::run(told.options(workers), [&] {
        const std::string large = pattern(4'000'000);
        weft::event written;
        auto server = weft::start_server(
            [&](stream_reader in, stream_writer out) {
                out.write(large);
                written.set();
                static_cast<void>(in.readline()); // nothing comes
            },
            "127.0.0.1", 0);
        auto [in, out] = weft::open_connection("127.0.0.1", server.port());
        written.wait();
        server.close();
        server.close_clients();
        CHECK(in.read() == large);
        server.wait_closed();
    });
    CHECK(told.count() == 0); // the handler's read was ended by us
}

TEST_CASE("STR-13: abort_clients ends connections at once, though their writers are stuck",
          "[net]") {
    over_workers([] {
        weft::event stuck;
        auto server = weft::start_server(
            [&](stream_reader, stream_writer out) {
                out.write(std::string(8'000'000, 'x')); // nobody reads
                stuck.set();
                out.drain();
            },
            "127.0.0.1", 0);
        auto [in, out] = weft::open_connection("127.0.0.1", server.port());
        stuck.wait();
        server.close();
        auto closed = weft::create_task([&] { server.wait_closed(); });
        server.close_clients(); // politely: they are stuck
        for (int i = 0; i < 10; ++i) weft::yield();
        CHECK_FALSE(closed.done());
        server.abort_clients();
        weft::await(closed);
    });
}

TEST_CASE("STR-14: without descriptors a server pauses, says so once, and goes on later", "[net]") {
    if (weft::testing::needs_descriptors_itself()) return;
    const unsigned workers = GENERATE(1U, 2U, 4U);
    weft::testing::leak_fixture nothing_leaks;
    reports told;
    weft::run(told.options(workers), [&] {
        auto server = weft::start_server(echo, "127.0.0.1", 0);
        const std::size_t at_first = weft::testing::holdings::now().descriptors;
        auto client = weft::create_task([port = server.port()] {
            auto [in, out] = weft::open_connection("127.0.0.1", port);
            return ask(in, out, "first");
        });
        CHECK(weft::await(client) == "first\n"); // whatever is made at first use is there
        // Its server side gives its descriptor back a little later.
        await_until([&] { return weft::testing::holdings::now().descriptors == at_first; });
        const int unconnected = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        {
            const weft::testing::no_descriptors_left none;
            const auto to = *weft::net::address::parse("127.0.0.1", server.port());
            REQUIRE(connect(unconnected, to.native(), to.native_size()) == 0);
            await_until([&] { return told.count() == 1; });
            weft::sleep_for(250ms); // several tries
        }
        auto late = weft::net::tcp_stream::adopt(unconnected);
        late.write_all("patience\n");
        CHECK(weft::testing::read_exactly(late, 9) == "patience\n");
        server.close();
    });
    REQUIRE(told.count() == 1);
    CHECK_THAT(told.all[0], Catch::Contains("Too many open files"));
}

TEST_CASE("STR-15: all addresses of a host are tried in turn, and named when none answers",
          "[net]") {
    over_workers([] {
        auto on_v6 = weft::net::tcp_listener::bind("::1", 0); // localhost is 127.0.0.1 first
        auto [in, out] = weft::open_connection("localhost", on_v6.port());
        CHECK_THAT(out.peer_name(), Catch::StartsWith("[::1]:"));
        CHECK(on_v6.accept().is_open());
        const std::uint16_t port = on_v6.port();
        on_v6.close();
        try {
            weft::open_connection("localhost", port);
            FAIL("somebody answered");
        } catch (const std::system_error& e) {
            CHECK(e.code() == std::errc::connection_refused);
            CHECK_THAT(e.what(), Catch::Contains("127.0.0.1:" + std::to_string(port)) &&
                                     Catch::Contains("[::1]:" + std::to_string(port)));
        }
    });
}

TEST_CASE("STR-16: large contents both ways at once arrive whole and in order", "[net]") {
    over_workers([] {
        const std::string there =
                              pattern(static_cast<std::size_t>(weft::testing::many(10'000'000))),
                          back = pattern(static_cast<std::size_t>(weft::testing::many(7'000'001)));
        std::atomic<bool> arrived{false};
        auto server = weft::start_server(
            [&](stream_reader in, stream_writer out) {
                out.write(back);
                out.write_eof();
                arrived = in.read() == there;
            },
            "127.0.0.1", 0);
        auto [in, out] = weft::open_connection("127.0.0.1", server.port());
        for (std::size_t at = 0; at < there.size(); at += 777'777) {
            out.write(std::string_view(there).substr(at, 777'777));
            out.drain();
        }
        out.write_eof();
        CHECK(in.read() == back);
        server.close();
        server.wait_closed();
        CHECK(arrived);
    });
}

TEST_CASE("STR-08: a peer that does not read makes the writer wait, and ten writers all go on",
          "[net]") {
    over_workers([] {
        std::atomic<std::size_t> arrived{0};
        auto server = weft::start_server(
            [&](stream_reader in, stream_writer out) {
                static_cast<void>(in.readline()); // reads no more until it is told to
                out.write("ready\n");
                out.drain();
                arrived = in.read().size();
            },
            "127.0.0.1", 0);
        auto [in, out] = weft::open_connection("127.0.0.1", server.port());
        std::atomic<int> done{0};
        std::vector<weft::task<void>> writers;
        out.write("\n");
        CHECK(in.readline() == "ready\n");
        for (int i = 0; i < 10; ++i)
            writers.push_back(weft::create_task([&done, out = out] {
                out.write(std::string(1'000'000, 'x'));
                out.drain();
                ++done;
            }));
        for (auto& w : writers) weft::await(w);
        CHECK(done == 10);
        out.close();
        server.close();
        server.wait_closed();
        CHECK(arrived == 10 * 1'000'000);
    });
}

TEST_CASE("STR-09: writing to a peer that has closed ends with an error, and no signal", "[net]") {
    over_workers([] {
        auto server = weft::start_server([](stream_reader, stream_writer out) { out.close(); },
                                         "127.0.0.1", 0);
        auto [in, out] = weft::open_connection("127.0.0.1", server.port());
        const std::error_code e = error_of([&out = out] {
            for (;;) {
                out.write("x");
                out.drain();
            }
        });
        CHECK((e == std::errc::broken_pipe || e == std::errc::connection_reset));
    });
}

TEST_CASE("STR-10: a closed connection: later writes raise, unread data is no obstacle", "[net]") {
    over_workers([] {
        auto server = weft::start_server(
            [](stream_reader in, stream_writer out) {
                out.write("unread\n");
                out.drain();
                static_cast<void>(in.read());
            },
            "127.0.0.1", 0);
        auto [in, out] = weft::open_connection("127.0.0.1", server.port());
        auto& reader = in;
        auto waiting = weft::create_task(
            [&reader] { return error_of([&] { static_cast<void>(reader.read()); }); });
        weft::yield();
        out.close();
        out.wait_closed();
        CHECK(error_of([&out = out] { out.write("x"); }) == std::errc::operation_canceled);
        CHECK(weft::await(waiting) == std::errc::operation_canceled);
        CHECK(out.native_handle() == -1);
    });
}

TEST_CASE("STR-17: a connect in progress that is cancelled leaves nothing behind", "[net]") {
    over_workers([] {
        auto l = weft::net::tcp_listener::bind("127.0.0.1", 0, {.backlog = 0});
        std::vector<weft::task<void>> connects; // more than the queue takes: some wait
        for (int i = 0; i < 8; ++i)
            connects.push_back(
                weft::create_task([&] { weft::open_connection("127.0.0.1", l.port()); }));
        for (int i = 0; i < 20; ++i) weft::yield();
        for (auto& c : connects) c.cancel();
        int cancelled = 0;
        for (auto& c : connects) {
            try {
                weft::await(c);
            } catch (const weft::cancelled_error&) { ++cancelled; }
        }
        CHECK(cancelled > 0);
    });
}

TEST_CASE("STR-17: an accept that is cancelled leaves the listener as it was", "[net]") {
    over_workers([] {
        auto l = weft::net::tcp_listener::bind("127.0.0.1", 0);
        auto acceptor = weft::create_task([&] { static_cast<void>(l.accept()); });
        for (int i = 0; i < 5; ++i) weft::yield();
        acceptor.cancel();
        CHECK_THROWS_AS(weft::await(acceptor), weft::cancelled_error);
        auto client = weft::net::tcp_stream::connect("127.0.0.1", l.port());
        CHECK(l.accept().is_open());
    });
}

TEST_CASE("streams: a server's handle that goes ends the handlers that run still", "[net]") {
    over_workers([] {
        weft::event runs;
        std::atomic<bool> was_cancelled{false};
        stream_reader in;
        stream_writer out;
        {
            auto server = weft::start_server(
                [&](stream_reader, stream_writer w) {
                    try {
                        w.write("sent all the same\n");
                        runs.set();
                        weft::event().wait();
                    } catch (const weft::cancelled_error&) {
                        was_cancelled = true;
                        throw;
                    }
                },
                "127.0.0.1", 0);
            std::tie(in, out) = weft::open_connection("127.0.0.1", server.port());
            runs.wait();
        }
        CHECK(was_cancelled);
        CHECK(in.read() == "sent all the same\n");
    });
}

TEST_CASE("streams: serve_forever ends when it is cancelled, after its clients", "[net]") {
    over_workers([] {
        auto server = weft::start_server(echo, "127.0.0.1", 0);
        auto [in, out] = weft::open_connection("127.0.0.1", server.port());
        CHECK(ask(in, out, "x") == "x\n");
        weft::event begun; // one that is cancelled before it begins would never ask the server
        auto serving = weft::create_task([&] {
            begun.set();
            server.serve_forever();
        });
        begun.wait();
        serving.cancel();
        out.close();
        CHECK_THROWS_AS(weft::await(serving), weft::cancelled_error);
        CHECK_FALSE(server.is_serving());
    });
}

TEST_CASE("streams: a connection can be used on a plain thread, a server needs a task", "[net]") {
    CHECK_THROWS_AS(weft::start_server(echo, "127.0.0.1", 0).port(), std::logic_error);
    over_workers([] {
        auto server = weft::start_server(echo, "127.0.0.1", 0);
        std::string answer;
        std::thread plain([&] {
            auto [in, out] = weft::open_connection("127.0.0.1", server.port());
            const std::string large(5'000'000, 'x');
            std::thread reader([&answer, &in = in] { answer = in.read(); });
            for (int i = 0; i < 50; ++i) out.write(large.substr(0, 60'000) + "\n");
            out.drain();
            out.write_eof();
            reader.join();
        });
        weft::blocking([&] { plain.join(); });
        CHECK(answer.size() == 50 * 60'001);
    });
}

TEST_CASE("streams: Unix sockets, by path and by abstract name", "[net]") {
    over_workers([] {
        char folder[] = "/tmp/weft-streams-XXXXXX";
        REQUIRE(mkdtemp(folder) != nullptr);
        const std::string path = std::string(folder) + "/socket";
        {
            auto server = weft::start_unix_server(echo, path);
            auto [in, out] = weft::open_unix_connection(path, {.timeout = 30s});
            CHECK(ask(in, out, "by path") == "by path\n");
            CHECK(out.peer_name() == path);
            server.close();
            out.close();
            server.wait_closed();
            auto again = weft::start_unix_server(echo, path); // replaces what is left there
        }
        CHECK(access(path.c_str(), F_OK) != 0);
        std::ofstream(path) << "no socket";
        CHECK(error_of([&] { static_cast<void>(weft::start_unix_server(echo, path)); }) ==
              std::errc::address_in_use);
        CHECK(error_of([&] { weft::open_unix_connection(path); }) == std::errc::connection_refused);
        unlink(path.c_str());
        CHECK(error_of([&] { weft::open_unix_connection(path); }) ==
              std::errc::no_such_file_or_directory);
        CHECK(error_of([] { weft::open_unix_connection(std::string(200, 'x')); }) ==
              std::errc::filename_too_long);
        rmdir(folder);
        const std::string name = std::string(1, '\0') + folder;
        auto server = weft::start_unix_server(echo, name);
        auto [in, out] = weft::open_unix_connection(name);
        CHECK(ask(in, out, "abstract") == "abstract\n");
        CHECK(out.peer_name() == name);
    });
}
