// SPDX-License-Identifier: Apache-2.0
// The program and the shared libraries it was started with; addresses in them as something another process understands.
#pragma once

#include <cstdint>

namespace weft::detail {

/// An address of code: valid in every process with the same modules.
struct code_place {
    std::uint32_t module = 0; ///< its number, from 1 on; 0: no address
    std::uint64_t offset = 0;
};

/// Notes which modules are loaded. Called once, before the program begins; allocates nothing.
void note_initial_modules() noexcept;

/// Of the names and build-ids of the initial modules; the same exactly in processes where offsets mean the same.
std::uint64_t modules_hash();

/// Throws std::invalid_argument for an address in no initial module (dlopened, or made at run time).
code_place place_of(const void* address);
const void* address_of(code_place place);

} // namespace weft::detail
