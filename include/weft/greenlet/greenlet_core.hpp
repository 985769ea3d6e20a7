// SPDX-License-Identifier: Apache-2.0
// What greenlets and generators are without their types. Protocol: lib/greenlet/README.md.
#pragma once

#include <any> // std::bad_any_cast
#include <atomic>
#include <cstddef>
#include <exception>
#include <typeinfo>
#include <utility>

#include <weft/base/error.hpp>
#include <weft/base/intrusive_list.hpp>
#include <weft/context/stack_head.hpp>

namespace weft {

/// What a greenlet or generator may be told.
struct greenlet_options {
    std::size_t stack_size = 0; ///< bytes; 0: 256 KiB
};

namespace detail {

struct stack;

/// What a switch brings along: nothing, or a value in the frame of whoever sent it.
struct transfer {
    const std::type_info* type = nullptr;
    void* value = nullptr;
};

/// The value that arrived; std::bad_any_cast if it is of another type. Who waits for nothing ignores what comes.
template <class T>
T receive(transfer what) {
    if constexpr (!std::is_void_v<T>) {
        if (what.type == nullptr || *what.type != typeid(T)) throw std::bad_any_cast();
        return std::move(*static_cast<T*>(what.value));
    }
}

/// The untyped part; counted, made with the handle's reference.
class greenlet_core : public list_hook {
public:
    greenlet_core(const greenlet_core&) = delete;
    greenlet_core& operator=(const greenlet_core&) = delete;

    [[nodiscard]] bool finished() const noexcept {
        return state_.load(std::memory_order_acquire) == state::finished; // pairs with finish
    }
    [[nodiscard]] bool started() const noexcept {
        return state_.load(std::memory_order_relaxed) != state::fresh;
    }

protected:
    explicit greenlet_core(greenlet_core* creator, const greenlet_options& options) noexcept;
    virtual ~greenlet_core();

    /// Calls the body, on the greenlet's stack; what it gives, valid as long as the core. Throws what the body throws.
    virtual transfer run(transfer first) = 0;
    /// Destroys the body: after run, or instead of it.
    virtual void drop_body() noexcept = 0;

private:
    friend class strand;
    enum class state : unsigned char { fresh, started, finished };
    void add_ref() noexcept { refs_.fetch_add(1, std::memory_order_relaxed); }
    void drop_ref() noexcept;

    stack* stack_ = nullptr; // while it is started
    std::atomic<strand*> strand_{nullptr};
    greenlet_core* parent_ = nullptr;  // who gets what it ends with; null: the strand's root
    greenlet_core* creator_ = nullptr; // a reference; generators have none
    greenlet_core* next_dropped_ = nullptr;
    std::size_t stack_size_ = 0;
    std::atomic<unsigned> refs_{1};
    std::atomic<state> state_{state::fresh};
    bool is_active_ = false; // a generator: somebody waits for its next value

protected:
    // A generator's, between its yield and whoever resumes it.
    void* out_ = nullptr;
    void* in_ = nullptr;
};

/// The greenlet that runs, or null: the strand's root.
greenlet_core* current_greenlet() noexcept;

/// Switches to it; returns what arrives here, or throws it. Throws wrong_thread, greenlet_finished, std::system_error.
transfer switch_greenlet(greenlet_core* to, transfer what);
/// Throws e at its suspension, else as switch_greenlet. One that has not begun, or has finished: e rises in its parent.
transfer throw_into_greenlet(greenlet_core* to, std::exception_ptr e);
/// The same for where `of` ends (null: the running one): its parent.
transfer switch_to_parent(greenlet_core* of, transfer what);
/// The handle lets go: unwinds it if it is suspended.
void drop_greenlet(greenlet_core* core) noexcept;

/// As resume_generator and yield_from_generator (strand.hpp), by a call.
bool resume_generator_by_call(greenlet_core& g, void* in);
void* yield_by_call(greenlet_core& g, void* out);
bool throw_into_generator(greenlet_core& g, std::exception_ptr e);
/// Unwinds it; throws what its clean-up does, std::runtime_error if it yields instead.
void close_generator(greenlet_core& g);

void end_strand(stack_head& base) noexcept;
/// At the end of what runs on a stack (a task's body): what is still suspended there is unwound.
inline void end_greenlets() noexcept {
    stack_head* s = current_stack();
    if (s->greenlets != nullptr) [[unlikely]]
        end_strand(*s);
}

} // namespace detail
} // namespace weft
