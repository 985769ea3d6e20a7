# SPDX-License-Identifier: Apache-2.0
#
# weft_test(<name> <timeout in seconds> <command>...): a test, with the sanitizers set to stop at the first finding. It runs
# alone: most have threads of their own, and look at the time.
function(weft_test name timeout)
    add_test(NAME ${name} COMMAND ${ARGN})
    set_tests_properties(${name} PROPERTIES RUN_SERIAL ON TIMEOUT ${timeout} ENVIRONMENT
        "ASAN_OPTIONS=detect_stack_use_after_return=1:detect_leaks=1;\
TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1:suppressions=${PROJECT_SOURCE_DIR}/cmake/tsan.supp;\
UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1")
endfunction()
