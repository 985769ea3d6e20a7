// SPDX-License-Identifier: Apache-2.0
#include <stdexcept>
#include <system_error>

#include "unit/io/fed_transport.hpp"

using namespace std::chrono_literals;
using weft::testing::fed_stream;
using weft::testing::over_workers;

namespace {

/// What readuntil or readexactly throws for a stream that ends too early.
template <class F>
std::string partial_of(F f) {
    try {
        f();
        return "nothing was thrown";
    } catch (const weft::incomplete_read_error& e) { return e.partial(); }
}
template <class F>
std::string overrun_of(F f) {
    try {
        f();
        return "nothing was thrown";
    } catch (const weft::limit_overrun_error& e) {
        CHECK(e.consumed() == e.partial().size());
        return e.partial();
    }
}

} // namespace

TEST_CASE("STR-01: read gives what is there, at most so much, waits for something, and ends with "
          "nothing",
          "[io]") {
    over_workers([] {
        fed_stream s;
        CHECK(s.reader.read(0).empty());
        CHECK(s.below->receives() == 0); // at once
        s.below->feed("line1\nline2");
        CHECK(s.reader.read(30) == "line1\nline2");
        s.below->feed("abc");
        CHECK(s.reader.read(2) == "ab");
        CHECK(s.reader.read(2) == "c");
        const int before = s.below->receives();
        auto waiting = weft::create_task([&] { return s.reader.read(10); });
        s.below->await_receives(before + 1);
        CHECK_FALSE(waiting.done());
        s.below->feed("late");
        CHECK(weft::await(waiting) == "late");
        CHECK_FALSE(s.reader.at_eof());
        s.below->feed_eof();
        CHECK(s.reader.read(10).empty());
        CHECK(s.reader.read(10).empty());
        CHECK(s.reader.at_eof());
    });
}

