// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <span>
#include <stdexcept>
#include <system_error>

#include "unit/io/fed_transport.hpp"

using namespace std::chrono_literals;
using weft::testing::fed_stream;
using weft::testing::over_workers;

namespace {

template <class F>
std::error_code code_of(F f) {
    try {
        f();
        return {};
    } catch (const std::system_error& e) { return e.code(); }
}

void await_until(auto holds) {
    while (!holds()) weft::yield();
}

} // namespace

TEST_CASE("streams: write never waits, and what the kernel does not take is sent in order later",
          "[io]") {
    over_workers([] {
        fed_stream s;
        s.below->make_room(5);
        s.writer.write("0123");
        CHECK(s.below->taken() == "0123"); // at once
        s.writer.write("4567");
        const std::array<std::byte, 2> bytes{std::byte{'8'}, std::byte{'9'}};
        s.writer.write(bytes);
        s.writer.writelines(std::vector<std::string>{"ab", "cd"});
        CHECK(s.writer.write_buffer_size() == 9);
        CHECK(s.below->taken() == "01234");
        s.below->make_room(3);
        await_until([&] { return s.below->taken() == "01234567"; });
        s.below->make_room(100);
        await_until([&] { return s.writer.write_buffer_size() == 0; });
        CHECK(s.below->taken() == "0123456789abcd");
        s.writer.drain();
    });
}

TEST_CASE("STR-08: drain waits above the high mark until the low one, ten waiters all go on",
          "[io]") {
    over_workers([] {
        fed_stream s;
        s.writer.set_write_buffer_limits(100, 40);
        s.writer.write(std::string(100, 'x'));
        s.writer.drain(); // not above
        s.writer.write("x");
        std::atomic<int> waiting{0}, through{0};
        std::vector<weft::task<void>> writers;
        for (int i = 0; i < 10; ++i)
            writers.push_back(weft::create_task([&] {
                ++waiting;
                s.writer.drain();
                ++through;
            }));
        await_until([&] { return waiting == 10; });
        s.below->make_room(60);
        await_until([&] { return s.writer.write_buffer_size() == 41; });
        for (int i = 0; i < 20; ++i) weft::yield();
        CHECK(through == 0);
        s.below->make_room(1);
        for (auto& w : writers) weft::await(w);
        CHECK(through == 10);
        CHECK(s.writer.write_buffer_size() == 40);
        CHECK_THROWS_AS(s.writer.set_write_buffer_limits(1, 2), std::invalid_argument);
        s.writer.abort();
    });
}

TEST_CASE("STR-09: a connection that breaks ends who waits, and every write from then on", "[io]") {
    over_workers([] {
        fed_stream s;
        s.writer.set_write_buffer_limits(0, 0);
        s.writer.write("lost");
        auto waiting = weft::create_task([&] { return code_of([&] { s.writer.drain(); }); });
        weft::yield();
        s.below->break_down(-EPIPE);
        CHECK(weft::await(waiting) == std::errc::broken_pipe);
        CHECK(code_of([&] { s.writer.write("x"); }) == std::errc::broken_pipe);
        CHECK(code_of([&] { s.writer.drain(); }) == std::errc::broken_pipe);
        CHECK(s.writer.write_buffer_size() == 0);
        s.writer.close();
        CHECK(code_of([&] { s.writer.wait_closed(); }) == std::errc::broken_pipe);
        CHECK(s.below->was_closed());
    });
}

TEST_CASE("STR-10: closing sends what is buffered first; a write after it is an error", "[io]") {
    over_workers([] {
        fed_stream s;
        s.below->feed("unread, and no obstacle");
        s.writer.write("farewell");
        CHECK_FALSE(s.writer.is_closing());
        s.writer.close();
        s.writer.close();
        CHECK(s.writer.is_closing());
        CHECK(code_of([&] { s.writer.write("x"); }) == std::errc::operation_canceled);
        CHECK(code_of([&] { s.writer.drain(); }) == std::errc::operation_canceled);
        CHECK(code_of([&] { s.writer.write_eof(); }) == std::errc::operation_canceled);
        auto closed = weft::create_task([&] { s.writer.wait_closed(); });
        weft::yield();
        CHECK_FALSE(closed.done());
        CHECK_FALSE(s.below->was_closed());
        s.below->make_room(100);
        weft::await(closed);
        CHECK(s.below->was_closed());
        CHECK(s.below->taken() == "farewell");
    });
}

