// SPDX-License-Identifier: Apache-2.0
// Descriptors and signals that call back.
#include <fcntl.h>
#include <sys/socket.h>

#include <csignal>
#include <mutex>
#include <thread>

#include "loop/loop_core.hpp"
#include "support/child.hpp"
#include "support/party.hpp"
#include "unit/loop/loop_support.hpp"

using namespace std::chrono_literals;
using namespace weft::testing;
using weft::event_loop;

namespace {

/// A pair of connected sockets.
struct sockets {
    int a = -1, b = -1;
    sockets() {
        int ends[2];
        REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
        a = ends[0];
        b = ends[1];
    }
    ~sockets() {
        close_first();
        close(b);
    }
    void close_first() {
        if (a >= 0) close(std::exchange(a, -1));
    }
    void send(char c) const { CHECK(write(b, &c, 1) == 1); }
    [[nodiscard]] std::string take() const {
        char text[16];
        const ssize_t n = read(a, text, sizeof text);
        return n > 0 ? std::string(text, static_cast<std::size_t>(n)) : n == 0 ? "end" : "nothing";
    }
};

[[nodiscard]] bool is_default(int signal) {
    struct sigaction now {};
    sigaction(signal, nullptr, &now);
    return now.sa_handler == SIG_DFL;
}

} // namespace

TEST_CASE("LOOP-26: a reader is called each time there is something to read, until it is removed",
          "[loop]") {
    leak_fixture nothing_leaks;
    event_loop l;
    const sockets s;
    notes log;
    l.add_reader(
        s.a, [&](const std::string& name) { log(name + s.take()); }, "r:");
    run_turns(l, 3);
    CHECK(log.take() == "");
    s.send('x');
    run_turns(l, 2);
    CHECK(log.take() == "r:x");
    s.send('y');
    run_turns(l, 2);
    s.send('z');
    run_turns(l, 2);
    CHECK(log.take() == "r:y r:z");
    CHECK(l.remove_reader(s.a));
    CHECK_FALSE(l.remove_reader(s.a));
    s.send('!');
    run_turns(l, 3);
    CHECK(log.take() == "");
}

TEST_CASE("LOOP-26: a reader that leaves something is called again; another takes its place; one "
          "removes itself",
          "[loop]") {
    leak_fixture nothing_leaks;
    event_loop l;
    const sockets s;
    notes log;
    s.send('x');
    l.add_reader(s.a, log.of("first"));
    run_turns(l, 4);
    CHECK_THAT(log.take(), Catch::StartsWith("first first"));
    l.add_reader(s.a, [&] {
        log("second" + s.take());
        CHECK(l.remove_reader(s.a));
        s.send('y');
    });
    run_turns(l, 4);
    CHECK(log.take() == "secondx");
    // A turn that was due already does not come after the removal.
    l.add_reader(s.a, log.of("third"));
    l.call_soon([&] { l.remove_reader(s.a); });
    run_turns(l, 3);
    CHECK(log.take() == "third");
}

TEST_CASE("LOOP-26: a writer is called while there is room, beside a reader of the same descriptor",
          "[loop]") {
    leak_fixture nothing_leaks;
    event_loop l;
    const sockets s;
    notes log;
    int writes = 0;
    l.add_reader(s.a, [&] { log(s.take()); });
    l.add_writer(s.a, [&] {
        if (++writes == 3) CHECK(l.remove_writer(s.a));
    });
    run_turns(l, 8);
    CHECK(writes == 3);
    CHECK_FALSE(l.remove_writer(s.a));
    s.send('x');
    run_turns(l, 2);
    CHECK(log.take() == "x");
    // Full: no call; room again: calls
    const std::string much(64 * 1024, '.');
    while (write(s.a, much.data(), much.size()) > 0) {}
    writes = 0;
    l.add_writer(s.a, [&] { ++writes; });
    run_turns(l, 3);
    CHECK(writes == 0);
    std::string sink(1024 * 1024, ' ');
    while (read(s.b, sink.data(), sink.size()) > 0) {}
    run_turns(l, 3);
    CHECK(writes > 0);
    CHECK(l.remove_writer(s.a));
    CHECK(l.remove_reader(s.a));
}

