// SPDX-License-Identifier: Apache-2.0
#include <weft/context/switch.hpp>

#include <catch2/catch.hpp>

#include <cerrno>
#include <cfenv>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <string>
#include <thread>

#include <weft/base/unique_function.hpp>

#include "base/signal_print.hpp"
#include "context/overflow.hpp"
#include "context/stack_pool.hpp"
#include "support/child.hpp"
#include "support/mapped_bytes.hpp"
#include <weft/context/canary.hpp>

using namespace weft::detail;
using namespace weft::testing;

namespace {

// The calling thread's own stack, for as long as this lives.
class adopted {
public:
    adopted() : before_(current_stack()) { adopt_thread(stack_, state_); }
    ~adopted() {
        release_thread(stack_);
        weft_current_stack = before_;
    }
    adopted(const adopted&) = delete;
    adopted& operator=(const adopted&) = delete;

private:
    stack_head* before_;
    stack stack_;
    thread_state state_;
};

// A body on a stack of its own. Who resumes it has adopted its thread.
class routine {
public:
    explicit routine(weft::unique_function<void(routine&)> body)
        : own(*map_single_stack(64 * 1024, begin)),
          body_(std::move(body)) {
        own.owner = reinterpret_cast<fiber*>(this); // looked at by begin alone
    }
    ~routine() { unmap_single_stack(&own); }
    routine(const routine&) = delete;
    routine& operator=(const routine&) = delete;

    void resume() {
        while (!own.saved.load(std::memory_order_acquire)) std::this_thread::yield();
        caller_ = static_cast<stack*>(current_stack());
        switch_stacks(*caller_, own, after_save);
    }
    void leave() {
        own.saved.store(false, std::memory_order_relaxed);
        switch_stacks(own, *caller_, after_save);
    }
    [[nodiscard]] bool done() const { return done_; }

    stack& own;

private:
    static void begin(stack& s) {
        routine& self = *reinterpret_cast<routine*>(s.owner);
        self.body_(self);
        self.done_ = true;
        self.leave();
    }
    weft::unique_function<void(routine&)> body_;
    stack* caller_ = nullptr;
    bool done_ = false;
};

// Each in a function of its own: the compiler takes errno's address for a constant, also across a switch.
[[gnu::noinline]] int get_errno() { return errno; }
[[gnu::noinline]] void set_errno(int value) { errno = value; }

// Leaves inside a catch block, and rethrows what it finds there when it is resumed.
auto rethrower(const char* what, std::string& seen) {
    return [what, &seen](routine& self) {
        try {
            throw std::runtime_error(what);
        } catch (...) {
            self.leave();
            try {
                throw;
            } catch (const std::runtime_error& e) { seen = e.what(); }
        }
    };
}

} // namespace

TEST_CASE("a switch goes on where the other stack left off", "[context]") {
    const adopted here;
    std::string order;
    routine r([&](routine& self) {
        order += "b";
        self.leave();
        order += "d";
    });
    CHECK(current_stack() != &r.own);
    order += "a";
    r.resume();
    order += "c";
    CHECK_FALSE(r.done());
    r.resume();
    CHECK(r.done());
    CHECK(order == "abcd");
}

TEST_CASE("the current stack is the one that runs", "[context]") {
    const adopted here;
    const stack_head* mine = current_stack();
    REQUIRE(mine != nullptr);
    const stack_head* inside = nullptr;
    const void* frame = nullptr;
    routine r([&](routine&) {
        inside = current_stack();
        frame = __builtin_frame_address(0);
    });
    r.resume();
    CHECK(inside == &r.own);
    CHECK(frame >= static_cast<const void*>(r.own.low));
    CHECK(frame < static_cast<const void*>(&r.own)); // the header lies above the frames
    CHECK(current_stack() == mine);
}

TEST_CASE("what a switch touches of a stack's header lies in two cache lines", "[context]") {
    const stack s;
    const auto line_of = [&](const void* field) {
        return (static_cast<const char*>(field) - reinterpret_cast<const char*>(&s)) / 64;
    };
    REQUIRE(reinterpret_cast<std::uintptr_t>(&s) % 64 == 0);
    CHECK(line_of(&s.owner) == 1);
    CHECK(line_of(&s.greenlets) == 1);
    CHECK(line_of(&s.fp) == 1);
    CHECK(line_of(&s.runner) == 1);
    CHECK(line_of(&s.where) == 2);
    CHECK(line_of(&s.after) == 2);
    CHECK(line_of(&s.thread) == 2);
    CHECK(line_of(&s.eh) == 2);
    CHECK(line_of(&s.error) == 2);
    CHECK(line_of(&s.saved) == 2);
    CHECK(line_of(&s.guard) == 2);
}