TEST_CASE("streams: the last handle of a writer closes it, after all is sent", "[io]") {
    over_workers([] {
        fed_stream s;
        {
            const weft::stream_writer last = std::move(s.writer), copy = last;
            copy.write("all of it");
        }
        CHECK_FALSE(s.below->was_closed());
        s.below->make_room(100);
        await_until([&] { return s.below->was_closed(); });
        CHECK(s.below->taken() == "all of it");
    });
}

TEST_CASE("streams: abort closes at once, whoever waits", "[io]") {
    over_workers([] {
        fed_stream s;
        s.writer.set_write_buffer_limits(0, 0);
        s.writer.write("lost");
        auto waiting = weft::create_task([&] { return code_of([&] { s.writer.drain(); }); });
        auto closed = weft::create_task([&] { s.writer.wait_closed(); });
        weft::yield();
        s.writer.abort();
        CHECK(weft::await(waiting) == std::errc::operation_canceled);
        weft::await(closed);
        CHECK(s.below->taken().empty());
    });
}

TEST_CASE("streams: write_eof comes after what was written, and nothing after it", "[io]") {
    over_workers([] {
        fed_stream s;
        s.writer.write("the end");
        s.writer.write_eof();
        CHECK_FALSE(s.below->was_shut_down());
        CHECK_THROWS_AS(s.writer.write("x"), std::logic_error);
        s.below->make_room(100);
        await_until([&] { return s.below->was_shut_down(); });
        CHECK(s.below->taken() == "the end");
        CHECK_FALSE(s.below->was_closed());
        s.below->feed("reading goes on");
        CHECK(s.reader.read(100) == "reading goes on");
    });
}

TEST_CASE("streams: a cancelled drain loses nothing", "[io]") {
    over_workers([] {
        fed_stream s;
        s.writer.set_write_buffer_limits(0, 0);
        s.writer.write("kept");
        auto waiting = weft::create_task([&] { s.writer.drain(); });
        weft::yield();
        waiting.cancel();
        CHECK_THROWS_AS(weft::await(waiting), weft::cancelled_error);
        s.below->make_room(100);
        s.writer.drain();
        CHECK(s.below->taken() == "kept");
    });
}

TEST_CASE_METHOD(weft::testing::leak_fixture,
                 "streams: on a plain thread, drain and wait_closed send what is buffered",
                 "[io]") {
    fed_stream s;
    s.writer.write("one");
    CHECK(s.below->taken().empty());
    s.below->make_room(3);
    s.writer.drain();
    CHECK(s.below->taken() == "one");
    s.writer.write("two");
    s.writer.close();
    CHECK_FALSE(s.below->was_closed());
    s.below->make_room(3);
    s.writer.wait_closed();
    CHECK(s.below->taken() == "onetwo");
    CHECK(s.below->was_closed());
}

TEST_CASE("streams: a runtime that ends while something is buffered closes what was to be closed",
          "[io]") {
    weft::testing::leak_fixture nothing_leaks;
    fed_stream closing, open;
    weft::run([&] {
        closing.writer.write("lost");
        closing.writer.close();
        open.writer.write("kept");
    });
    CHECK(closing.below->was_closed());
    CHECK_FALSE(open.below->was_closed());
    open.below->make_room(100);
    open.writer.drain(); // the plain thread does it now
    CHECK(open.below->taken() == "kept");
}

TEST_CASE("streams: cancelling the task that sends what is buffered, even before it begins, loses "
          "nothing",
          "[io]") {
    over_workers([] {
        fed_stream s;
        s.writer.set_write_buffer_limits(0, 0);
        const std::uint64_t me = weft::this_task::id();
        const auto cancel_the_others = [me] {
            for (const weft::task_handle& t : weft::all_tasks())
                if (t.id() != me) t.cancel();
        };
        s.writer.write("one ");
        cancel_the_others();
        await_until([] { return weft::all_tasks().size() == 1; });
        s.below->make_room(100);
        s.writer.drain(); // by itself
        CHECK(s.below->taken() == "one ");
        s.below->take_room();
        s.writer.write("two");
        auto waiting = weft::create_task([&] { s.writer.drain(); });
        weft::yield();
        s.below->make_room(100);
        weft::await(waiting);
        CHECK(s.below->taken() == "one two");
    });
}
