// SPDX-License-Identifier: Apache-2.0
#include "unit/sync/crew.hpp"

#include <catch2/catch.hpp>

#include <shared_mutex>
#include <string>

using namespace weft::testing;
using namespace std::chrono_literals;

TEST_CASE("LCK-10: readers share, a writer has it alone", "[sync]") {
    weft::shared_mutex m;
    m.lock_shared();
    CHECK(m.try_lock_shared());
    CHECK_FALSE(m.try_lock());
    CHECK_FALSE(m.try_lock_for(1ms));
    m.unlock_shared();
    m.unlock_shared();
    {
        const std::unique_lock writing(m);
        CHECK_FALSE(m.try_lock_shared());
        CHECK_FALSE(m.try_lock_shared_for(1ms));
        CHECK_FALSE(m.try_lock_shared_until(std::chrono::steady_clock::now()));
        CHECK_FALSE(m.try_lock_until(std::chrono::steady_clock::now()));
    }
    const std::shared_lock reading(m);
    CHECK(m.try_lock_shared_for(0s));
    m.unlock_shared();
}

TEST_CASE("LCK-10: a writer that waits holds up later readers; who waits is served in order",
          "[sync]") {
    weft::shared_mutex m;
    std::string order;
    crew c({1});
    m.lock_shared();
    std::size_t waiting = 0;
    const auto add = [&](char name, bool reads) {
        c.start([&, name, reads] {
            reads ? m.lock_shared() : m.lock();
            order += name;
            weft::yield();
            order += static_cast<char>(name + 32);
            reads ? m.unlock_shared() : m.unlock();
        });
        ++waiting;
        until([&] { return probe::waiting(m) == waiting; });
    };
    add('W', false);
    CHECK_FALSE(m.try_lock_shared()); // though only readers have it
    add('A', true);
    add('B', true);
    add('X', false);
    add('C', true);
    m.unlock_shared();
    c.join();
    CHECK(order == "WwABabXxCc");
}

TEST_CASE("a writer that gives up lets in the readers behind it", "[sync]") {
    const setting s = GENERATE(WEFT_TASK_SETTINGS);
    CAPTURE(s);
    weft::shared_mutex m;
    crew c(s);
    m.lock_shared();
    std::atomic<bool> cancelled{false}, read{false};
    auto writer = c.start_task([&] { cancelled = was_cancelled([&] { m.lock(); }); });
    until([&] { return probe::waiting(m) == 1; });
    c.start([&] {
        m.lock_shared();
        read = true;
        m.unlock_shared();
    });
    until([&] { return probe::waiting(m) == 2; });
    CHECK_FALSE(read);
    writer.cancel();
    c.join(); // the reader did not wait for our unlock
    CHECK(read);
    CHECK(cancelled);
    m.unlock_shared();
    CHECK(m.try_lock());
    m.unlock();
}

TEST_CASE("readers and writers that race, time out and are cancelled leave data whole", "[sync]") {
    const setting s = GENERATE(WEFT_EVERY_SETTING);
    CAPTURE(s);
    weft::shared_mutex m;
    long a = 0, b = 0;
    std::atomic<long> writes{0};
    std::atomic<bool> torn{false};
    std::vector<weft::task_handle> handles;
    {
        crew c(s);
        for (int i = 0; i < 6; ++i) {
            handles.push_back(c.start([&, i] {
                for (int n = 0; n < 300; ++n) {
                    try {
                        if (i < 2) {
                            if (n % 3 == 0 && !m.try_lock_for(20us)) continue;
                            if (n % 3 != 0) m.lock();
                            ++a;
                            if (n % 7 == 0) {
                                const weft::mask_cancel m_cancel;
                                weft::yield();
                            }
                            ++b;
                            ++writes;
                            m.unlock();
                        } else {
                            const std::shared_lock lock(m);
                            if (a != b) torn = true;
                        }
                    } catch (const weft::cancelled_error&) {} // it waited, and has nothing
                }
            }));
            if (i >= 2 && handles.back().valid() && i % 2 == 0) handles.back().cancel();
        }
    }
    CHECK_FALSE(torn);
    CHECK(a == writes);
    CHECK(b == writes);
    CHECK(m.try_lock());
    m.unlock();
}