TEST_CASE("LOOP-26: what can't be watched is refused with the kernel's word", "[loop]") {
    leak_fixture nothing_leaks;
    event_loop l;
    CHECK_THROWS_AS(l.add_reader(-1, [] {}), std::system_error);
    const int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    CHECK_THROWS_AS(l.add_reader(file, [] {}), std::system_error);
    CHECK_FALSE(l.remove_reader(file));
    close(file);
}

TEST_CASE("LOOP-26: a reader that throws is told and called again; the end of the stream counts as "
          "readable",
          "[loop]") {
    leak_fixture nothing_leaks;
    int told = 0;
    event_loop l({.exception_handler = [&](const auto&) { ++told; }});
    sockets s;
    l.add_reader(s.a, [&] {
        if (s.take() == "end") l.stop();
        throw std::runtime_error("x");
    });
    s.send('x');
    run_turns(l, 2);
    CHECK(told == 1);
    shutdown(s.b, SHUT_WR);
    l.run_forever();
    CHECK(told == 2);
    CHECK(l.remove_reader(s.a));
}

TEST_CASE("LOOP-26: readers of one loop run one at a time, in it, on any number of workers",
          "[loop]") {
    over_workers([] {
        constexpr int k_pairs = 8, k_bytes = 50;
        weft::loop& l = weft::get_running_loop();
        std::vector<sockets> all(k_pairs);
        int received = 0, inside = 0; // no lock
        bool alone = true;
        weft::promise<void> done;
        for (const sockets& s : all)
            l.add_reader(s.a, [&] {
                alone = alone && inside++ == 0;
                char byte = 0;
                if (read(s.a, &byte, 1) == 1) ++received;
                if (received % 7 == 0) weft::yield();
                --inside;
                if (received == k_pairs * k_bytes && byte != 0) done.set_value();
            });
        weft::task_group senders;
        for (const sockets& s : all)
            senders.create_task([&s] {
                for (int i = 0; i < k_bytes; ++i) {
                    (void)!write(s.b, "x", 1);
                    weft::yield();
                }
            });
        senders.join();
        done.get_future().await();
        int removed = 0;
        for (const sockets& s : all) removed += l.remove_reader(s.a) ? 1 : 0;
        CHECK(removed == k_pairs);
        CHECK(alone);
        CHECK(received == k_pairs * k_bytes);
    });
}

TEST_CASE("LOOP-27: a descriptor that was removed and closed does not call back, nor does one that "
          "gets its number",
          "[loop]") {
    leak_fixture nothing_leaks;
    event_loop l;
    notes log;
    sockets old;
    const int number = old.a;
    l.add_reader(number, log.of("old"));
    run_turns(l, 2);
    old.send('x'); // its event is under way
    CHECK(l.remove_reader(number));
    old.close_first();
    const sockets fresh;
    REQUIRE(fresh.a == number);
    l.add_reader(number, [&] { log("new:" + fresh.take()); });
    run_turns(l, 3);
    CHECK(log.take() == "");
    fresh.send('y');
    run_turns(l, 2);
    CHECK(log.take() == "new:y");
    CHECK(l.remove_reader(number));
}

TEST_CASE("LOOP-27 LOOP-28: who waits for a socket that is closed, or is cancelled, ends at once; "
          "the loop goes on",
          "[loop]") {
    leak_fixture nothing_leaks;
    event_loop l;
    l.run_until_complete([] {
        auto listener = weft::net::tcp_listener::bind("127.0.0.1", 0);
        auto client = weft::net::tcp_stream::connect("127.0.0.1", listener.port());
        auto server = listener.accept();
        auto reads = [&] {
            char byte[1];
            return server.read_some(byte);
        };
        auto cancelled = weft::create_task(reads);
        weft::yield();
        cancelled.cancel();
        CHECK_THROWS_AS(cancelled.await(), weft::cancelled_error);
        client.write_all(std::string_view("x")); // for the next one
        CHECK(reads() == 1);
        auto closed = weft::create_task(reads);
        weft::yield();
        server.close();
        CHECK_THROWS_AS(closed.await(), std::system_error);
    });
}

