// SPDX-License-Identifier: Apache-2.0
// What a test must leave as it found it: descriptors, threads, and the memory of task stacks.
#pragma once

#include <cstddef>

namespace weft::testing {

/// What the process holds now, asked of the kernel.
struct holdings {
    std::size_t descriptors = 0;
    std::size_t threads = 0;
    /// Address space of task stacks: the library marks it "no huge pages" and nobody else does.
    /// Under the sanitizers always 0: their own memory is marked the same way.
    std::size_t stack_bytes = 0;

    static holdings now();
    bool operator==(const holdings&) const = default;
};

/// Checks at its end that the test holds no more than at its beginning. For TEST_CASE_METHOD, or as the first local of a
/// test. What the first use of a library keeps for good must be warmed up before.
class leak_fixture {
public:
    /// `stacks`: also of task stacks. Not where another library keeps stacks of its own, which the kernel marks the same way.
    explicit leak_fixture(bool stacks = true);
    ~leak_fixture();
    leak_fixture(const leak_fixture&) = delete;
    leak_fixture& operator=(const leak_fixture&) = delete;

private:
    const bool stacks_;
    holdings before_;
};

} // namespace weft::testing
