// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <weft/executor/thread_pool.hpp>
#include <weft/process/call.hpp>

namespace weft {

/// Is this process a worker of a process pool, or its fork server? For static initialisers with effects: they run there, too;
/// main does not. Any thread, any time, also before main.
[[nodiscard]] bool in_worker_process() noexcept;

/// Kernel limits of each worker (setrlimit, soft and hard). Empty: as the program's.
struct process_limits {
    std::optional<std::uint64_t> memory = {};          ///< RLIMIT_AS, bytes of address space
    std::optional<std::chrono::seconds> cpu_time = {}; ///< RLIMIT_CPU: then the worker is killed
    std::optional<std::uint64_t> open_files = {};      ///< RLIMIT_NOFILE
    std::optional<std::uint64_t> file_size = {};       ///< RLIMIT_FSIZE, bytes
    std::optional<std::uint64_t> core_size = {};       ///< RLIMIT_CORE, bytes
};

struct process_pool_options {
    unsigned max_workers = 0; ///< worker processes at most; 0: one per usable core
    unsigned max_tasks_per_child =
        0; ///< a worker is replaced after so many calls; 0: never for that
    /// Called first in each worker. If it throws, the pool is broken.
    void (*initializer)() = nullptr;
    process_limits limits = {};
};

/// Worker processes for code that may crash, leak, or never return: a worker that dies costs the call that it ran, which throws
/// worker_died, and is replaced.
///
/// Workers are started as calls need them, by a fork server that is made from the program's own image: they begin with its
/// static initialisers and never run main (in_worker_process()). A call runs a function pointer or a captureless lambda of the
/// program, or of a library it is linked with. Arguments and results travel by value, serialised with cereal; what can't be
/// sent does not compile. An exception comes back as remote_error.
///
/// Thread safety: every member from any thread, also from tasks of any runtime; it needs none. A process that was forked
/// from this one can't use it.
///
///     weft::process_pool_executor procs({.max_workers = 2});
///     int r = weft::await(procs.submit(decode, bytes));      // a crash in decode is an exception here
class process_pool_executor {
public:
    /// Starts nothing. Throws std::invalid_argument for a limit that can't be.
    explicit process_pool_executor(const process_pool_options& options = {});
    /// shutdown().
    ~process_pool_executor();
    process_pool_executor(const process_pool_executor&) = delete;
    process_pool_executor& operator=(const process_pool_executor&) = delete;

    /// Calls f(args...) in a worker. The arguments are encoded here and now; does not suspend. Cancelling the future removes a
    /// call that has not begun; of one that runs it kills the worker. Throws what encoding throws, runtime_closed after shutdown,
    /// broken_executor if workers can't be started, std::invalid_argument for a function of a dlopened library,
    /// std::logic_error in a worker, in a forked child, and where the program was not linked as it must.
    template <class F, class... Args>
    auto submit(F&& f, Args&&... args) {
        using function = std::decay_t<F>;
        using values = typename detail::sent_values<function, Args...>::type;
        detail::require_callable_elsewhere<function>();
        static_assert(std::is_invocable_v<function&, std::decay_t<Args>...>,
                      "weft: the function can't be called with these arguments, by value");
        using result =
            decltype(detail::call_with(std::declval<function&>(), std::declval<values&>()));
        using value = std::decay_t<result>;
        detail::require_sendable_result<value>();
        return post<value>(
            &detail::run_call<function, values>, function(f), [&](detail::packer& to) {
                pack<values>(to, std::index_sequence_for<Args...>(), std::forward<Args>(args)...);
            });
    }

    /// f(x) for each x of the inputs; a range of the results in their order. See map_results. An lvalue range is referred to
    /// and must outlive the results, a temporary is moved in. Results that are abandoned do not kill workers.
    ///
    ///     for (int r : procs.map(work, inputs, {.chunk_size = 64})) use(r);
    template <class F, std::ranges::input_range R>
    auto map(F&& f, R&& inputs, const map_options& options = {}) {
        using function = std::decay_t<F>;
        using item = std::ranges::range_value_t<R>;
        detail::require_callable_elsewhere<function>();
        static_assert(std::is_invocable_v<function&, item>,
                      "weft: the function can't be called with an element of the range, by value");
        using value = detail::map_value<function&, item&&>;
        detail::require_sendable_argument<item>();
        detail::require_sendable_result<value>();
        const auto submit_chunk = [this, f = function(f)](const std::deque<item>& items) {
            return post<detail::map_chunk<value>>(&detail::run_chunk<function, item>, f,
                                                  [&](detail::packer& to) { to(items); });
        };
        constexpr std::size_t k_unsized = 16; // a call costs some ten microseconds
        const auto abandon = [](auto& call) {
            static_cast<detail::process_call_state<detail::map_chunk<value>>*>(call.core())
                ->abandon();
        };
        return detail::start_map<value>(std::forward<R>(inputs), options, max_workers(), k_unsized,
                                        submit_chunk, abandon);
    }

    /// No further calls; those that were made run to their end (see shutdown_options); then the workers end. With a time-out
    /// those that still run are killed when it has passed. Waiting suspends a task, blocks a plain thread, and is no
    /// cancel point. May be called again. Throws would_deadlock from a done callback that runs where an answer of the pool is received.
    void shutdown(const shutdown_options& options = {});

    /// Pids of the workers that live now.
    [[nodiscard]] std::vector<int> worker_pids() const;
    [[nodiscard]] unsigned max_workers() const noexcept;

private:
    template <class Values, std::size_t... I, class... Args>
    static void pack(detail::packer& to, std::index_sequence<I...>, Args&&... args) {
        (detail::pack_as<std::tuple_element_t<I, Values>>(to, std::forward<Args>(args)), ...);
    }

    template <class T, class F, class Pack>
    future<T> post(detail::call_entry entry, F f, Pack pack_arguments) const {
        const void* target = nullptr;
        if constexpr (detail::function_pointer<F>) target = reinterpret_cast<const void*>(f);
        auto* call = new detail::process_call_state<T>(pool_, entry, target);
        future<T> result(detail::core_ref<detail::future_state<T>>::adopt(call));
        auto for_pool = detail::core_ref<detail::future_state<T>>::adopt(call);
        detail::packer to(*call->arguments);
        pack_arguments(to);
        detail::post(*call);
        static_cast<void>(for_pool.release());
        return result;
    }

    const std::shared_ptr<detail::process_pool> pool_;
};

/// As where.submit(f, args...).
template <class F, class... Args>
auto run_in_executor(process_pool_executor& where, F&& f, Args&&... args) {
    return where.submit(std::forward<F>(f), std::forward<Args>(args)...);
}

} // namespace weft
