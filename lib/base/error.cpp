// SPDX-License-Identifier: Apache-2.0
#include <weft/base/error.hpp>

#include <cxxabi.h>

#include <typeinfo>

#include "base/demangle.hpp"

namespace weft {

using detail::demangled;

std::string describe(const std::exception_ptr& error) {
    if (!error) return "no exception";
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& e) {
        return demangled(typeid(e).name()) + ": " + e.what();
    } catch (const cancelled_error& e) {
        return std::string("weft::cancelled_error") + (*e.what() != 0 ? ": " : "") + e.what();
    } catch (...) {
        const std::type_info* type = abi::__cxa_current_exception_type();
        return type != nullptr ? demangled(type->name()) : "an exception of unknown type";
    }
}

} // namespace weft
