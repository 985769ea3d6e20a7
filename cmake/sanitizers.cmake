# SPDX-License-Identifier: Apache-2.0
#
# WEFT_SANITIZE=address,undefined or thread: applies to every target from here on.
set(WEFT_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize= takes them")

if(WEFT_SANITIZE)
    add_compile_options(-fsanitize=${WEFT_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    add_link_options(-fsanitize=${WEFT_SANITIZE})
    if(WEFT_SANITIZE MATCHES "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
        # g++ warns at each fence that TSAN does not model it.
        add_compile_options(-Wno-tsan)
    endif()
endif()
