// SPDX-License-Identifier: Apache-2.0
// What program, fork server and workers tell one another. Same machine, same image: structs as they are.
#pragma once

#include <sys/resource.h>
#include <sys/uio.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/unique_fd.hpp"
#include "process/mailbox.hpp"
#include "process/modules.hpp"

namespace weft::detail {

/// Payloads up to that many bytes travel in the message.
inline constexpr std::size_t k_inline_bytes = 64 * 1024;
/// Results up to that many bytes can wait in the page.
inline constexpr std::size_t k_mail_bytes = 2048;
/// Segments above that are used once.
inline constexpr std::size_t k_largest_kept_segment = 32 * 1024 * 1024;
/// Segments that a worker keeps mapped.
inline constexpr std::size_t k_segments_per_worker = 4;
/// Calls that are with a worker: the one that runs, and what it finds when it has ended.
inline constexpr std::size_t k_pipeline = 4;

// ---- program and worker -------------------------------------------------------------------------------------------------

struct call_message {
    std::uint64_t id = 0;
    std::uint64_t slot = 0; ///< its number in the page
    code_place entry, target;
    std::uint64_t size = 0;     ///< of the encoded arguments
    std::uint64_t segment = 0;  ///< they lie there; 0: they follow
    std::uint64_t capacity = 0; ///< of the segment
};

enum class answer_kind : std::uint32_t { ready, initializer_failed, value, error };

struct answer_message {
    std::uint64_t id = 0;
    answer_kind kind = answer_kind::value;
    bool in_segment = false; ///< the call's; or the one whose descriptor comes along
    std::uint64_t size = 0;
    std::uint64_t capacity = 0; ///< of the segment
};

// ---- the page that a worker shares with its pool ------------------------------------------------------------------------

enum class slot_state : std::uint64_t {
    offered = 1,
    taken = 2,
    finished = 3,
    withdrawn = 4,
    condemned = 5
};

/// A call's id and how far it is, in one word. Ids are never used again, so an old message meets another id.
class call_slot {
public:
    void offer(std::uint64_t id) noexcept {
        word_.store(word(id, slot_state::offered), std::memory_order_relaxed); // before the message
    }
    /// True for exactly one of those who try to move it on from that state.
    bool move(std::uint64_t id, slot_state from, slot_state to) noexcept {
        std::uint64_t expected = word(id, from);
        // acq_rel: between the processes; pairs with itself
        return word_.compare_exchange_strong(expected, word(id, to), std::memory_order_acq_rel,
                                             std::memory_order_relaxed);
    }
    [[nodiscard]] bool is(std::uint64_t id, slot_state s) const noexcept {
        return word_.load(std::memory_order_acquire) == word(id, s); // pairs with move
    }

private:
    static std::uint64_t word(std::uint64_t id, slot_state s) noexcept {
        return id << 3 | static_cast<std::uint64_t>(s);
    }
    std::atomic<std::uint64_t> word_{0};
    static_assert(std::atomic<std::uint64_t>::is_always_lock_free, "shared between processes");
};

struct worker_limit {
    int resource = 0;
    std::uint64_t value = 0;
};

/// An answer that waits in the page for who wants it.
struct mail {
    answer_message answer;
    std::byte result[k_mail_bytes];
};

/// What a worker is told before it starts, what it tells then, the slots of its calls, and its mail.
struct worker_page {
    code_place initializer;
    unsigned limit_count = 0;
    worker_limit limits[RLIM_NLIMITS];
    std::atomic<int> pid{0}; // the worker's word; 0: it has not begun
    call_slot slots[k_pipeline];
    mailbox box;
    mail in_box;
};

// ---- program and fork server --------------------------------------------------------------------------------------------

struct server_order {
    enum class kind { spawn, kill } what = kind::spawn; ///< spawn: with socket and page
    std::uint64_t worker = 0;                           ///< a number of the program's
};

struct server_report {
    enum class kind { refused, failed, died } what = kind::died;
    std::uint64_t worker = 0;
    int pid = 0;    ///< died
    int code = 0;   ///< died: CLD_EXITED, CLD_KILLED, CLD_DUMPED; failed: errno
    int status = 0; ///< died: exit status or signal
};

// ---- messages -----------------------------------------------------------------------------------------------------------

/// Sends one message of several parts, with descriptors. 0, or an errno. Never raises SIGPIPE.
int send_message(int socket, std::span<const iovec> parts, std::span<const int> fds,
                 bool wait) noexcept;

/// A message that came: its bytes and descriptors, which are close-on-exec. size < 0: -errno; 0: the other end is closed.
struct received {
    std::ptrdiff_t size = 0;
    unique_fd fds[2];
};
received receive_message(int socket, std::span<std::byte> into, bool wait) noexcept;

} // namespace weft::detail
