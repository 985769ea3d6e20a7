// SPDX-License-Identifier: Apache-2.0
// How stream_socket meets the stream concepts of Boost.Asio without a header of it: by templates over its types.
#pragma once

#include <sys/uio.h>

#include <any>
#include <concepts>
#include <cstddef>
#include <iterator>
#include <optional>
#include <system_error>
#include <type_traits>
#include <utility>

#include <weft/base/error.hpp>

// Names that only those who include Boost ever use; no definition is needed here.
namespace boost {
namespace system {
class error_category;
class error_code;
} // namespace system
namespace asio {
class execution_context;
namespace error {
const boost::system::error_category& get_misc_category();
} // namespace error
} // namespace asio
namespace beast {
enum class role_type;
}
} // namespace boost

namespace weft::net::detail {

template <class B>
concept asio_mutable_buffer = requires(const B& b) {
    { b.data() } -> std::same_as<void*>;
    { b.size() } -> std::convertible_to<std::size_t>;
};
template <class B>
concept asio_const_buffer = asio_mutable_buffer<B> || requires(const B& b) {
    { b.data() } -> std::same_as<const void*>;
    { b.size() } -> std::convertible_to<std::size_t>;
};
template <class S>
using asio_element = std::remove_cvref_t<decltype(*std::declval<const S&>().begin())>;

/// One buffer, or a sequence of them.
template <class S>
concept asio_mutable_buffers = asio_mutable_buffer<S> || asio_mutable_buffer<asio_element<S>>;
template <class S>
concept asio_const_buffers = asio_const_buffer<S> || asio_const_buffer<asio_element<S>>;
/// boost::system::error_code, std::error_code.
template <class E>
concept asio_error = requires(E& e) {
    e.assign(0, E().category());
};

/// The first buffers of a sequence that are not empty, for the kernel.
class asio_slices {
public:
    template <class Buffers>
    explicit asio_slices(const Buffers& all) noexcept {
        if constexpr (asio_const_buffer<Buffers>)
            add(all);
        else
            for (auto at = all.begin(); at != all.end() && size_ < k_most; ++at) add(*at);
    }
    [[nodiscard]] const iovec* data() const noexcept { return slices_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

private:
    template <class Buffer>
    void add(const Buffer& b) noexcept {
        if (b.size() != 0) slices_[size_++] = {const_cast<void*>(b.data()), b.size()};
    }
    static constexpr std::size_t k_most = 16;
    iovec slices_[k_most];
    std::size_t size_ = 0;
};

std::size_t checked_asio(std::ptrdiff_t n, const char* what);

/// asio::error::eof.
template <class Error>
void assign_end_of_stream(Error& error) {
    constexpr int k_eof = 2;
    if constexpr (std::is_same_v<Error, boost::system::error_code>)
        error.assign(k_eof, boost::asio::error::get_misc_category());
    else
        error.assign(k_eof, Error().category());
}

/// Bytes, with errno as an error of the system's category.
template <class Error>
std::size_t to_asio(std::ptrdiff_t n, Error& error, bool nothing_is_the_end) {
    error.assign(n < 0 ? static_cast<int>(-n) : 0, Error().category());
    if (n == 0 && nothing_is_the_end) assign_end_of_stream(error);
    return n > 0 ? static_cast<std::size_t>(n) : 0;
}

/// The client says goodbye last, the server first; both take what is still under way, or it would reset the connection.
template <class Stream, class Error>
void tear_down(bool is_client, Stream& stream, Error& error) {
    error.assign(0, Error().category());
    try {
        if (!is_client) stream.shutdown_write();
        for (char rest[512]; stream.read_some(rest) != 0;) {}
        if (is_client) stream.shutdown_write();
    } catch (const std::system_error& e) { error.assign(e.code().value(), Error().category()); }
    stream.close();
}

template <class Result>
concept asio_context_property =
    std::is_lvalue_reference_v<Result> || std::is_same_v<Result, std::any>;

/// What asks a stream for its executor gets this one, which Asio's any_io_executor takes. The stream itself needs none: its
/// calls suspend the task that makes them.
struct asio_executor {
    template <class F>
    void execute(F&& f) const {
        std::forward<F>(f)();
    }
    /// execution::context, and context_as<execution_context&>: one for the whole process.
    template <class Property, class Context = boost::asio::execution_context>
    requires asio_context_property<typename Property::polymorphic_query_result_type> Context& query(
        const Property&) const {
        static Context context;
        return context;
    }
    /// execution::blocking.never
    template <class Property>
        requires(Property::is_requirable)
    asio_executor require(const Property&)
    const noexcept { return {}; }
    friend constexpr bool operator==(asio_executor, asio_executor) noexcept { return true; }
    friend constexpr bool operator!=(asio_executor, asio_executor) noexcept { return false; }
};

} // namespace weft::net::detail
