// SPDX-License-Identifier: Apache-2.0
#include "context/stack_pool.hpp"

#include <catch2/catch.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "base/signal_print.hpp"
#include "context/guard.hpp"
#include "context/overflow.hpp"
#include "support/child.hpp"
#include "support/mapped_bytes.hpp"
#include <weft/context/switch.hpp>

using namespace weft::detail;
using namespace weft::testing;

namespace {

void never_run(stack&) { std::abort(); }

std::uintptr_t address(const void* p) { return reinterpret_cast<std::uintptr_t>(p); }

// Whether the kernel could read the byte; asks it, so nobody faults.
bool is_readable(const void* p) {
    int ends[2];
    if (pipe(ends) != 0) return false;
    const bool read = write(ends[1], p, 1) == 1;
    const int error = errno;
    close(ends[0]);
    close(ends[1]);
    if (!read && error != EFAULT) throw std::system_error(error, std::generic_category(), "write");
    return read;
}

bool is_mapped(void* page) {
    unsigned char resident = 0;
    return mincore(page, 1, &resident) == 0;
}

// Two pages to try guards on.
class pages {
public:
    pages()
        : at(static_cast<std::byte*>(mmap(nullptr, 2 * page_size(), PROT_READ | PROT_WRITE,
                                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))) {
        if (at == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
        at[0] = at[page_size()] = std::byte{1};
    }
    ~pages() { munmap(at, 2 * page_size()); }
    pages(const pages&) = delete;
    pages& operator=(const pages&) = delete;
    std::byte* const at;
};

// For RLIMIT_AS: what is mapped now, and that much more.
bool limit_address_space(std::size_t more) {
    const std::size_t used = mapped_bytes();
    const rlimit limit{used + more, RLIM_INFINITY};
    return used != 0 && setrlimit(RLIMIT_AS, &limit) == 0;
}

} // namespace

// ---- guards ------------------------------------------------------------------------------------

TEST_CASE("a guard makes its page fault, and no other", "[context]") {
    const int skip = GENERATE(0, 1);
    CAPTURE(skip);
    const pages p;
    const guard_kind kind = install_guard(p.at, skip);
    if (skip == 0)
        CHECK((kind == guard_kind::installed ||
               kind == guard_kind::protected_page)); // as the kernel can
    else
        CHECK(kind == guard_kind::protected_page);
    CHECK_FALSE(is_readable(p.at));
    CHECK_FALSE(is_readable(p.at + page_size() - 1));
    CHECK(is_readable(p.at + page_size()));
    CHECK(p.at[page_size()] == std::byte{1});
}

TEST_CASE("without any way to make the page fault, a canary is left to the caller", "[context]") {
    const pages p;
    CHECK(install_guard(p.at, 2) == guard_kind::canary);
    CHECK(is_readable(p.at));
    CHECK(p.at[0] == std::byte{1});
}

// ---- the pool ----------------------------------------------------------------------------------

TEST_CASE("stack sizes are rounded up to pages, and none is too small to use", "[context]") {
    const std::size_t page = page_size();
    CHECK(rounded_stack_size(0) == k_smallest_stack);
    CHECK(rounded_stack_size(1) == k_smallest_stack);
    CHECK(rounded_stack_size(16 * page) == 16 * page);
    CHECK(rounded_stack_size(16 * page + 1) == 17 * page);
    CHECK(rounded_stack_size(17 * page - 1) == 17 * page);
    CHECK(stack_pool(100'000, never_run).stack_size() == rounded_stack_size(100'000));
}

TEST_CASE("a pool hands out the stack that came back last", "[context]") {
    stack_pool pool(64 * 1024, never_run);
    pool.reserve(2);
    stack* a = pool.take();
    stack* b = pool.take();
    CHECK(a != b);
    pool.give_back(a);
    CHECK(pool.take() == a);
    pool.give_back(b);
    pool.give_back(a);
    CHECK(pool.take() == a);
    CHECK(pool.take() == b);
    pool.give_back(a);
    pool.give_back(b);
    pool.unreserve(2);
}

TEST_CASE("the stacks of a pool are distinct, guarded and usable over their whole size",
          "[context]") {
    constexpr std::size_t k_count = 300, k_size = 64 * 1024; // more than one slab
    stack_pool pool(k_size, never_run);
    std::vector<stack*> stacks;
    for (std::size_t made = 0; made < k_count; made += 100) {
        pool.reserve(100);
        for (int i = 0; i < 100; ++i) stacks.push_back(pool.take());
    }
    std::vector<std::pair<std::uintptr_t, std::uintptr_t>> ranges; // with guard and header
    for (stack* s : stacks) {
        ranges.emplace_back(address(s->low) - page_size(), address(s + 1));
        CHECK(address(s->low) % page_size() == 0);
        CHECK(s->low + s->size == reinterpret_cast<std::byte*>(s));
        CHECK(s->size > k_size - page_size()); // all but the header
        CHECK(s->guard != guard_kind::none);
        CHECK(s->saved);
        CHECK(s->context != nullptr);
        if (s->guard != guard_kind::canary) CHECK_FALSE(is_readable(s->low - 1));
        s->low[0] = s->low[s->size / 2] = std::byte{1};
    }
    std::sort(ranges.begin(), ranges.end());
    for (std::size_t i = 1; i < ranges.size(); ++i)
        REQUIRE(ranges[i - 1].second <= ranges[i].first);
    for (stack* s : stacks) pool.give_back(s);
    pool.unreserve(k_count);
}

TEST_CASE("the headers of neighbours lie in different sets of the cache", "[context]") {
    constexpr std::size_t k_neighbours = 16;
    stack_pool pool(64 * 1024, never_run);
    pool.reserve(2 * k_neighbours);
    std::vector<stack*> stacks;
    std::set<std::uintptr_t> offsets;
    for (std::size_t i = 0; i < 2 * k_neighbours; ++i) {
        stacks.push_back(pool.take());
        CHECK(address(stacks.back()) % alignof(stack) == 0);
        if (i < k_neighbours) offsets.insert(address(stacks.back()) % 4096);
    }
    CHECK(offsets.size() == k_neighbours);
    for (stack* s : stacks) pool.give_back(s);
    pool.unreserve(2 * k_neighbours);
}

TEST_CASE("what was reserved may be taken by threads at once, each stack by one", "[context]") {
    constexpr int k_threads = 4, k_each = 100;
    stack_pool pool(16 * 1024, never_run);
    std::vector<stack*> taken[k_threads];
    {
        std::vector<std::jthread> threads;
        for (auto& mine : taken)
            threads.emplace_back([&pool, &mine] {
                for (int i = 0; i < k_each; ++i) {
                    pool.reserve(1);
                    mine.push_back(pool.take());
                    if (i % 3 == 0) { // some travel
                        pool.give_back(mine.back());
                        mine.back() = pool.take();
                    }
                }
            });
    }
    std::set<stack*> all;
    for (const auto& t : taken) all.insert(t.begin(), t.end());
    CHECK(all.size() == k_threads * k_each);
    for (stack* s : all) pool.give_back(s);
    pool.unreserve(all.size());
}

TEST_CASE("a stack of another size has that size and is unmapped as a whole", "[context]") {
    const std::size_t size = GENERATE(std::size_t{1}, std::size_t{100'000}, std::size_t{1} << 20);
    CAPTURE(size);
    stack* s = map_single_stack(size, never_run);
    const std::size_t usable = rounded_stack_size(size), page = page_size();
    CHECK(s->single);
    CHECK(s->size > usable - page);
    CHECK(s->size < usable);
    std::byte* region = s->low - page;
    if (s->guard != guard_kind::canary) CHECK_FALSE(is_readable(region));
    std::size_t mapped = 0, left = 0;
    for (std::size_t at = 0; at < page + usable; at += page) mapped += is_mapped(region + at);
    unmap_single_stack(s);
    for (std::size_t at = 0; at < page + usable; at += page) left += is_mapped(region + at);
    CHECK(mapped == usable / page + 1);
    CHECK(left == 0);
}

TEST_CASE("stacks beyond the address space are refused, and the pool goes on", "[context]") {
    if constexpr (k_tsan || k_asan) return; // they need more address space than any limit leaves
    const child_end end = in_child([] {
        stack_pool pool(256 * 1024, never_run);
        pool.reserve(10);
        if (!limit_address_space(std::size_t{256} << 20)) return 1;
        try {
            pool.reserve(100'000);
            return 2;
        } catch (const std::system_error& e) {
            if (e.code() != std::error_code(ENOMEM, std::generic_category())) return 3;
        }
        for (int i = 0; i < 10; ++i) // what was promised before is still there
            if (pool.take() == nullptr) return 4;
        pool.reserve(64); // and so is room for a little more
        for (int i = 0; i < 64; ++i)
            if (pool.take() == nullptr) return 5;
        try {
            map_single_stack(std::size_t{1} << 30, never_run);
            return 6;
        } catch (const std::system_error& e) {
            if (e.code() != std::error_code(ENOMEM, std::generic_category())) return 7;
        }
        return 0;
    });
    CAPTURE(end.said);
    CHECK(end.exited_with(0));
}

TEST_CASE("absurd numbers and sizes of stacks are refused, and none wraps around to a small one",
          "[context]") {
    constexpr std::size_t k_most = ~std::size_t{0};
    const std::error_code none(ENOMEM, std::generic_category());
    const auto refused = [&](auto what) {
        try {
            what();
        } catch (const std::system_error& e) { return e.code() == none; }
        return false;
    };
    stack_pool pool(64 * 1024, never_run, 1);
    const std::size_t stride = pool.stack_size() + page_size();
    pool.reserve(1);
    for (const std::size_t count : {k_most, k_most - 1, k_most / stride + 2, k_most / stride}) {
        CAPTURE(count);
        CHECK(refused([&] { pool.reserve(count); }));
    }
    CHECK(pool.take() != nullptr);
    pool.reserve(1);
    CHECK(pool.take() != nullptr);
    for (const std::size_t size : {k_most, k_most - page_size(), k_most / 2 + 2}) {
        CAPTURE(size);
        CHECK(rounded_stack_size(size) > k_most / 8);
        CHECK(refused([&] { map_single_stack(size, never_run); }));
        CHECK(refused([&] { stack_pool(size, never_run).reserve(1); }));
    }
}

// ---- overflows ---------------------------------------------------------------------------------

namespace {

[[gnu::noinline]] int dig(int depth) {
    volatile char frame[512];
    frame[0] = static_cast<char>(depth);
    return depth == 0 ? 0 : dig(depth - 1) + frame[0];
}

[[noreturn]] void overflow(stack&) {
    dig(1'000'000);
    std::abort();
}

// In a process of its own, which has no handler yet.
[[noreturn]] void run_into_the_guard() {
    std::signal(SIGABRT, SIG_DFL); // Catch2's handler allocates
    static const signal_stack signals;
    install_overflow_handler([](int fd, const stack& s) {
        signal_print(fd, s.owner != nullptr ? "the test's task" : "nobody");
    });
    stack here;
    thread_state state;
    adopt_thread(here, state);
    stack* s = map_single_stack(64 * 1024, overflow);
    s->owner = reinterpret_cast<fiber*>(s); // anybody: only the printer asks
    switch_stacks(here, *s, after_save);
    std::abort();
}

} // namespace

TEST_CASE("an overflow into the guard page is reported with its owner", "[context]") {
    constexpr const char* k_variable = "WEFT_TEST_RUNS_INTO_THE_GUARD";
    if (std::getenv(k_variable) != nullptr) run_into_the_guard();
    {
        stack* s = map_single_stack(0, never_run);
        const bool has_page = s->guard != guard_kind::canary;
        unmap_single_stack(s);
        if (!has_page) return;
    }
    const child_end end = this_test_again(k_variable);
    CAPTURE(end.said);
    CHECK(end.killed_by(SIGABRT));
    CHECK(end.said.find("weft: stack overflow in the test's task; its stack has 64 KiB: raise") !=
          std::string::npos);
}

TEST_CASE("a fault that is no overflow goes to whoever handled faults before", "[context]") {
    constexpr const char* k_variable = "WEFT_TEST_FAULTS_ELSEWHERE";
    if (std::getenv(k_variable) != nullptr) {
        static const signal_stack signals;
        std::signal(SIGSEGV, [](int) {
            signal_print(STDERR_FILENO, "the handler before");
            _exit(42);
        });
        install_overflow_handler(nullptr);
        raise(SIGSEGV);
        _exit(1);
    }
    const child_end end = this_test_again(k_variable);
    CAPTURE(end.said);
    CHECK(end.exited_with(42));
    CHECK(end.said.find("the handler before") != std::string::npos);
    CHECK(end.said.find("overflow") == std::string::npos);
}