TEST_CASE("STR-01: read of all, or of a negative size, waits for the end of the stream", "[io]") {
    over_workers([] {
        fed_stream s;
        auto all = weft::create_task([&] { return s.reader.read(-1); });
        s.below->feed("chunk1\n");
        s.below->await_receives(2);
        s.below->feed("chunk2");
        s.below->await_receives(3);
        CHECK_FALSE(all.done());
        s.below->feed_eof();
        CHECK(weft::await(all) == "chunk1\nchunk2");
        CHECK(s.reader.read().empty());
        const std::string large(300'000, 'x');
        fed_stream big;
        big.below->feed(large);
        big.below->feed_eof();
        CHECK(big.reader.read() == large);
    });
}

TEST_CASE(
    "STR-02: readline joins pieces, keeps what follows, and gives a last line without its end",
    "[io]") {
    over_workers([] {
        fed_stream s({"chunk1 ", "chunk2 ", "chunk3 ", "\nchunk4", "\n", "last"});
        CHECK(s.reader.readline() == "chunk1 chunk2 chunk3 \n");
        CHECK(s.reader.readline() == "chunk4\n");
        CHECK(s.reader.readline() == "last");
        CHECK(s.reader.readline().empty());
        CHECK(s.reader.at_eof());
        fed_stream empty({});
        CHECK(empty.reader.readline().empty());
    });
}

TEST_CASE("STR-02: a range-for over a reader gives its lines", "[io]") {
    over_workers([] {
        fed_stream s({"a\nb", "b\n\nlast"});
        std::vector<std::string> lines;
        for (std::string& line : s.reader) lines.push_back(std::move(line));
        CHECK(lines == std::vector<std::string>{"a\n", "bb\n", "\n", "last"});
    });
}

TEST_CASE("STR-03: readuntil finds a separator in pieces, also after false starts", "[io]") {
    over_workers([] {
        fed_stream s({"AAAxx", "yyBBBx", "x", "yyCCCxxy", "xxyy", "rest"});
        CHECK(s.reader.readuntil("xxyy") == "AAAxxyy");
        CHECK(s.reader.readuntil("xxyy") == "BBBxxyy");
        CHECK(s.reader.readuntil("xxyy") == "CCCxxyxxyy");
        CHECK(partial_of([&] { static_cast<void>(s.reader.readuntil("xxyy")); }) == "rest");
        CHECK(partial_of([&] { static_cast<void>(s.reader.readuntil("xxyy")); }).empty());
        fed_stream aa({"aa", "XYaa", "a"});
        CHECK(aa.reader.readuntil("aaa") == "aaXYaaa");
        CHECK_THROWS_AS(aa.reader.readuntil(""), std::invalid_argument);
        fed_stream lines({"one\ntwo\n"});
        CHECK(lines.reader.readuntil() == "one\n");
    });
}

TEST_CASE("STR-04: a line that is too long is an error, and exactly that line is dropped", "[io]") {
    over_workers([] {
        fed_stream s({"1234567\n", "chunk1", "chunk2\n", "chunk3\n", "chunk4", "chunk5", "chunk6\n",
                      "last\n"},
                     7);
        CHECK(s.reader.readline() == "1234567\n"); // just as long as the limit
        CHECK(overrun_of([&] { static_cast<void>(s.reader.readline()); }) == "chunk1chunk2");
        CHECK(s.reader.readline() == "chunk3\n");
        // The end of this one has not come when the error is thrown.
        CHECK_THROWS_AS(s.reader.readline(), weft::limit_overrun_error);
        CHECK(s.reader.readline() == "last\n");
        CHECK(s.reader.readline().empty());
        fed_stream without_end({"12345678"}, 7);
        CHECK_THROWS_AS(without_end.reader.readline(), weft::limit_overrun_error);
        CHECK(without_end.reader.readline().empty());
    });
}

TEST_CASE("STR-04: readuntil past the limit takes nothing", "[io]") {
    over_workers([] {
        fed_stream found({"some dataAA"}, 7);
        CHECK(overrun_of([&] { static_cast<void>(found.reader.readuntil("AA")); }) == "some data");
        CHECK(found.reader.read(100) == "some dataAA");
        fed_stream not_found({"some data", "A", "A"}, 7);
        CHECK(overrun_of([&] { static_cast<void>(not_found.reader.readuntil("AA")); }) ==
              "some dat"); // its last byte may be the separator's first
        CHECK(not_found.reader.readexactly(11) == "some dataAA");
        fed_stream fits({"1234567", "AA"}, 7);
        CHECK(fits.reader.readuntil("AA") == "1234567AA");
    });
}

TEST_CASE("STR-05: readexactly gives exactly so much, or says what came of how much", "[io]") {
    over_workers([] {
        fed_stream s({"123", "4567", "890"});
        CHECK(s.reader.readexactly(0).empty());
        CHECK(s.reader.readexactly(5) == "12345");
        CHECK(s.reader.readexactly(2) == "67");
        try {
            static_cast<void>(s.reader.readexactly(4));
            FAIL("there were but three");
        } catch (const weft::incomplete_read_error& e) {
            CHECK(e.partial() == "890");
            CHECK(e.expected() == std::size_t{4});
            CHECK_THAT(e.what(), Catch::Contains("3 of 4"));
        }
        CHECK(s.reader.at_eof());
    });
}

TEST_CASE("STR-06: who waits gets the stream's error, and so does who reads later", "[io]") {
    over_workers([] {
        fed_stream s;
        const auto error_of_read = [&] {
            try {
                static_cast<void>(s.reader.readline());
                return std::error_code();
            } catch (const std::system_error& e) { return e.code(); }
        };
        auto waiting = weft::create_task(error_of_read);
        s.below->await_receives(1);
        s.below->feed("partial");
        s.below->end(-ECONNRESET);
        CHECK(weft::await(waiting) == std::errc::connection_reset);
        CHECK(error_of_read() == std::errc::connection_reset);
        CHECK(s.reader.read(100) == "partial"); // it had come before
        CHECK(error_of_read() == std::errc::connection_reset);
    });
}

TEST_CASE("STR-06 STR-17: a cancelled reader leaves the stream usable, and nothing is lost",
          "[io]") {
    over_workers([] {
        fed_stream s;
        const auto cancelled_while = [&](auto read) {
            const int before = s.below->receives();
            auto reader = weft::create_task(read);
            s.below->await_receives(before + 2); // one piece has come
            reader.cancel("enough");
            CHECK_THROWS_AS(weft::await(reader), weft::cancelled_error);
        };
        s.below->feed("half ");
        cancelled_while([&] { static_cast<void>(s.reader.readline()); });
        s.below->feed("a line\n");
        CHECK(s.reader.readline() == "half a line\n");
        s.below->feed("abc");
        cancelled_while([&] { static_cast<void>(s.reader.readexactly(6)); });
        s.below->feed("def");
        cancelled_while([&] { static_cast<void>(s.reader.read()); });
        s.below->feed_eof();
        CHECK(s.reader.read() == "abcdef");
    });
}

TEST_CASE("STR-07: a second task that reads meanwhile gets an error, the first one its data",
          "[io]") {
    over_workers([] {
        fed_stream s;
        auto first = weft::create_task([&] { return s.reader.readline(); });
        s.below->await_receives(1);
        CHECK_THROWS_AS(s.reader.read(1), std::logic_error);
        CHECK_THROWS_AS(s.reader.readline(), std::logic_error);
        CHECK_FALSE(s.reader.at_eof()); // this one may be asked by anybody
        s.writer.write("writing is another matter");
        s.below->feed("mine\n");
        CHECK(weft::await(first) == "mine\n");
        s.below->feed("yours\n");
        CHECK(s.reader.readline() == "yours\n");
        CHECK_THROWS_AS(weft::stream_reader().read(1), std::logic_error);
    });
}

TEST_CASE("streams: closing ends the wait of a reader, but what is there can be read", "[io]") {
    over_workers([] {
        fed_stream s;
        s.below->feed("first\nsecond");
        CHECK(s.reader.readline() == "first\n");
        auto waiting = weft::create_task([&] {
            try {
                static_cast<void>(s.reader.readline());
                return std::error_code();
            } catch (const std::system_error& e) { return e.code(); }
        });
        s.below->await_receives(2);
        s.writer.close();
        CHECK(weft::await(waiting) == std::errc::operation_canceled);
        CHECK(s.reader.read(100) == "second");
        CHECK_THROWS_AS(s.reader.read(100), std::system_error);
    });
}
