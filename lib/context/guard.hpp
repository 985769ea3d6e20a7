// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include <weft/context/stack.hpp>

namespace weft::detail {

/// Makes the page at `page` fault, by the cheapest way that works here: MADV_GUARD_INSTALL (Linux 6.13: no mapping is
/// split), else mprotect within a budget of mappings, else nothing: the caller places a canary.
guard_kind install_guard(void* page) noexcept;
/// The same with the first `skip` ways left out, for the tests.
guard_kind install_guard(void* page, int skip) noexcept;
/// So many pages that were protected have been unmapped: their share of the budget is free again.
void forget_protected(std::size_t pages) noexcept;
std::size_t page_size() noexcept;

} // namespace weft::detail
