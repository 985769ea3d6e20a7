// SPDX-License-Identifier: Apache-2.0
// What a dump says of tasks, and that it does no harm while they run.
#include <weft/observe/dump.hpp>

#include <regex>
#include <sstream>

#include "support/runtimes.hpp"

using namespace std::chrono_literals;
using namespace weft::testing;

// Names that a frame shows: a program's own functions, in the order of their calls.
#define WEFT_TEST_FRAME extern "C" [[gnu::noinline, gnu::visibility("default"), gnu::used]]
WEFT_TEST_FRAME void dump_test_inner(weft::event& e) {
    e.wait();
    asm volatile("");
}
WEFT_TEST_FRAME void dump_test_outer(weft::event& e) {
    dump_test_inner(e);
    asm volatile("");
}

namespace {

std::string dump_of(weft::runtime& rt) {
    std::ostringstream out;
    weft::dump_tasks(out, rt);
    return out.str();
}

/// Until the dump says so: a task is on its way into its wait.
std::string dump_with(weft::runtime& rt, const std::string& what) {
    for (;;) {
        std::string text = dump_of(rt);
        if (text.find(what) != std::string::npos) return text;
        std::this_thread::yield();
    }
}

constexpr bool k_can_read_stacks =
#if defined(__x86_64__)
    true;
#else
    false;
#endif

} // namespace

TEST_CASE("DBG-05: a dump says of each task what it waits for, since when, and where",
          "[observe]") {
    leak_fixture nothing_leaks;
    const unsigned workers = GENERATE(1U, 2U, 4U);
    CAPTURE(workers);
    weft::runtime rt({.workers = workers});
    weft::event go;
    auto t = rt.spawn({.name = "waiter"}, [&] { dump_test_outer(go); });
    const std::string text = dump_with(rt, "waits for an event");
    CHECK(std::regex_search(text,
                            std::regex("task 'waiter'.*: waits for an event, for [0-9]+ ms\n")));
    CHECK(text.find("live tasks: 1\n") != std::string::npos);
    if (k_can_read_stacks) {
        const std::size_t inner = text.find("at dump_test_inner + "),
                          outer = text.find("at dump_test_outer + ");
        CHECK(inner != std::string::npos);
        CHECK(outer != std::string::npos);
        CHECK(inner < outer);
    }
    go.set();
    t.get();
}

TEST_CASE("a dump names each kind of wait", "[observe]") {
    leak_fixture nothing_leaks;
    weft::runtime rt({.workers = 2});
    weft::mutex m;
    weft::shared_mutex sm;
    weft::counting_semaphore<> s(0);
    weft::latch l(1);
    weft::barrier b(2);
    weft::condition_variable cv;
    weft::queue<int> empty, full(1), undone;
    weft::channel<int> c(0), c2(0), c3(0);
    weft::promise<int> p, p2;
    const auto never = [](auto f) {
        return [f] {
            try {
                f();
            } catch (const weft::cancelled_error&) {}
        };
    };
    m.lock();
    sm.lock();
    full.put_nowait(1);
    undone.put_nowait(1);
    weft::mutex own;
    struct {
        const char* name;
        const char* says;
        weft::task<void> task;
    } cases[] = {
        {"a", "a point in time", rt.spawn({.name = "a"}, never([] { weft::sleep_for(1h); }))},
        {"b", "a future", rt.spawn({.name = "b"}, never([f = p.get_future()] { f.get(); }))},
        {"c", "a mutex", rt.spawn({.name = "c"}, never([&] { m.lock(); }))},
        {"d", "a shared_mutex", rt.spawn({.name = "d"}, never([&] { sm.lock_shared(); }))},
        {"e", "a semaphore", rt.spawn({.name = "e"}, never([&] { s.acquire(); }))},
        {"f", "a latch", rt.spawn({.name = "f"}, never([&] { l.wait(); }))},
        {"g", "a barrier", rt.spawn({.name = "g"}, never([&] { b.arrive_and_wait(); }))},
        {"h", "a condition_variable", rt.spawn({.name = "h"}, never([&] {
                                                   std::unique_lock lock(own);
                                                   cv.wait(lock);
                                               }))},
        {"i", "an item in a queue", rt.spawn({.name = "i"}, never([&] { empty.get(); }))},
        {"j", "room in a queue", rt.spawn({.name = "j"}, never([&] { full.put(2); }))},
        {"k", "a queue's items to be done", rt.spawn({.name = "k"}, never([&] { undone.join(); }))},
        {"l", "a receiver at a channel", rt.spawn({.name = "l"}, never([&] { c.send(1); }))},
        {"m", "an item from a channel", rt.spawn({.name = "m"}, never([&] { c2.recv(); }))},
        {"n", "several futures",
         rt.spawn({.name = "n"}, never([f = p2.get_future()] {
                      weft::gather(f, weft::create_task([] { weft::sleep_for(1h); }));
                  }))},
    };
    for (auto& one : cases) {
        CAPTURE(one.name, one.says);
        const std::string says = std::string(": waits for ") + one.says + ", for ";
        const std::string text = dump_with(rt, says);
        CHECK(std::regex_search(text,
                                std::regex(std::string("task '") + one.name + "'[^\n]*" + says)));
    }
    for (auto& one : cases) one.task.cancel();
    for (auto& one : cases) weft::task_handle(one.task).wait();
    m.unlock();
    sm.unlock();
}

