// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include <weft/io/wait_fd.hpp>

#include "unit/net/net_support.hpp"

using namespace std::chrono_literals;
using weft::testing::error_of;
using weft::testing::leak_fixture;
using weft::testing::over_workers;

namespace {

struct pipe_ends {
    int fds[2] = {-1, -1};
    pipe_ends() { REQUIRE(pipe2(fds, O_CLOEXEC) == 0); }
    ~pipe_ends() {
        close(fds[0]);
        close(fds[1]);
    }
    pipe_ends(const pipe_ends&) = delete;
    pipe_ends& operator=(const pipe_ends&) = delete;
    void put() const { REQUIRE(write(fds[1], "x", 1) == 1); }
    void take() const {
        char c = 0;
        REQUIRE(read(fds[0], &c, 1) == 1);
    }
};

} // namespace

TEST_CASE("wait_readable: a foreign descriptor, blocking as it is, is waited for again and again",
          "[io]") {
    over_workers([] {
        const pipe_ends p;
        for (int i = 0; i < 20; ++i) {
            auto writer = weft::create_task([&] { p.put(); });
            weft::wait_readable(p.fds[0]);
            p.take();
            weft::await(writer);
        }
        CHECK_THROWS_AS(weft::wait_readable(p.fds[0], 2ms), weft::timeout_error);
        p.put();
        weft::wait_readable(p.fds[0], 0ms); // ready: the limit does not matter
        weft::wait_readable(p.fds[0]);      // still
    });
}

TEST_CASE("wait_writable: a full pipe becomes writable when it is emptied", "[io]") {
    over_workers([] {
        const pipe_ends p;
        weft::wait_writable(p.fds[1], 0ms);
        REQUIRE(fcntl(p.fds[1], F_SETFL, O_NONBLOCK) == 0);
        const std::string block(4096, 'x');
        std::size_t total = 0;
        for (ssize_t n = 0; (n = write(p.fds[1], block.data(), block.size())) > 0;)
            total += static_cast<std::size_t>(n);
        CHECK_THROWS_AS(weft::wait_writable(p.fds[1], 2ms), weft::timeout_error);
        auto reader = weft::create_task([&] {
            std::string all(total, '\0');
            return read(p.fds[0], all.data(), all.size());
        });
        weft::wait_writable(p.fds[1]);
        CHECK(weft::await(reader) > 0);
    });
}

TEST_CASE("wait_readable: the end of a stream is readable, a regular file always, a closed number "
          "an error",
          "[io]") {
    over_workers([] {
        int fds[2];
        REQUIRE(pipe2(fds, O_CLOEXEC) == 0);
        auto closer = weft::create_task([&] { close(fds[1]); });
        weft::wait_readable(fds[0]);
        weft::await(closer);
        close(fds[0]);
        CHECK(error_of([&] { weft::wait_readable(fds[0]); }) == std::errc::bad_file_descriptor);
        CHECK(error_of([&] { weft::wait_writable(-1); }) == std::errc::bad_file_descriptor);
        const int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
        weft::wait_readable(file);
        close(file);
    });
}

TEST_CASE("wait_readable: several tasks may wait for one descriptor, also for weft's own sockets",
          "[io]") {
    over_workers([] {
        weft::testing::stream_pair s;
        char c = 0;
        CHECK_THROWS_AS(s.server.read_some(std::span(&c, 1), 1ms),
                        weft::timeout_error); // it is registered
        std::vector<weft::task<void>> waiters;
        for (int i = 0; i < 3; ++i)
            waiters.push_back(
                weft::create_task([&] { weft::wait_readable(s.server.native_handle()); }));
        weft::sleep_for(1ms);
        s.client.write_all("x");
        for (auto& w : waiters) weft::await(w);
        CHECK(s.server.read_some(std::span(&c, 1)) == 1);
    });
}

TEST_CASE("wait_readable: a cancel ends it and leaves no registration behind", "[io]") {
    over_workers([] {
        const pipe_ends p;
        for (int i = 0; i < 10; ++i) {
            auto waiter = weft::create_task([&] { weft::wait_readable(p.fds[0]); });
            weft::sleep_for(500us);
            waiter.cancel();
            CHECK_THROWS_AS(weft::await(waiter), weft::cancelled_error);
        }
        p.put();
        weft::wait_readable(p.fds[0]);
    });
}

TEST_CASE_METHOD(leak_fixture, "wait_readable: a plain thread blocks", "[io]") {
    const pipe_ends p;
    std::thread writer([&] { p.put(); });
    weft::wait_readable(p.fds[0]);
    writer.join();
    p.take();
    CHECK_THROWS_AS(weft::wait_readable(p.fds[0], 2ms), weft::timeout_error);
}
