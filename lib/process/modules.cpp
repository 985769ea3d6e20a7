// SPDX-License-Identifier: Apache-2.0
#include "process/modules.hpp"

#include <elf.h>
#include <link.h>

#include <cstring>
#include <span>
#include <stdexcept>
#include <string>

namespace weft::detail {
namespace {

struct module {
    const char* name; // the dynamic linker's, which never unloads these
    std::uintptr_t base;
    const ElfW(Phdr) * headers;
    unsigned count;

    [[nodiscard]] std::span<const ElfW(Phdr)> segments() const noexcept { return {headers, count}; }
};

// A fixed table: it is filled before the program's start, where nothing may allocate.
constexpr unsigned k_most_modules = 512;
module modules[k_most_modules];
unsigned module_count = 0;
bool too_many = false;

__attribute__((no_sanitize("address", "undefined", "thread"))) int note_module(dl_phdr_info* info,
                                                                               std::size_t, void*) {
    if (module_count == k_most_modules) {
        too_many = true;
        return 1;
    }
    module& m = modules[module_count++];
    m.name = info->dlpi_name;
    m.base = info->dlpi_addr;
    m.headers = info->dlpi_phdr;
    m.count = info->dlpi_phnum;
    return 0;
}

bool contains(const module& m, std::uintptr_t address) noexcept {
    for (const ElfW(Phdr) & s : m.segments())
        if (s.p_type == PT_LOAD && address - m.base - s.p_vaddr < s.p_memsz) return true;
    return false;
}

// FNV-1a: the two sides only compare.
class hash {
public:
    void add(const void* data, std::size_t size) noexcept {
        const auto* at = static_cast<const unsigned char*>(data);
        for (std::size_t i = 0; i < size; ++i) value = (value ^ at[i]) * 0x100000001b3U;
    }
    std::uint64_t value = 0xcbf29ce484222325U;
};

bool add_build_id(hash& h, const module& m) noexcept {
    for (const ElfW(Phdr) & s : m.segments()) {
        if (s.p_type != PT_NOTE) continue;
        const auto* at = reinterpret_cast<const char*>(m.base + s.p_vaddr);
        const char* const end = at + s.p_memsz;
        const auto padded = [](std::size_t n) { return (n + 3) & ~std::size_t{3}; };
        while (at + sizeof(ElfW(Nhdr)) <= end) {
            ElfW(Nhdr) note;
            std::memcpy(&note, at, sizeof note);
            const char* name = at + sizeof note;
            const char* content = name + padded(note.n_namesz);
            if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
                std::memcmp(name, "GNU", 4) == 0) {
                h.add(content, note.n_descsz);
                return true;
            }
            at = content + padded(note.n_descsz);
        }
    }
    return false;
}

void add_code(hash& h, const module& m) noexcept {
    for (const ElfW(Phdr) & s : m.segments())
        if (s.p_type == PT_LOAD && (s.p_flags & PF_X) != 0 && (s.p_flags & PF_R) != 0)
            h.add(reinterpret_cast<const void*>(m.base + s.p_vaddr), s.p_filesz);
}

} // namespace

__attribute__((no_sanitize("address", "undefined", "thread"))) void
note_initial_modules() noexcept {
    if (module_count == 0) dl_iterate_phdr(note_module, nullptr);
}

std::uint64_t modules_hash() {
    hash h;
    for (const module& m : std::span(modules, module_count)) {
        h.add(m.name, std::strlen(m.name) + 1);
        if (!add_build_id(h, m)) add_code(h, m);
    }
    return h.value;
}

code_place place_of(const void* address) {
    const auto at = reinterpret_cast<std::uintptr_t>(address);
    for (std::uint32_t i = 0; i < module_count; ++i)
        if (contains(modules[i], at)) return {i + 1, at - modules[i].base};
    throw std::invalid_argument(
        too_many ? "weft: a function for a process pool is in none of the first 512 libraries"
                 : "weft: a function for a process pool must belong to the program or to a shared "
                   "library it is linked with; this one was loaded later");
}

const void* address_of(code_place place) {
    if (place.module == 0) return nullptr;
    if (place.module > module_count)
        throw std::invalid_argument("weft: a call names a library that this process has not");
    return reinterpret_cast<const void*>(modules[place.module - 1].base + place.offset);
}

} // namespace weft::detail
