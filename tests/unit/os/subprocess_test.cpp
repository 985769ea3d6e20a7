// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "unit/net/net_support.hpp"

using namespace std::chrono_literals;
using weft::create_subprocess_exec;
using weft::create_subprocess_shell;
using weft::process;
using weft::stdio;
using weft::testing::error_of;
using weft::testing::leak_fixture;
using weft::testing::over_workers;

namespace {

/// A child that writes a line when it runs, and lives until it is killed or its standard input ends.
process idler() {
    auto p = create_subprocess_shell("echo runs; read line; exit 7",
                                     {.in = stdio::pipe, .out = stdio::pipe});
    CHECK(p.out().readline() == "runs\n");
    return p;
}

/// How many children this process has, zombies too.
std::size_t children() {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        std::ifstream file(entry.path() / "stat");
        std::string text;
        std::getline(file, text); // number (name) state parent ...
        const std::size_t name_ends = text.rfind(')');
        if (name_ends == std::string::npos) continue;
        std::istringstream rest(text.substr(name_ends + 1));
        char state = 0;
        pid_t parent = 0;
        rest >> state >> parent;
        count += parent == getpid();
    }
    return count;
}

} // namespace

TEST_CASE("SUB-01: communicate feeds a child, and returns its output and its exit code", "[os]") {
    over_workers([] {
        auto sort = create_subprocess_exec({"sort", "-n"}, {.in = stdio::pipe, .out = stdio::pipe});
        auto [out, err] = sort.communicate("3\n20\n1\n");
        CHECK(out == "1\n3\n20\n");
        CHECK(err.empty());
        CHECK(sort.wait() == 0);
        CHECK(sort.returncode() == 0);
        auto both =
            create_subprocess_shell("cat; echo complaint >&2; exit 3",
                                    {.in = stdio::pipe, .out = stdio::pipe, .err = stdio::pipe});
        auto [said, complained] = both.communicate("said");
        CHECK(said == "said");
        CHECK(complained == "complaint\n");
        CHECK(both.wait() == 3);
        auto merged =
            create_subprocess_shell("echo a; echo b >&2", {.out = stdio::pipe, .err = stdio::out});
        CHECK(merged.communicate().out == "a\nb\n");
    });
}

TEST_CASE("SUB-01: much data in both directions makes no deadlock", "[os]") {
    over_workers([] {
        const std::string much(3'000'000, 'x');
        auto cat =
            create_subprocess_shell("cat; cat /dev/null; head -c 1000000 /dev/zero >&2",
                                    {.in = stdio::pipe, .out = stdio::pipe, .err = stdio::pipe});
        auto [out, err] = cat.communicate(much);
        CHECK(out == much);
        CHECK(err.size() == 1'000'000);
        CHECK(cat.wait() == 0);
    });
}

