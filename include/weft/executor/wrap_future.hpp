// SPDX-License-Identifier: Apache-2.0
// Futures of the standard library as ours.
#pragma once

#include <future>
#include <thread>
#include <utility>

#include <weft/task/future.hpp>

namespace weft {
namespace detail {

/// Waits for a standard future and hands on what it has.
template <class T, class Source>
void settle_from(Source& source, promise<T>& target) noexcept {
    try {
        if constexpr (std::is_void_v<T>) {
            source.get();
            target.set_value();
        } else {
            target.set_value(source.get());
        }
    } catch (...) { target.set_exception(std::current_exception()); }
}

template <class T, class Source>
future<T> wrap(Source source) {
    if (!source.valid()) throw invalid_state("weft: wrap_future of an empty std::future");
    promise<T> target;
    future<T> result = target.get_future();
    if (source.wait_for(std::chrono::seconds(0)) == std::future_status::ready)
        settle_from<T>(source, target);
    else
        std::thread([source = std::move(source), target = std::move(target)]() mutable {
            settle_from<T>(source, target);
        }).detach();
    return result;
}

} // namespace detail

/// A weft future of what a std::future will have. Does not suspend; any thread. Cancelling it ends it at once and drops the
/// result; the standard one goes on. While that is not ready it costs a detached thread, which ends when it is; a deferred
/// one (std::launch::deferred) runs there. Throws invalid_state for an empty one, std::system_error without a thread.
///
///     weft::future<int> f = weft::wrap_future(std::async(std::launch::async, work));
template <class T>
future<T> wrap_future(std::future<T>&& source) {
    return detail::wrap<T>(std::move(source));
}
/// What is one of ours already stays the same.
template <class T>
future<T> wrap_future(const future<T>& source) {
    return source;
}
/// The same as the first; the result is copied.
template <class T>
future<T> wrap_future(std::shared_future<T> source) {
    return detail::wrap<T>(std::move(source));
}

} // namespace weft
