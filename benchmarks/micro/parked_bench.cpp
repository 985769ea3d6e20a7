// SPDX-License-Identifier: Apache-2.0
// Very many tasks that all wait for the same event. Time: creating one and running it to its wait.
//   bytes   what one occupies, page tables included
//   wake    from the event to the end of the last one, for each
// Floor: as many stacks of the same size, mapped at once, each with a guard page and one page touched.
#include <sys/mman.h>

#include <atomic>

#include "context/guard.hpp"

#include "support/measure.hpp"
#include "support/peers.hpp"

namespace {

constexpr std::size_t k_stack = 256 * 1024; // the default of runtime_options::stack_size

template <class Peer>
bench::sample park(std::int64_t n) {
    typename Peer::gate gate;
    typename Peer::group tasks(static_cast<std::size_t>(n));
    std::atomic<std::int64_t> parked{0}, woken{0};
    const double memory = bench::memory_bytes();
    const std::int64_t start = bench::now_ns();
    for (std::int64_t i = 0; i < n; ++i)
        tasks.create([&] {
            parked.fetch_add(1, std::memory_order_relaxed);
            gate.wait();
            woken.fetch_add(1, std::memory_order_relaxed);
        });
    while (parked.load(std::memory_order_relaxed) != n) Peer::yield();
    const double seconds = bench::seconds_since(start);
    const double bytes = (bench::memory_bytes() - memory) / static_cast<double>(n);
    bench::require(woken.load(std::memory_order_relaxed) == 0, "a task did not wait");
    const std::int64_t opened = bench::now_ns();
    gate.set();
    tasks.join();
    const double wake = bench::seconds_since(opened) / static_cast<double>(n);
    bench::require(woken.load(std::memory_order_relaxed) == n, "a task was not woken");
    return {seconds, {{"bytes", bytes}, {"wake", wake}}};
}

bench::sample bare_stacks(std::int64_t n) {
    const std::size_t page = weft::detail::page_size(), stride = k_stack + page;
    const std::size_t count = static_cast<std::size_t>(n);
    const double memory = bench::memory_bytes();
    const std::int64_t start = bench::now_ns();
    void* base = mmap(nullptr, count * stride, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    bench::require(base != MAP_FAILED, "no address space");
    madvise(base, count * stride, MADV_NOHUGEPAGE);
    auto* const low = static_cast<volatile std::byte*>(base);
    std::int64_t guarded = 0;
    for (std::size_t i = 0; i < count; ++i) {
        guarded += weft::detail::install_guard(static_cast<std::byte*>(base) + i * stride) ==
                   weft::detail::guard_kind::installed;
        low[(i + 1) * stride - 1] = std::byte{1};
    }
    const double seconds = bench::seconds_since(start);
    const double bytes = (bench::memory_bytes() - memory) / static_cast<double>(n);
    munmap(base, count * stride);
    bench::require(guarded == n, "this kernel has no MADV_GUARD_INSTALL");
    return {seconds, {{"bytes", bytes}}};
}

void add_size(const std::string& workload, std::int64_t n) {
    bench::for_each_peer([&]<class Peer> {
        if constexpr (requires {
                          typename Peer::group;
                          typename Peer::gate;
                      })
            for (const unsigned workers : {1U, 2U})
                bench::add<Peer>(
                    workload, workers, n, [=] { return park<Peer>(n); }, bench::repeat::once);
    });
    bench::add<bench::floor_peer>(
        workload, 1, n, [=] { return bare_stacks(n); }, bench::repeat::once);
}

[[maybe_unused]] const bool registered = [] {
    add_size("parked_100k", 100'000);
    add_size("parked_1m", 1'000'000);
    return true;
}();

} // namespace
