// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>

#include <weft/base/error.hpp>
#include <weft/sched/suspend.hpp>

namespace weft {

namespace detail {

struct sync_probe; // tests look at who waits

/// A barrier whose completion is a function pointer. Protocol: lib/sync/README.md.
class barrier_core {
public:
    static constexpr std::ptrdiff_t k_most = std::numeric_limits<std::ptrdiff_t>::max() / 4;
    using phase_type = std::uint64_t;

    /// Throws std::invalid_argument.
    barrier_core(std::ptrdiff_t expected, void (*completion)(void*), void* context);
    barrier_core(const barrier_core&) = delete;
    barrier_core& operator=(const barrier_core&) = delete;
    ~barrier_core() = default;

    phase_type arrive(std::ptrdiff_t n, bool drop);
    void wait(phase_type phase);
    std::ptrdiff_t arrive_and_wait();
    void abort() noexcept;
    void reset() noexcept;
    [[nodiscard]] bool broken() const noexcept;

private:
    friend struct sync_probe;
    struct node;
    struct arrival {
        phase_type phase;
        bool last;
    };
    arrival count_locked(std::ptrdiff_t n, bool drop);
    void complete(phase_type phase, wait_list& claimed);
    std::ptrdiff_t claim_of_phase(phase_type phase, wait_list& claimed) noexcept;
    void wait_for(phase_type phase, bool cancellable);
    void break_round(bool stay_broken) noexcept;
    static void resume_all(wait_list& claimed) noexcept;

    void (*const completion_)(void*);
    void* const context_;
    mutable spin_lock lock_; // guards the rest
    std::ptrdiff_t expected_, arrived_ = 0;
    phase_type phase_ = 0; // the one that arrivals count for
    phase_type done_ = 0;  // those before it are complete, their completion function included
    bool broken_ = false;
    wait_list waiting_;
};

struct no_completion {
    void operator()() const noexcept {}
};

} // namespace detail

/// std::barrier for tasks and plain threads: so many arrive, then all go on, and the next phase begins. The last one that arrives
/// calls the completion function, before anybody goes on.
///
/// A cancelled arrive_and_wait takes its arrival back, so that another one is needed in its place; once the phase is complete it
/// returns, and the cancel comes at the next wait. asyncio's abort and reset are there, too.
///
///     weft::barrier rounds(3, [] { swap_buffers(); });
///     ...  work(); rounds.arrive_and_wait();
///
/// Thread-safe. Nobody may wait when it is destroyed.
template <class CompletionFunction = detail::no_completion>
class barrier {
public:
    /// A phase to wait for.
    class arrival_token {
        friend barrier;
        explicit arrival_token(detail::barrier_core::phase_type p) noexcept : phase_(p) {}
        detail::barrier_core::phase_type phase_;
    };

    [[nodiscard]] static constexpr std::ptrdiff_t max() noexcept {
        return detail::barrier_core::k_most;
    }

    /// Less than zero or more than max(): std::invalid_argument. The completion function must not throw.
    explicit barrier(std::ptrdiff_t expected, CompletionFunction f = CompletionFunction())
        : function_(std::move(f)),
          core_(expected, &barrier::call, this) {}
    barrier(const barrier&) = delete;
    barrier& operator=(const barrier&) = delete;

    /// Counts n arrivals. Never suspends, but for what the completion function does. More than are expected: std::logic_error.
    [[nodiscard]] arrival_token arrive(std::ptrdiff_t n = 1) {
        return arrival_token(core_.arrive(n, false));
    }
    /// Suspends until that phase is complete. A cancel point. Throws broken_barrier.
    void wait(arrival_token&& token) const { core_.wait(token.phase_); }
    /// Both. The index of this arrival in its phase: each of 0 to n - 1 once; so one of them can lead. A cancel point. Throws
    /// broken_barrier.
    std::ptrdiff_t arrive_and_wait() { return core_.arrive_and_wait(); }
    /// Counts one arrival, and one less is expected from the next phase on.
    void arrive_and_drop() { core_.arrive(1, true); }

    /// Who waits, and who comes later, gets broken_barrier, until reset.
    void abort() noexcept { core_.abort(); }
    /// Who waits gets broken_barrier; arrivals count from zero.
    void reset() noexcept { core_.reset(); }
    [[nodiscard]] bool broken() const noexcept { return core_.broken(); }

private:
    friend struct detail::sync_probe;
    static void call(void* self) { static_cast<barrier*>(self)->function_(); }
    CompletionFunction function_;
    mutable detail::barrier_core core_;
};

} // namespace weft