TEST_CASE_METHOD(leak_fixture, "SUB-01: the same on a plain thread", "[os]") {
    const std::string much(1'000'000, 'x');
    auto cat = create_subprocess_shell("cat; cat /dev/null; head -c 100000 /dev/zero >&2",
                                       {.in = stdio::pipe, .out = stdio::pipe, .err = stdio::pipe});
    auto [out, err] = cat.communicate(much);
    CHECK(out == much);
    CHECK(err.size() == 100'000);
    CHECK(cat.wait() == 0);
}

TEST_CASE("SUB-02: a child ended by a signal gives minus its number", "[os]") {
    over_workers([] {
        auto killed = idler(), terminated = idler(), signalled = idler();
        CHECK_FALSE(killed.returncode());
        killed.kill();
        terminated.terminate();
        signalled.send_signal(SIGHUP);
        CHECK(killed.wait() == -SIGKILL);
        CHECK(terminated.wait() == -SIGTERM);
        CHECK(signalled.wait() == -SIGHUP);
        CHECK(signalled.returncode() == -SIGHUP);
    });
}

TEST_CASE("SUB-03: writing to a child that does not read is an error, but none of communicate",
          "[os]") {
    over_workers([] {
        const std::string much(1'000'000, 'x');
        auto deaf = create_subprocess_exec({"true"}, {.in = stdio::pipe});
        CHECK(deaf.wait() == 0);
        const auto in = deaf.in();
        CHECK(error_of([&] {
                  in.write(much);
                  in.drain();
              }) == std::errc::broken_pipe);
        auto other = create_subprocess_exec({"true"}, {.in = stdio::pipe, .out = stdio::pipe});
        CHECK(other.communicate(much).out.empty());
        CHECK(other.wait() == 0);
    });
}

TEST_CASE("SUB-04: a cancelled wait does the child no harm", "[os]") {
    over_workers([] {
        auto p = idler();
        auto waiting = weft::create_task([&] { p.wait(); });
        for (int i = 0; i < 10; ++i) weft::yield();
        waiting.cancel("enough");
        CHECK_THROWS_AS(weft::await(waiting), weft::cancelled_error);
        CHECK_FALSE(p.returncode());
        CHECK_THROWS_AS(weft::wait_for(2ms, [&] { p.wait(); }), weft::timeout_error);
        p.in().write("\n");
        CHECK(p.wait() == 7);
        CHECK(p.wait() == 7);
    });
}

TEST_CASE("SUB-04: ten waits at once all get the same code, though the first ones are cancelled",
          "[os]") {
    over_workers([] {
        auto p = idler();
        std::vector<weft::task<int>> waits;
        for (int i = 0; i < 12; ++i) waits.push_back(weft::create_task([&] { return p.wait(); }));
        for (int i = 0; i < 20; ++i) weft::yield();
        waits[0].cancel();
        waits[1].cancel();
        CHECK_THROWS_AS(weft::await(waits[0]), weft::cancelled_error);
        CHECK_THROWS_AS(weft::await(waits[1]), weft::cancelled_error);
        p.in().write("\n");
        for (std::size_t i = 2; i < waits.size(); ++i) CHECK(weft::await(waits[i]) == 7);
    });
}

TEST_CASE("SUB-05: what can't be started says why, and leaves nothing", "[os]") {
    over_workers([] {
        const std::size_t before = children();
        const auto refused = [](const std::vector<std::string>& program,
                                weft::subprocess_options o) {
            o.in = o.out = o.err = stdio::pipe;
            try {
                static_cast<void>(create_subprocess_exec(program, o));
                return std::string("it was started");
            } catch (const std::system_error& e) { return std::string(e.what()); }
        };
        CHECK_THAT(refused({"no such program"}, {}),
                   Catch::Contains("no such program") && Catch::Contains("No such file"));
        CHECK_THAT(refused({"/etc/passwd"}, {}), Catch::Contains("Permission denied"));
        CHECK_THAT(refused({"true"}, {.cwd = "/no/such/place"}), Catch::Contains("/no/such/place"));
        CHECK_THAT(refused({"true"}, {.pass_fds = {12345}}), Catch::Contains("12345"));
        CHECK_THROWS_AS(create_subprocess_exec({}).pid(), std::invalid_argument);
        CHECK_THROWS_AS(create_subprocess_exec({"true", std::string("a\0b", 3)}).pid(),
                        std::invalid_argument);
        CHECK_THROWS_AS(create_subprocess_exec({"true"}, {.out = stdio::out}).pid(),
                        std::invalid_argument);
        CHECK(children() == before);
    });
}

TEST_CASE(
    "SUB-05: a task that is cancelled while it starts a child leaves neither child nor zombie",
    "[os]") {
    over_workers([] {
        const std::size_t before = children();
        for (int round = 0; round < 10; ++round) {
            auto starter = weft::create_task([] {
                auto p = create_subprocess_exec({"cat"}, {.in = stdio::pipe, .out = stdio::pipe});
                p.wait(); // for ever
            });
            for (int i = 0; i < round; ++i) weft::yield();
            starter.cancel();
            CHECK_THROWS_AS(weft::await(starter), weft::cancelled_error);
            CHECK(children() == before);
        }
    });
}

TEST_CASE("SUB-05: without descriptors nothing is started", "[os]") {
    if (weft::testing::needs_descriptors_itself()) return;
    over_workers([] {
        const std::size_t before = children();
        const std::error_code e = error_of([] {
            const weft::testing::no_descriptors_left none;
            static_cast<void>(create_subprocess_exec({"true"}));
        });
        CHECK(e == std::errc::too_many_files_open);
        CHECK(children() == before);
    });
}

TEST_CASE("SUB-06: a process object that goes takes its child along, if it runs still", "[os]") {
    over_workers([] {
        const std::size_t before = children();
        pid_t pid = -1;
        {
            auto p = idler();
            pid = p.pid();
            CHECK(kill(pid, 0) == 0);
        }
        CHECK(kill(pid, 0) == -1); // neither child nor zombie
        CHECK(children() == before);
        process assigned = idler();
        assigned = create_subprocess_exec({"true"});
        CHECK(assigned.wait() == 0);
        CHECK(children() == before);
    });
}

TEST_CASE("SUB-06: a child that has ended is not signalled", "[os]") {
    over_workers([] {
        auto p = idler();
        p.in().write("\n");
        // Ended, but nobody here knows: its status is kept, and the signal changes nothing.
        siginfo_t info{};
        weft::blocking(
            [&] { waitid(P_PID, static_cast<id_t>(p.pid()), &info, WEXITED | WNOWAIT); });
        p.send_signal(SIGTERM);
        CHECK(p.wait() == 7);
        CHECK(error_of([&] { p.kill(); }) == std::errc::no_such_process);
    });
}

TEST_CASE("SUB-06: a child may be made to go on without its process object", "[os]") {
    over_workers([] {
        const std::size_t before = children();
        int ends[2];
        REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
        {
            auto p = create_subprocess_shell(
                "read line; echo alive",
                {.in = stdio::fd(ends[0]), .out = stdio::fd(ends[1]), .kill_on_drop = false});
        }
        CHECK(children() == before + 1);
        CHECK(write(ends[1], "\n", 1) == 1);
        while (children() != before) weft::sleep_for(1ms); // its status is taken, too
        char said[8] = {};
        CHECK(read(ends[0], said, sizeof said) == 6);
        close(ends[0]);
        close(ends[1]);
    });
}

TEST_CASE("SUB-07: what a child wrote can be read after its end", "[os]") {
    over_workers([] {
        auto p = create_subprocess_shell("echo one; echo two", {.out = stdio::pipe});
        CHECK(p.wait() == 0);
        CHECK(p.out().readline() == "one\n");
        CHECK(p.out().read() == "two\n");
    });
}

TEST_CASE("SUB-07: a child whose output nobody reads is stopped by it", "[os]") {
    over_workers([] {
        // It tells the error stream how far it has come: not to the end, before somebody reads.
        auto p = create_subprocess_shell("head -c 1000000 /dev/zero; echo done >&2",
                                         {.out = stdio::pipe, .err = stdio::pipe});
        const auto out = p.out(), err = p.err();
        CHECK(out.readexactly(1000) == std::string(1000, '\0'));
        auto done = weft::create_task([&] { return err.readline(); });
        for (int i = 0; i < 100; ++i) weft::yield();
        CHECK_FALSE(done.done());
        CHECK_FALSE(p.returncode());
        CHECK(out.read().size() == 999'000);
        CHECK(weft::await(done) == "done\n");
        CHECK(p.wait() == 0);
    });
}

TEST_CASE("SUB-08: children that end together, each of whom somebody waits for", "[os]") {
    over_workers([] {
        int ends[2];
        REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
        std::vector<process> children;
        for (int i = 0; i < 8; ++i)
            children.push_back(create_subprocess_shell("read line; exit " + std::to_string(i),
                                                       {.in = stdio::fd(ends[0])}));
        std::vector<weft::task<int>> waits;
        for (const process& p : children)
            waits.push_back(weft::create_task([&p] { return p.wait(); }));
        for (int i = 0; i < 10; ++i) weft::yield();
        close(ends[1]); // the end of all
        close(ends[0]);
        for (int i = 0; i < 8; ++i) CHECK(weft::await(waits[static_cast<std::size_t>(i)]) == i);
    });
}

TEST_CASE("SUB-08: a child that somebody else waited for gives 255 to all who wait here", "[os]") {
    over_workers([] {
        auto p = idler();
        std::vector<weft::task<int>> waits;
        const pid_t pid = p.pid();
        weft::blocking([&] {
            p.kill();
            waitpid(pid, nullptr, 0); // thrown in the way
        });
        for (int i = 0; i < 3; ++i) waits.push_back(weft::create_task([&] { return p.wait(); }));
        for (auto& w : waits) CHECK(weft::await(w) == 255);
        CHECK(error_of([&] { p.kill(); }) == std::errc::no_such_process);
    });
}

TEST_CASE("SUB-09: a child has the descriptors that it was meant to have, and no others", "[os]") {
    over_workers([] {
        const int careless = open("/dev/null", O_RDONLY); // without O_CLOEXEC
        int ends[2];
        REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
        const auto listed = [](std::vector<int> further) {
            auto ls =
                create_subprocess_shell("exec ls /proc/self/fd", {.in = stdio::pipe,
                                                                  .out = stdio::pipe,
                                                                  .err = stdio::devnull,
                                                                  .pass_fds = std::move(further)});
            std::istringstream text(ls.communicate().out);
            std::vector<int> fds;
            for (int fd = 0; text >> fd;) fds.push_back(fd);
            std::sort(fds.begin(), fds.end());
            return fds;
        };
        const auto has = [](const std::vector<int>& all, int fd) {
            return std::count(all.begin(), all.end(), fd) == 1;
        };
        CHECK(listed({}) == std::vector<int>{0, 1, 2, 3}); // 3: of ls itself, for the folder
        const auto passed = listed({ends[1]});
        CHECK(passed.size() == 5);
        CHECK(has(passed, ends[1]));
        close(careless);
        close(ends[0]);
        close(ends[1]);
    });
}

TEST_CASE("SIG-05: a child begins with default handlers and an empty mask", "[os]") {
    over_workers([] {
        sigset_t usr1, before;
        sigemptyset(&usr1);
        sigaddset(&usr1, SIGUSR1);
        pthread_sigmask(SIG_BLOCK, &usr1, &before);
        const auto ignored = std::signal(SIGUSR2, SIG_IGN);
        auto p = create_subprocess_exec({"grep", "-E", "Sig(Blk|Ign)", "/proc/self/status"},
                                        {.out = stdio::pipe});
        std::signal(SIGUSR2, ignored);
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
        std::istringstream status(p.communicate().out);
        std::string name;
        std::uint64_t blocked = 1, ignored_there = 1;
        status >> name >> std::hex >> blocked >> name >> ignored_there;
        CHECK(blocked == 0);
        constexpr std::uint64_t k_of_the_c_library = 0b11ULL
                                                     << 31; // 32 and 33: nobody else has them
        CHECK((ignored_there & ~k_of_the_c_library) == 0);
    });
}

TEST_CASE("subprocess: its folder, its environment, its session", "[os]") {
    over_workers([] {
        auto pwd = create_subprocess_exec({"pwd"}, {.out = stdio::pipe, .cwd = "/"});
        CHECK(pwd.communicate().out == "/\n");
        auto env = create_subprocess_exec({"env"}, {.out = stdio::pipe, .env = {{"ONLY=this"}}});
        CHECK(env.communicate().out == "ONLY=this\n");
        auto session = create_subprocess_shell("ps -o sid= -p $$ && echo $$",
                                               {.out = stdio::pipe, .new_session = true});
        std::istringstream ids(session.communicate().out);
        pid_t sid = 0, pid = 1;
        ids >> sid >> pid;
        CHECK(sid == pid);
        CHECK(pid == session.pid());
    });
}

TEST_CASE("subprocess: the streams that were not asked for say so", "[os]") {
    over_workers([] {
        auto p = create_subprocess_exec({"true"});
        CHECK_THROWS_AS(p.in(), std::logic_error);
        CHECK_THROWS_AS(p.out(), std::logic_error);
        CHECK_THROWS_AS(p.communicate("x"), std::logic_error);
        CHECK(p.communicate().out.empty());
        CHECK_THROWS_AS(process().wait(), std::logic_error);
    });
}

TEST_CASE("subprocess: cat answers line by line, and ends when its input is closed", "[os]") {
    over_workers([] {
        auto cat = create_subprocess_exec({"cat"}, {.in = stdio::pipe, .out = stdio::pipe});
        const auto in = cat.in();
        const auto out = cat.out();
        for (int i = 0; i < 20; ++i) {
            const std::string line = std::to_string(i) + "\n";
            in.write(line);
            CHECK(out.readline() == line);
        }
        in.close();
        CHECK(out.readline().empty());
        CHECK(cat.wait() == 0);
    });
}
