# SPDX-License-Identifier: Apache-2.0
#
# weft_warnings(<target> <scope>): what our own code is compiled with. Never PUBLIC: a user's
# warnings are the user's.
option(WEFT_WERROR "Treat warnings in weft's own code as errors" OFF)

function(weft_warnings target scope)
    target_compile_options(${target} ${scope}
        -Wall -Wextra -Wpedantic
        -Wshadow -Wconversion -Wold-style-cast -Wcast-qual -Wdouble-promotion
        -Wnon-virtual-dtor -Woverloaded-virtual -Wextra-semi -Wformat=2 -Wimplicit-fallthrough
        -Wno-sign-conversion
        $<$<CXX_COMPILER_ID:GNU>:-Wduplicated-cond -Wlogical-op>
        $<$<BOOL:${WEFT_WERROR}>:-Werror>)
endfunction()
