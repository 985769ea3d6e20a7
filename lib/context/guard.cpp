// SPDX-License-Identifier: Apache-2.0
#include "context/guard.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>

#ifndef MADV_GUARD_INSTALL
#    define MADV_GUARD_INSTALL 102 // Linux 6.13; older headers lack the name
#endif

namespace weft::detail {
namespace {

std::atomic<bool> kernel_lacks_guards{false};
std::atomic<long> protected_pages{0};

// Each protected page splits a mapping in two more; half of the limit stays for the rest of the program.
long protect_budget() noexcept {
    static const long budget = [] {
        long limit = 65530; // the kernel's default
        if (FILE* file = std::fopen("/proc/sys/vm/max_map_count", "re")) {
            if (std::fscanf(file, "%ld", &limit) != 1) limit = 65530;
            std::fclose(file);
        }
        return limit / 4;
    }();
    return budget;
}

} // namespace

std::size_t page_size() noexcept {
    static const auto size = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    return size;
}

guard_kind install_guard(void* page, int skip) noexcept {
    if (skip < 1 && !kernel_lacks_guards.load(std::memory_order_relaxed)) {
        if (madvise(page, page_size(), MADV_GUARD_INSTALL) == 0) return guard_kind::installed;
        kernel_lacks_guards.store(true, std::memory_order_relaxed);
    }
    if (skip < 2) {
        if (protected_pages.fetch_add(1, std::memory_order_relaxed) < protect_budget() &&
            mprotect(page, page_size(), PROT_NONE) == 0)
            return guard_kind::protected_page;
        protected_pages.fetch_sub(1, std::memory_order_relaxed);
    }
    return guard_kind::canary;
}

guard_kind install_guard(void* page) noexcept { return install_guard(page, 0); }

void forget_protected(std::size_t pages) noexcept {
    protected_pages.fetch_sub(static_cast<long>(pages), std::memory_order_relaxed);
}

} // namespace weft::detail
