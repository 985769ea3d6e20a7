// SPDX-License-Identifier: Apache-2.0
#include "base/thread_stack.hpp"

#include <catch2/catch.hpp>

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>

using namespace weft::detail;

// Not in a nameless namespace, so that its name can be found.
namespace weft::testing {
[[gnu::noinline]] void stay_here_until(const std::atomic<bool>& over) {
    while (!over) {}
}
} // namespace weft::testing

namespace {

/// A thread in stay_here_until; at first it may mask all signals, until it is told to listen.
class sitter {
public:
    explicit sitter(bool deaf = false) : listens_(!deaf) {
        while (id_ == 0) std::this_thread::yield();
    }
    ~sitter() {
        listens_ = over_ = true;
        thread_.join();
    }
    [[nodiscard]] int id() const { return id_; }
    void listen() { listens_ = true; }

private:
    std::atomic<int> id_{0};
    std::atomic<bool> listens_, over_{false};
    std::thread thread_{[this] {
        sigset_t all;
        sigfillset(&all);
        if (!listens_) pthread_sigmask(SIG_BLOCK, &all, nullptr);
        id_ = gettid();
        while (!listens_) {}
        pthread_sigmask(SIG_UNBLOCK, &all, nullptr);
        weft::testing::stay_here_until(over_);
    }};
};

bool is_in_stay_here(int thread_id) {
    std::string text;
    for (const void* frame : stack_of_thread(thread_id)) text += describe_code(frame) + "\n";
    return text.find("weft::testing::stay_here_until") != std::string::npos;
}

} // namespace

TEST_CASE("thread stack: of a thread that computes, as often as one asks", "[base]") {
    prepare_thread_stacks();
    prepare_thread_stacks(); // once is enough, twice is no harm
    const sitter s;
    int found = 0;
    for (int i = 0; i < 50; ++i) found += is_in_stay_here(s.id());
    CHECK(found >= 1); // it may not have come there at first, or get no core for a while
}

TEST_CASE("thread stack: nothing of who is not there; who answers too late disturbs nobody",
          "[base]") {
    prepare_thread_stacks();
    CHECK(stack_of_thread(1 << 30).empty());
    sitter deaf(true);
    CHECK(stack_of_thread(deaf.id()).empty());
    deaf.listen(); // now it gets the signal of a question that is closed
    bool answers = false;
    for (int i = 0; i < 100 && !answers; ++i) answers = is_in_stay_here(deaf.id());
    CHECK(answers);
}

TEST_CASE("code addresses are described by function and module, or as numbers", "[base]") {
    CHECK_THAT(describe_code(reinterpret_cast<const void*>(&weft::testing::stay_here_until)),
               Catch::StartsWith("weft::testing::stay_here_until(") &&
                   Catch::Contains(" + 0x0 (") && Catch::EndsWith(")"));
    CHECK(describe_code(reinterpret_cast<const void*>(16)) == "0x10");
}
