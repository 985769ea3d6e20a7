// SPDX-License-Identifier: Apache-2.0
// Exceptions as text: type, message, and the stack of the throw.
#pragma once

#include <weft/process/callable.hpp>

namespace weft::detail {

/// describes_throw for a callable.
template <class F>
bool describes_throw_of(F f, thrown_text& thrown) {
    return describes_throw([](void* p) { (*static_cast<F*>(p))(); }, &f, thrown);
}

} // namespace weft::detail