TEST_CASE(
    "SIG-01: a signal handler runs in the loop, with its arguments, also while the loop sleeps",
    "[loop]") {
    leak_fixture nothing_leaks;
    event_loop l;
    const auto me = std::this_thread::get_id();
    notes log;
    weft::mutex m;
    l.add_signal_handler(
        SIGUSR1,
        [&](const std::string& what) {
            const std::lock_guard guard(m); // no signal context: it may lock, allocate, wait
            weft::yield();
            log(what + std::to_string(std::this_thread::get_id() == me));
            l.stop();
        },
        "usr1:");
    raise(SIGUSR1);
    l.run_forever();
    CHECK(log.take() == "usr1:1");
    std::thread other([&] {
        if (eventually([&] { return l.core().runtime().sched().sleeping_workers() == 1; }))
            kill(getpid(), SIGUSR1);
    });
    l.run_forever();
    other.join();
    CHECK(log.take() == "usr1:1");
    CHECK(l.remove_signal_handler(SIGUSR1));
}

TEST_CASE("SIG-02: the default disposition is back after removal, and after close", "[loop]") {
    leak_fixture nothing_leaks;
    CHECK(is_default(SIGUSR1));
    {
        event_loop l;
        l.add_signal_handler(SIGUSR1, [] {});
        CHECK_FALSE(is_default(SIGUSR1));
        l.add_signal_handler(SIGUSR1, [] {}); // takes its place
        l.add_signal_handler(SIGUSR2, [] {});
        CHECK(l.remove_signal_handler(SIGUSR1));
        CHECK(is_default(SIGUSR1));
        CHECK_FALSE(l.remove_signal_handler(SIGUSR1));
        CHECK_FALSE(is_default(SIGUSR2));
        l.close();
        CHECK(is_default(SIGUSR2));
        CHECK_THROWS_AS(event_loop().add_signal_handler(0, [] {}), std::invalid_argument);
        CHECK_THROWS_AS(event_loop().add_signal_handler(1000, [] {}), std::invalid_argument);
        CHECK_THROWS_AS(event_loop().add_signal_handler(SIGKILL, [] {}), std::system_error);
    }
    weft::run([] { weft::get_running_loop().add_signal_handler(SIGUSR1, [] {}); });
    CHECK(is_default(SIGUSR1));
}

TEST_CASE("SIG-03: every loop that listens gets the signal, also in other runtimes and threads; "
          "each arrival between waits counts",
          "[loop]") {
    leak_fixture nothing_leaks;
    event_loop first, second;
    std::atomic<int> third{0};
    weft::runtime rt({.workers = 2});
    weft::loop& of_core = *rt.block_on([] { return &weft::get_running_loop(); });
    int heard[2] = {0, 0};
    first.add_signal_handler(SIGUSR1, [&] {
        ++heard[0];
        first.stop();
    });
    second.add_signal_handler(SIGUSR1, [&] {
        ++heard[1];
        second.stop();
    });
    of_core.add_signal_handler(SIGUSR1, [&] { ++third; });
    for (int round = 1; round <= 5; ++round) {
        raise(SIGUSR1);
        std::thread elsewhere([&] { second.run_forever(); });
        first.run_forever();
        elsewhere.join();
        CHECK(heard[0] == round);
        CHECK(heard[1] == round);
        CHECK(eventually([&] { return third == round; }));
    }
    CHECK(first.remove_signal_handler(SIGUSR1));
    raise(SIGUSR1); // one less, the others go on
    second.run_forever();
    CHECK(eventually([&] { return third == 6; }));
    CHECK(heard[0] == 5);
}

TEST_CASE("SIG-05: a signal to a forked child does not reach the parent's handler", "[loop]") {
    if (weft::detail::k_tsan) return; // it keeps a forked child's signals to itself
    event_loop l;
    bool called = false;
    l.add_signal_handler(SIGUSR1, [&] { called = true; });
    const child_end end = in_child([] {
        raise(SIGUSR1);
        return 0;
    });
    CHECK(end.killed_by(SIGUSR1));
    run_turns(l, 3);
    CHECK_FALSE(called);
}