TEST_CASE("a stack may resume another one, which leaves to it", "[context]") {
    const adopted here;
    std::string order;
    routine inner([&](routine& self) {
        order += "2";
        self.leave();
        order += "4";
    });
    routine outer([&](routine&) {
        order += "1";
        inner.resume();
        order += "3";
        inner.resume();
        order += "5";
    });
    outer.resume();
    CHECK(inner.done());
    CHECK(outer.done());
    CHECK(order == "12345");
}

TEST_CASE("two stacks suspended inside catch blocks rethrow each its own exception", "[context]") {
    const adopted here;
    std::string seen_a, seen_b, seen_here;
    routine a(rethrower("of a", seen_a));
    routine b(rethrower("of b", seen_b));
    try {
        throw std::runtime_error("of the thread");
    } catch (...) {
        a.resume();
        b.resume();
        a.resume(); // first in, first out: a thread's own record would be a mess
        b.resume();
        try {
            throw;
        } catch (const std::runtime_error& e) { seen_here = e.what(); }
    }
    CHECK(std::current_exception() == nullptr);
    CHECK(seen_a == "of a");
    CHECK(seen_b == "of b");
    CHECK(seen_here == "of the thread");
}

TEST_CASE("a stack parked inside a catch block rethrows the right exception on another thread",
          "[context]") {
    std::string seen_a, seen_b, seen_there;
    routine a(rethrower("of a", seen_a));
    routine b(rethrower("of b", seen_b));
    std::thread([&] {
        const adopted there;
        a.resume();
    }).join();
    {
        const adopted here;
        b.resume();
    }
    std::thread([&] {
        const adopted there;
        try {
            throw std::runtime_error("of the other thread");
        } catch (...) {
            a.resume();
            b.resume();
            try {
                throw;
            } catch (const std::runtime_error& e) { seen_there = e.what(); }
        }
    }).join();
    CHECK(a.done());
    CHECK(b.done());
    CHECK(seen_a == "of a");
    CHECK(seen_b == "of b");
    CHECK(seen_there == "of the other thread");
}

TEST_CASE("every stack counts its own uncaught exceptions, on whichever thread", "[context]") {
    int before = -1, after = -1, beside = -1, then = -1;
    routine unwinds([&](routine& self) {
        struct leaves {
            routine& self;
            int &before, &after;
            ~leaves() {
                before = std::uncaught_exceptions();
                self.leave();
                after = std::uncaught_exceptions();
            }
        };
        try {
            const leaves l{self, before, after};
            throw 1;
        } catch (int) { then = std::uncaught_exceptions(); }
    });
    {
        const adopted here;
        unwinds.resume();
        CHECK(std::uncaught_exceptions() == 0);
        routine other([&](routine&) { beside = std::uncaught_exceptions(); });
        other.resume();
    }
    int there = -1;
    std::thread([&] {
        const adopted a;
        unwinds.resume();
        there = std::uncaught_exceptions();
    }).join();
    CHECK(unwinds.done());
    CHECK(before == 1);
    CHECK(after == 1);
    CHECK(then == 0);
    CHECK(beside == 0);
    CHECK(there == 0);
}

TEST_CASE("errno belongs to the stack and moves with it", "[context]") {
    int seen = 0, seen_other = 0;
    routine r([&](routine& self) {
        set_errno(ENOENT);
        self.leave();
        seen = get_errno();
    });
    routine other([&](routine& self) {
        set_errno(EBUSY);
        self.leave();
        seen_other = get_errno();
    });
    {
        const adopted here;
        set_errno(EINTR);
        r.resume();
        other.resume();
        const int mine = get_errno();
        CHECK(mine == EINTR);
    }
    int there = 0;
    std::thread([&] {
        const adopted a;
        set_errno(EPERM);
        r.resume();
        other.resume();
        there = get_errno();
    }).join();
    CHECK(seen == ENOENT);
    CHECK(seen_other == EBUSY);
    CHECK(there == EPERM);
}

