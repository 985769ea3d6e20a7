// SPDX-License-Identifier: Apache-2.0
// Included before everything else where mutants are compiled.
#pragma once

#include <cstdlib>

namespace weft_mutants {

/// Is this the run of the mutant with that number?
inline bool fault(int number) noexcept {
    static const int chosen = [] {
        const char* text = std::getenv("WEFT_MUTANT");
        return text != nullptr ? std::atoi(text) : 0;
    }();
    return chosen == number;
}

} // namespace weft_mutants
