// SPDX-License-Identifier: Apache-2.0
// The atomics policy of the models: the shipped headers run under relacy, which tries interleavings and stale reads.
// relacy's macros (new, assert, errno, memory_order_...) are taken back here, so includes may come in any order.
#pragma once

#include <cerrno>

#pragma push_macro("EINVAL")
#pragma push_macro("ETIMEDOUT")
#pragma push_macro("EBUSY")
#pragma push_macro("EINTR")
#pragma push_macro("EAGAIN")
#pragma push_macro("EWOULDBLOCK")

#include <relacy/relacy.hpp>

#pragma pop_macro("EINVAL")
#pragma pop_macro("ETIMEDOUT")
#pragma pop_macro("EBUSY")
#pragma pop_macro("EINTR")
#pragma pop_macro("EAGAIN")
#pragma pop_macro("EWOULDBLOCK")

#undef new
#undef delete
#undef malloc
#undef calloc
#undef realloc
#undef free
#undef assert
#undef errno
#undef memory_order_relaxed
#undef memory_order_consume
#undef memory_order_acquire
#undef memory_order_release
#undef memory_order_acq_rel
#undef memory_order_seq_cst
#undef sched_yield

#include <atomic>
#include <cstddef>
#include <iostream>
#include <new>
#include <source_location>

// relacy replaces new and delete by inline functions and forgets the sized forms; each must really be there.
inline void operator delete(void* p, std::size_t) noexcept { ::operator delete(p); }
inline void operator delete[](void* p, std::size_t) noexcept { ::operator delete[](p); }

namespace weft::model {

inline void* (*const volatile used_new)(std::size_t) = &::operator new;
inline void* (*const volatile used_new_array)(std::size_t) = &::operator new[];
inline void (*const volatile used_delete)(void*) = &::operator delete;
inline void (*const volatile used_delete_array)(void*) = &::operator delete[];

inline rl::memory_order to_relacy(std::memory_order order) {
    switch (order) {
    case std::memory_order::relaxed: return rl::mo_relaxed;
    case std::memory_order::consume: return rl::mo_consume;
    case std::memory_order::acquire: return rl::mo_acquire;
    case std::memory_order::release: return rl::mo_release;
    case std::memory_order::acq_rel: return rl::mo_acq_rel;
    case std::memory_order::seq_cst: break;
    }
    return rl::mo_seq_cst;
}

/// As std: without a failure order of its own, a failed exchange is a load of what remains.
inline rl::memory_order on_failure(std::memory_order order) {
    if (order == std::memory_order::acq_rel) return rl::mo_acquire;
    if (order == std::memory_order::release) return rl::mo_relaxed;
    return to_relacy(order);
}

/// A place in the source, for relacy's history.
using place = std::source_location;
inline rl::debug_info at(const place& p) { return {p.function_name(), p.file_name(), p.line()}; }

template <class T>
class atomic {
public:
    atomic() : value_(T()) {} // as std's since C++20
    atomic(T value) : value_(value) {}

    T load(std::memory_order o = std::memory_order::seq_cst, place p = place::current()) const {
        return value_.load(to_relacy(o), at(p));
    }
    void store(T v, std::memory_order o = std::memory_order::seq_cst, place p = place::current()) {
        value_.store(v, to_relacy(o), at(p));
    }
    T exchange(T v, std::memory_order o = std::memory_order::seq_cst, place p = place::current()) {
        return value_.exchange(v, to_relacy(o), at(p));
    }
    bool compare_exchange_weak(T& seen, T v, std::memory_order o, std::memory_order failure,
                               place p = place::current()) {
        return value_.compare_exchange_weak(seen, v, to_relacy(o), at(p), to_relacy(failure),
                                            at(p));
    }
    bool compare_exchange_weak(T& seen, T v, std::memory_order o, place p = place::current()) {
        return value_.compare_exchange_weak(seen, v, to_relacy(o), at(p), on_failure(o), at(p));
    }
    bool compare_exchange_strong(T& seen, T v, std::memory_order o, std::memory_order failure,
                                 place p = place::current()) {
        return value_.compare_exchange_strong(seen, v, to_relacy(o), at(p), to_relacy(failure),
                                              at(p));
    }
    bool compare_exchange_strong(T& seen, T v, std::memory_order o, place p = place::current()) {
        return value_.compare_exchange_strong(seen, v, to_relacy(o), at(p), on_failure(o), at(p));
    }
    T fetch_add(T v, std::memory_order o, place p = place::current()) {
        return value_.fetch_add(v, to_relacy(o), at(p));
    }
    T fetch_sub(T v, std::memory_order o, place p = place::current()) {
        return value_.fetch_sub(v, to_relacy(o), at(p));
    }
    T fetch_or(T v, std::memory_order o, place p = place::current()) {
        return value_.fetch_or(v, to_relacy(o), at(p));
    }
    T fetch_and(T v, std::memory_order o, place p = place::current()) {
        return value_.fetch_and(v, to_relacy(o), at(p));
    }

private:
    rl::atomic<T> value_;
};

struct relacy_atomics {
    template <class T>
    using atomic = model::atomic<T>;
    template <class T>
    using unset_atomic = model::atomic<T>;
    static void fence() { rl::atomic_thread_fence(rl::mo_seq_cst, RL_INFO); }
    /// Lets the others run: without it a spin loop looks like a livelock.
    static void pause() { rl::yield(1, RL_INFO); }
    static void give_way() { pause(); }
};

/// A lock for the models; std::lock_guard takes it.
class mutex {
public:
    void lock() { mutex_.lock(RL_INFO); }
    void unlock() { mutex_.unlock(RL_INFO); }
    rl::mutex& native() { return mutex_; }

private:
    rl::mutex mutex_;
};

/// A plain variable: relacy reports a data race on it.
template <class T>
class plain {
public:
    T get(place p = place::current()) const { return value_(at(p)).load(); }
    void set(T v, place p = place::current()) { value_(at(p)).store(v); }
    plain& operator=(T v) {
        set(v);
        return *this;
    }

private:
    rl::var<T> value_;
};

/// Lets the others get ahead, by up to so many steps: relacy's own choice prefers even turns.
inline void stagger(unsigned steps) {
    for (unsigned n = rl::rand(steps + 1); n > 0; --n) relacy_atomics::pause();
}

/// Ends the run with the history that led here.
inline void require(bool condition, const char* what, place p = place::current()) {
    if (!condition) rl::ctx().fail_test(what, rl::test_result_user_assert_failed, at(p));
}

/// Runs a model by so many random schedules. False, after printing the history, if one of them broke it.
template <class Model>
bool run(rl::iteration_t schedules) {
    std::ostream silent(nullptr);
    rl::test_params parameters;
    parameters.iteration_count = schedules;
    parameters.search_type = rl::random_scheduler_type;
    parameters.execution_depth_limit =
        4000; // steps; a model that takes so many goes round in circles
    parameters.progress_stream = &silent;
    return rl::simulate<Model>(parameters);
}

} // namespace weft::model