TEST_CASE("a dump tells of tasks that run, and of those that are bound to a busy thread",
          "[observe]") {
    leak_fixture nothing_leaks;
    weft::runtime rt(
        {.workers = 1, .max_spares = 0, .slow_task_after = 1h, .slow_task_stack = true});
    std::atomic<bool> runs{false}, over{false};
    auto busy = rt.spawn({.name = "busy"}, [&] {
        auto behind = weft::create_task({.name = "bound", .pinned = true}, [] {
            weft::yield();
            weft::yield();
        });
        weft::yield(); // it has begun, and is ready here
        runs = true;
        while (!over) std::this_thread::yield();
        weft::await(behind);
    });
    while (!runs) std::this_thread::yield();
    const std::string text = dump_with(rt, "bound to worker");
    over = true;
    CHECK(std::regex_search(text, std::regex("task 'busy'.*: runs on worker 0\n")));
    CHECK(std::regex_search(
        text,
        std::regex("task 'bound'.*: ready to run, but bound to worker 0, which runs another one")));
    CHECK(text.find("    at ") != std::string::npos); // of the one that runs
    busy.get();
}

TEST_CASE("a dump says which task awaits which, and finds those that wait for each other",
          "[observe]") {
    leak_fixture nothing_leaks;
    weft::runtime rt({.workers = 2});
    weft::promise<weft::task<void>> other;
    auto first = rt.spawn({.name = "first"}, [f = other.get_future()] {
        auto t = f.get();
        weft::task_handle(t).wait();
    });
    auto second = rt.spawn({.name = "second"}, [first] { weft::task_handle(first).wait(); });
    auto third = rt.spawn({.name = "third"}, [second] { weft::task_handle(second).wait(); });
    (void)dump_with(rt, "waits for task 'second'"); // so the third does
    other.set_value(second);
    const std::string text = dump_with(rt, "wait for each other");
    CHECK(std::regex_search(text, std::regex("task 'third'.*: waits for task 'second', for ")));
    CHECK(std::regex_search(
        text,
        std::regex(
            "will for ever: '(first' for 'second' for 'first|second' for 'first' for 'second)'")));
    CHECK(text.find("third' for") == std::string::npos); // it is in no circle
    first.cancel();
    weft::task_handle(third).wait();
    weft::task_handle(first).wait();
}

TEST_CASE("GRN-26: the calls of a suspended greenlet, and of those below it, are read without "
          "resuming it",
          "[observe]") {
    if (!k_can_read_stacks) return;
    weft::greenlet<>([] {}).switch_to(); // the pool of greenlets' stacks is the process's
    leak_fixture nothing_leaks;
    weft::runtime rt({.workers = 1});
    weft::event go;
    auto t = rt.spawn({.name = "root"}, [&] {
        weft::greenlet<> inner([&] { dump_test_inner(go); });
        inner.switch_to();
    });
    const std::string text = dump_with(rt, "waits for an event");
    const std::size_t waits = text.find("at dump_test_inner + "), switches = text.find("strand::");
    CHECK(waits != std::string::npos);
    CHECK(switches != std::string::npos); // the root, in its switch
    CHECK(waits < switches);
    go.set();
    t.get();
}

