// SPDX-License-Identifier: Apache-2.0
// What the machine charges at least.
#pragma once

#include <boost/context/detail/fcontext.hpp>
#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <new>
#include <vector>

namespace bench {

struct floor_peer {
    static constexpr const char* name = "floor";
    template <class Root>
    static void run(unsigned, Root& root) {
        root();
    }
};

/// Stacks that jump to one another in turn, by Boost.Context alone; the first is the caller's own.
class bare_ring {
public:
    explicit bare_ring(std::size_t stacks) : members_(stacks), memory_(stacks * k_stride) {
        for (std::size_t i = 0; i < stacks; ++i) {
            members_[i].next = &members_[(i + 1) % stacks];
            if (i == 0) continue;
            // A little lower for each of 16 neighbours: otherwise all compete for the same sets of the cache.
            std::byte* high = memory_.at + (i + 1) * k_stride - (i % 16) * 64;
            members_[i].where =
                boost::context::detail::make_fcontext(high, k_stack, &bare_ring::enter);
        }
    }

    /// Once round, so often: each time as many jumps as there are stacks.
    void turn(std::int64_t times) { live(members_[0], static_cast<std::uint64_t>(times)); }

    /// How often the last one had its turn.
    [[nodiscard]] std::int64_t turns() const { return members_.back().turns; }

private:
    static constexpr std::size_t k_stack = 64 * 1024, k_stride = k_stack + 4096;
    struct member {
        boost::context::detail::fcontext_t where = nullptr;
        member* next = nullptr;
        std::int64_t turns = 0;
    };
    struct memory {
        explicit memory(std::size_t bytes)
            : size(bytes),
              at(static_cast<std::byte*>(mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
                                              0))) {
            if (at == MAP_FAILED) throw std::bad_alloc();
            madvise(at, bytes, MADV_NOHUGEPAGE); // as under real stacks
        }
        ~memory() { munmap(at, size); }
        memory(const memory&) = delete;
        memory& operator=(const memory&) = delete;
        const std::size_t size;
        std::byte* const at;
    };
    static void arrive(boost::context::detail::transfer_t from) {
        static_cast<member*>(from.data)->where = from.fctx;
    }
    static void live(member& me, std::uint64_t times) {
        for (; times != 0; --times) {
            ++me.turns;
            arrive(boost::context::detail::jump_fcontext(me.next->where, &me));
        }
    }
    static void enter(boost::context::detail::transfer_t from) {
        arrive(from);
        live(*static_cast<member*>(from.data)->next, ~std::uint64_t{0}); // for ever
    }

    std::vector<member> members_;
    memory memory_;
};

} // namespace bench
