// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <weft/task/future_core.hpp>

namespace weft {

namespace detail {
class callback;
} // namespace detail

/// What call_soon, call_later and call_at give: the right to call a callback off. Cheap, shared; empty by default; dropping it changes
/// nothing. Any thread; nothing here suspends. It may outlive its loop.
class handle {
public:
    handle() noexcept;
    handle(const handle&) noexcept;
    handle(handle&&) noexcept;
    handle& operator=(const handle&) noexcept;
    handle& operator=(handle&&) noexcept;
    ~handle();

    /// Whether this call prevented the run: then the callback never runs, and what it captured is gone. False: it runs, has run, or
    /// was cancelled before; harmless. An empty handle gives false.
    bool cancel() const noexcept;
    /// Was it cancelled before it ran?
    [[nodiscard]] bool cancelled() const noexcept;

    /// For the library's own parts.
    explicit handle(detail::core_ref<detail::callback> core) noexcept;

private:
    detail::core_ref<detail::callback> core_;
};

} // namespace weft