TEST_CASE("a dump shows a parked coroutine, which has no stack", "[observe]") {
    leak_fixture nothing_leaks;
    weft::runtime rt({.workers = 2});
    weft::event go;
    struct program {
        static weft::co_task<void> waits(weft::event& e) { co_await weft::co::wait(e); }
    };
    auto t = rt.block_on([&] { return weft::create_task({.name = "co"}, program::waits(go)); });
    const std::string text = dump_with(rt, "waits for an event");
    CHECK(std::regex_search(text,
                            std::regex("task 'co'.*: waits for an event, for [0-9]+ ms\n    at ")));
    CHECK(text.find("    at ", text.find("    at ") + 1) ==
          std::string::npos); // one frame: its own
    go.set();
    t.get();
}

TEST_CASE("a dump says how long a wait lasts, also when the clock is read by nobody", "[observe]") {
    leak_fixture nothing_leaks;
    weft::runtime rt({.workers = 1});
    weft::event go;
    auto t = rt.spawn({.name = "waiter"}, [&] { go.wait(); });
    dump_with(rt, "waits for an event");
    std::this_thread::sleep_for(1100ms); // real: the dump tells real time
    const std::string text = dump_of(rt);
    std::smatch found;
    REQUIRE(
        std::regex_search(text, found, std::regex("waits for an event, for ([0-9]+\\.[0-9]) s")));
    CHECK(std::stod(found[1]) >= 1.0);
    go.set();
    t.get();
}

TEST_CASE("a dump of all runtimes names an event_loop as what nobody else serves", "[observe]") {
    leak_fixture nothing_leaks;
    weft::runtime other({.workers = 1});
    weft::event go;
    auto t = other.spawn({.name = "elsewhere"}, [&] { go.wait(); });
    dump_with(other, "waits for an event");
    weft::event_loop loop;
    std::ostringstream out;
    loop.run_until_complete([&] {
        auto child = weft::create_task({.name = "child"}, [] { weft::sleep_for(1ms); });
        weft::yield();
        weft::dump_tasks(out);
        weft::await(child);
    });
    const std::string text = out.str();
    CHECK(text.find("an event_loop; nobody else runs its tasks and callbacks") !=
          std::string::npos);
    CHECK(text.find("task 'elsewhere'") != std::string::npos);
    CHECK(std::regex_search(text, std::regex("task 'child'.*: waits for a point in time")));
    go.set();
    t.get();
}

TEST_CASE("dumps beside tasks that wait, wake and cancel each other lose none of it", "[observe]") {
    leak_fixture nothing_leaks;
    const unsigned workers = GENERATE(1U, 2U, 4U);
    CAPTURE(workers);
    weft::runtime rt({.workers = workers});
    constexpr int k_pairs = 8, k_turns = 500;
    std::atomic<int> turns{0}, cancelled{0};
    std::vector<weft::task<void>> tasks;
    for (int i = 0; i < k_pairs; ++i)
        tasks.push_back(rt.spawn([&] {
            weft::channel<int> there(0), back(0);
            auto echo = weft::create_task([&] {
                for (int v; (v = *there.recv()) >= 0;) back.send(v);
            });
            for (int n = 0; n < k_turns; ++n) {
                there.send(n);
                if (back.recv() == n) ++turns;
                auto victim = weft::create_task([] { weft::sleep_for(1h); });
                weft::yield();
                victim.cancel();
                weft::task_handle(victim).wait();
                if (victim.cancelled()) ++cancelled;
            }
            there.send(-1);
            weft::await(echo);
        }));
    const auto all_done = [&] {
        for (auto& t : tasks)
            if (!t.done()) return false;
        return true;
    };
    do { CHECK(dump_of(rt).find("live tasks") != std::string::npos); } while (!all_done());
    for (auto& t : tasks) t.get();
    CHECK(turns == k_pairs * k_turns);
    CHECK(cancelled == k_pairs * k_turns);
}
