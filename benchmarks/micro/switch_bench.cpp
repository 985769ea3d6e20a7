// SPDX-License-Identifier: Apache-2.0
// One change of stacks, without a scheduler: ours keeps exception state and errno, and lets others resume what it left.
#include "context/stack_pool.hpp"
#include <weft/context/switch.hpp>

#include "support/floors.hpp"
#include "support/measure.hpp"

namespace {

using namespace weft::detail;

constexpr std::int64_t k_turns = 400'000; // of two stacks

struct weft_stacks {
    static constexpr const char* name = "weft";
    template <class Root>
    static void run(unsigned, Root& root) {
        root();
    }
};

/// The same ring as bench::bare_ring, by the library's own switch.
class ring {
public:
    explicit ring(std::size_t stacks) {
        adopt_thread(home_, state_);
        stack* previous = &home_;
        for (std::size_t i = 1; i < stacks; ++i) {
            made_.push_back(
                map_single_stack(64 * 1024, [](stack& s) { live(s, ~std::uint64_t{0}); }));
            previous = previous->next_free = made_.back();
        }
        previous->next_free = &home_;
    }
    ~ring() {
        for (stack* s : made_) unmap_single_stack(s);
        release_thread(home_);
    }
    ring(const ring&) = delete;
    ring& operator=(const ring&) = delete;

    void turn(std::int64_t times) { live(home_, static_cast<std::uint64_t>(times)); }
    /// How often the last one had its turn: it counts in a field that nobody else uses here.
    [[nodiscard]] std::int64_t turns() const {
        return static_cast<std::int64_t>(made_.back()->operations_left);
    }

private:
    // One place that switches, for all of them, as in the scheduler: the processor guesses returns by the last call.
    [[gnu::noinline]] static void live(stack& me, std::uint64_t times) {
        for (; times != 0; --times) {
            ++me.operations_left;
            switch_stacks(me, *me.next_free, after_save);
        }
    }
    stack home_;
    thread_state state_;
    std::vector<stack*> made_;
};

template <class Ring>
bench::sample turns(std::size_t stacks, std::int64_t count) {
    Ring r(stacks);
    r.turn(1);
    const std::int64_t before = r.turns();
    const std::int64_t start = bench::now_ns();
    r.turn(count);
    const double seconds = bench::seconds_since(start);
    bench::require(r.turns() - before == count, "a stack lost its turn");
    return {seconds};
}

void add_both(const char* workload, std::size_t stacks) {
    const std::int64_t count = k_turns * 2 / static_cast<std::int64_t>(stacks);
    const std::int64_t switches = count * static_cast<std::int64_t>(stacks);
    bench::add<weft_stacks>(workload, 1, switches, [=] { return turns<ring>(stacks, count); });
    bench::add<bench::floor_peer>(workload, 1, switches,
                                  [=] { return turns<bench::bare_ring>(stacks, count); });
}

[[maybe_unused]] const bool registered = [] {
    add_both("switch", 2);
    add_both("switch_1000", 1000);
    return true;
}();

} // namespace
