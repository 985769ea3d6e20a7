// SPDX-License-Identifier: Apache-2.0
// Whatever some tasks do without end, the others get their turn: sockets, timers, tasks from outside, and plain tasks.
#include <functional>
#include <thread>

#include "net_support.hpp"

using namespace std::chrono_literals;
using namespace weft::testing;

namespace {

struct storm {
    const char* name;
    /// Goes on until it is told to end; starts tasks in the group.
    void (*start)(weft::task_group& in, std::atomic<bool>& over);
};

void pairs_that_wake_each_other(weft::task_group& in, std::atomic<bool>& over) {
    for (int pair = 0; pair < 4; ++pair)
        in.create_task([&over] {
            weft::channel<int> ping(1), pong(1);
            auto other = weft::create_task([&] {
                while (ping.recv()) pong.send(1);
            });
            while (!over) {
                ping.send(1);
                pong.recv();
            }
            ping.close();
            weft::await(other);
        });
}

void tasks_that_yield(weft::task_group& in, std::atomic<bool>& over) {
    for (int i = 0; i < 100; ++i)
        in.create_task([&over] {
            while (!over) weft::yield();
        });
}

/// Each callback completes a future whose callback does the same.
void again(std::atomic<bool>& over, weft::event& ended) {
    if (over) return ended.set();
    weft::promise<int> next;
    next.get_future().add_done_callback([&] { again(over, ended); });
    next.set_value(1);
}
void callbacks_that_call_back(weft::task_group& in, std::atomic<bool>& over) {
    for (int i = 0; i < 4; ++i)
        in.create_task([&over] {
            weft::event ended;
            again(over, ended);
            ended.wait();
        });
}

void timers_that_are_due(weft::task_group& in, std::atomic<bool>& over) {
    for (int i = 0; i < 100; ++i)
        in.create_task([&over] {
            while (!over) weft::sleep_for(1ns);
        });
}

void sockets_that_are_ready(weft::task_group& in, std::atomic<bool>& over) {
    for (int i = 0; i < 4; ++i)
        in.create_task([&over] {
            stream_pair s;
            auto reader = weft::create_task([&] {
                char buffer[64];
                while (s.server.read_some(buffer) != 0) {}
            });
            const std::string block(4096, 'x');
            while (!over) s.client.write_all(block);
            s.client.close();
            weft::await(reader);
        });
}

void tasks_that_start_tasks(weft::task_group& in, std::atomic<bool>& over) {
    for (int i = 0; i < 4; ++i)
        in.create_task([&over] {
            while (!over) weft::await(weft::create_task([] {}));
        });
}

} // namespace

TEST_CASE(
    "RTM-03 RTM-04: fairness: no storm starves sockets, timers, tasks from outside or other tasks",
    "[net][fairness]") {
    const storm s =
        GENERATE(storm{"pairs", pairs_that_wake_each_other}, storm{"yields", tasks_that_yield},
                 storm{"callbacks", callbacks_that_call_back}, storm{"timers", timers_that_are_due},
                 storm{"sockets", sockets_that_are_ready}, storm{"tasks", tasks_that_start_tasks});
    const unsigned workers = GENERATE(1U, 2U);
    CAPTURE(s.name, workers);
    const leak_fixture nothing_leaks;
    constexpr int k_turns = 20;
    std::atomic<bool> over{false};
    std::atomic<int> echoes{0}, naps{0}, turns{0}, from_outside{0};
    weft::runtime rt({.workers = workers});
    std::thread outside;
    rt.block_on([&] {
        weft::task_group group;
        s.start(group, over);
        weft::task_group victims;
        victims.create_task([&] {
            stream_pair p;
            auto echo = weft::create_task([&] {
                for (int i = 0; i < k_turns; ++i) p.server.write_all(read_exactly(p.server, 3));
            });
            for (int i = 0; i < k_turns; ++i) {
                p.client.write_all(std::string("abc"));
                if (read_exactly(p.client, 3) == "abc") ++echoes;
            }
            weft::await(echo);
        });
        victims.create_task([&] {
            for (int i = 0; i < 5; ++i) {
                weft::sleep_for(1ms);
                ++naps;
            }
        });
        victims.create_task([&] {
            for (int i = 0; i < k_turns; ++i) {
                weft::yield();
                ++turns;
            }
        });
        outside = std::thread([&] {
            for (int i = 0; i < k_turns; ++i) from_outside += rt.spawn([] { return 1; }).get();
        });
        victims.join();
        while (from_outside < k_turns) weft::sleep_for(1ms);
        over = true;
        group.join();
    });
    outside.join();
    CHECK(echoes == k_turns);
    CHECK(naps == 5);
    CHECK(turns == k_turns);
    CHECK(from_outside == k_turns);
}
