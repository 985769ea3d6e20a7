// SPDX-License-Identifier: Apache-2.0
// A call on its way to another process, and the future of its result: one block.
#pragma once

#include <memory>

#include <weft/base/intrusive_list.hpp>
#include <weft/executor/call.hpp>
#include <weft/process/callable.hpp>

namespace weft::detail {

class process_pool;
class process_worker;
class runtime_core;

/// The part without type. Who may touch what: lib/process/README.md.
class process_call : public list_hook {
public:
    process_call(const process_call&) = delete;
    process_call& operator=(const process_call&) = delete;

    // ---- by the pool, without its mutex ------------------------------------------------------------------------------------
    virtual void succeed(in_buffer& result) noexcept = 0;
    virtual void fail(std::exception_ptr e) noexcept = 0;
    /// Ends it cancelled.
    virtual void drop(const char* why) noexcept = 0;
    /// Gives up the pool's reference.
    virtual void release() noexcept = 0;

    const std::shared_ptr<process_pool> pool;
    const call_entry entry;
    const void* const target;
    const std::unique_ptr<out_buffer> arguments;

    // ---- under the pool's mutex --------------------------------------------------------------------------------------------
    process_worker* worker = nullptr; // in whose pipeline it is
    bool queued = false;
    std::uint64_t id = 0; // of this attempt
    unsigned slot = 0;
    const runtime_core* home = nullptr; // of the task that made it: that may receive the answer

protected:
    process_call(std::shared_ptr<process_pool> in, call_entry e, const void* t);
    virtual ~process_call();
    /// Takes it out of the queue, or away from its worker. `running`: even if that worker must die.
    /// False: it is too late, or (not `running`) it runs.
    bool withdraw(bool running) noexcept;
    /// A plain thread is about to wait for it, until the deadline at most: it may receive the answer itself.
    void receive_here(deadline_ns deadline) noexcept;
};

template <class T>
class process_call_state final : public future_state<T>, public process_call {
public:
    process_call_state(std::shared_ptr<process_pool> in, call_entry e, const void* t)
        : future_state<T>(2),
          process_call(std::move(in), e, t),
          reporter_(current_reporter()) {}

    void succeed(in_buffer& result) noexcept override {
        try {
            if constexpr (std::is_void_v<T>)
                this->complete_value();
            else
                this->complete_value(answer_of<T>::decode(result));
        } catch (const std::exception& e) {
            this->complete_exception(std::make_exception_ptr(remote_error(
                std::string("weft: the result of a call in another process can't be read: ") +
                    e.what(),
                "", "")));
        } catch (...) { this->complete_exception(std::current_exception()); }
    }
    void fail(std::exception_ptr e) noexcept override { this->complete_exception(std::move(e)); }
    void drop(const char* why) noexcept override { this->complete_cancelled(why); }
    void release() noexcept override { this->drop_ref(); }

    bool cancel(std::string message) override {
        if (!this->complete_cancelled(std::move(message))) return false;
        withdraw(true);
        return true;
    }
    /// As cancel, but a call that runs is left alone.
    void abandon() noexcept {
        if (withdraw(false)) this->complete_cancelled("nobody takes its results");
        this->mark_seen();
    }
    [[nodiscard]] bool takes_waiters_cancel() const noexcept override { return true; }
    void before_wait(deadline_ns deadline) noexcept override { receive_here(deadline); }

private:
    ~process_call_state() override {
        if (auto e = this->unseen_error()) report_unseen(reporter_, std::move(e));
    }
    const std::shared_ptr<reporter> reporter_;
};

/// Hands the call to its pool, which then owns a reference. Throws as process_pool_executor::submit.
void post(process_call& call);

} // namespace weft::detail