TEST_CASE("the rounding mode follows the stack", "[context]") {
    const adopted here;
    int inside = -1;
    routine r([&](routine& self) {
        fesetround(FE_UPWARD);
        self.leave();
        inside = fegetround();
    });
    r.resume();
    CHECK(fegetround() == FE_TONEAREST);
    fesetround(FE_DOWNWARD);
    r.resume();
    const int back = fegetround();
    fesetround(FE_TONEAREST);
    CHECK(back == FE_DOWNWARD);
    CHECK(inside == FE_UPWARD);
}

TEST_CASE("a stack wanders over threads many times and keeps its frames", "[context]") {
    constexpr int k_hops = 100;
    long sum = 0;
    routine r([&](routine& self) {
        for (int i = 0; i < k_hops; ++i) {
            const volatile int kept = i;
            self.leave();
            sum += kept;
        }
    });
    for (int hop = 0; hop <= k_hops; ++hop)
        std::thread([&] {
            const adopted a;
            r.resume();
        }).join();
    CHECK(r.done());
    CHECK(sum == k_hops * (k_hops - 1) / 2);
}

TEST_CASE("an unmapped stack leaves nothing mapped, under the sanitizers neither", "[context]") {
    const bool from_a_pool = GENERATE(true, false);
    CAPTURE(from_a_pool);
    constexpr std::size_t k_stacks = 64;
    static stack* visitor;
    const auto main = [](stack& s) {
        const char frame[64] = {}; // ASAN wants a second place for it
        asm volatile("" : : "r"(&frame) : "memory");
        for (;;) switch_stacks(s, *visitor, after_save);
    };
    const adopted here;
    visitor = static_cast<stack*>(current_stack());
    const auto visit = [](stack* s) { switch_stacks(*visitor, *s, after_save); };
    const auto use_stacks = [&] {
        if (!from_a_pool) {
            for (std::size_t i = 0; i < k_stacks; ++i) {
                stack* s = map_single_stack(64 * 1024, main);
                visit(s);
                unmap_single_stack(s);
            }
            return;
        }
        stack_pool pool(64 * 1024, main);
        pool.reserve(k_stacks);
        for (std::size_t i = 0; i < k_stacks; ++i) visit(pool.take());
        pool.unreserve(k_stacks);
    };
    use_stacks(); // what the first time allocates for good
    const std::size_t before = mapped_bytes();
    for (int round = 0; round < 4; ++round) use_stacks();
    CHECK(mapped_bytes() < before + 32 * 1024 * 1024); // a fake stack of ASAN's has 2.8 MiB
}

TEST_CASE("what runs after a save is run on the next stack, with the one that was left",
          "[context]") {
    static const stack* left;
    static const stack_head* on;
    static bool was_saved;
    const adopted here;
    stack& mine = *static_cast<stack*>(current_stack());
    routine through([&](routine& self) { self.leave(); });
    through.resume();
    mine.saved.store(false, std::memory_order_relaxed);
    switch_stacks(mine, through.own, [](stack& s) {
        left = &s;
        on = current_stack();
        was_saved = s.saved.load();
        after_save(s);
    });
    CHECK(left == &mine);
    CHECK(on == &through.own);
    CHECK_FALSE(was_saved);
    CHECK(mine.saved);
    CHECK(through.done());
}

TEST_CASE("a stack that writes over its canary is reported when it leaves", "[context]") {
    const bool overflows = GENERATE(true, false);
    CAPTURE(overflows);
    const child_end end = in_child([overflows] {
        // A scheduler of an earlier test has left a printer that takes the owner for a fiber.
        install_overflow_handler([](int fd, const stack&) { signal_print(fd, "a routine"); });
        const adopted here;
        routine r([&](routine& self) {
            if (overflows) std::memset(self.own.low, 0, 16);
            self.leave();
        });
        r.own.guard = guard_kind::canary;
        place_canary(r.own);
        r.resume();
        r.resume();
        return r.done() ? 0 : 1;
    });
    CAPTURE(end.said);
    if (overflows) {
        CHECK(end.killed_by(SIGABRT));
        CHECK(end.said.find("weft: stack overflow in a routine") != std::string::npos);
        CHECK(end.said.find(" KiB: raise runtime_options::stack_size") != std::string::npos);
    } else {
        CHECK(end.exited_with(0));
        CHECK(end.said.empty());
    }
}
