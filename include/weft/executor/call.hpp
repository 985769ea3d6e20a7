// SPDX-License-Identifier: Apache-2.0
// A call on its way to an executor, and the future of its result: one block.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <weft/fiber/context.hpp>
#include <weft/task/future.hpp>
#include <weft/task/task.hpp>

namespace weft {

namespace detail {

class reporter;

/// What a job does; exactly one of the three ends it.
class job_body {
public:
    /// Runs it. May throw only if nobody else learns of the exception.
    virtual void run() = 0;
    virtual void fail(std::exception_ptr e) noexcept = 0;
    virtual void drop() noexcept = 0;

protected:
    ~job_body() = default;
};

} // namespace detail

/// A piece of work for an executor: called once, or destroyed. Movable.
class job {
public:
    job() noexcept = default;
    template <class F>
        requires(!std::is_same_v<std::decay_t<F>, job> && std::is_invocable_v<std::decay_t<F>&>)
    job(F&& f); // NOLINT: implicit, as std::function
    explicit job(detail::job_body* body) noexcept : body_(body) {}
    job(job&& o) noexcept : body_(std::exchange(o.body_, nullptr)) {}
    job& operator=(job&& o) noexcept {
        std::swap(body_, o.body_);
        return *this;
    }
    ~job() {
        if (body_ != nullptr) body_->drop();
    }
    explicit operator bool() const noexcept { return body_ != nullptr; }

    /// Runs it; it is empty afterwards. A call made by run_in_executor or submit never throws.
    void operator()() { std::exchange(body_, nullptr)->run(); }
    /// Ends it with an exception, without running.
    void fail(std::exception_ptr e) noexcept {
        if (body_ != nullptr) std::exchange(body_, nullptr)->fail(std::move(e));
    }

private:
    detail::job_body* body_ = nullptr;
};

namespace detail {

template <class F>
class plain_job final : public job_body {
public:
    explicit plain_job(F f) : function_(std::move(f)) {}
    void run() override {
        const std::unique_ptr<plain_job> self(this);
        function_();
    }
    void fail(std::exception_ptr) noexcept override { delete this; }
    void drop() noexcept override { delete this; }

private:
    F function_;
};

/// What a call remembers of the runtime it was made in: where to report an exception that nobody took.
std::shared_ptr<reporter> current_reporter() noexcept;
void report_unseen(const std::shared_ptr<reporter>& to, std::exception_ptr e) noexcept;

/// Two references at birth: the future's and the job's. The function belongs to whoever takes it: the executor's thread that
/// runs it, or the one that cancels it first.
template <class T, class F>
class call_state final : public future_state<T>, public job_body {
public:
    explicit call_state(F&& f)
        : future_state<T>(2),
          reporter_(current_reporter()),
          function_(std::move(f)) {}

    void run() noexcept override {
        if (take()) run_function();
        this->drop_ref();
    }
    void fail(std::exception_ptr e) noexcept override {
        if (take()) {
            this->complete_exception(std::move(e));
            function_.reset();
        }
        this->drop_ref();
    }
    void drop() noexcept override {
        if (take()) {
            this->complete_cancelled("the executor was shut down before the call began");
            function_.reset();
        }
        this->drop_ref();
    }

    bool cancel(std::string message) override {
        const bool mine = take();
        const bool ended = this->complete_cancelled(
            std::move(message)); // of a call that runs: its result is dropped
        if (mine) function_.reset();
        return ended;
    }
    [[nodiscard]] bool takes_waiters_cancel() const noexcept override { return true; }

private:
    ~call_state() override {
        if (auto e = this->unseen_error()) report_unseen(reporter_, std::move(e));
    }
    // acq_rel: the taker sees the function as it was made, and nobody else touches it
    bool take() noexcept { return !taken_.exchange(true, std::memory_order_acq_rel); }

    void run_function() noexcept {
        const context_scope in(std::move(context_)); // of the caller
        try {
            if constexpr (std::is_void_v<T>) {
                (*function_)();
                function_.reset();
                this->complete_value();
            } else {
                decltype(auto) result = (*function_)();
                function_.reset();
                if constexpr (std::is_reference_v<T>)
                    this->complete_value(result);
                else
                    this->complete_value(std::move(result));
            }
        } catch (const cancelled_error& e) {
            function_.reset();
            this->complete_cancelled(e.what());
        } catch (...) {
            function_.reset();
            this->complete_exception(std::current_exception());
        }
    }

    std::atomic<bool> taken_{false};
    const std::shared_ptr<reporter> reporter_;
    context_ref context_ = current_context();
    std::optional<F> function_;
};

/// The two ends of a call.
template <class Call>
auto make_call(Call&& call) {
    using function = std::decay_t<Call>;
    using result = std::invoke_result_t<function&>;
    static_assert(!std::is_rvalue_reference_v<result>,
                  "weft: a call can't return an rvalue reference");
    auto* state = new call_state<result, function>(std::forward<Call>(call));
    return std::pair<job, future<result>>(
        job(static_cast<job_body*>(state)),
        future<result>(core_ref<future_state<result>>::adopt(state)));
}

} // namespace detail

template <class F>
    requires(!std::is_same_v<std::decay_t<F>, job> && std::is_invocable_v<std::decay_t<F>&>)
job::job(F&& f) : body_(new detail::plain_job<std::decay_t<F>>(std::forward<F>(f))) {}

} // namespace weft
