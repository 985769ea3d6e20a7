# SPDX-License-Identifier: Apache-2.0
#
# Install rules: headers, libraries, the CMake package `weft` and the pkg-config files.
include(CMakePackageConfigHelpers)

set(weft_cmake_dir "${CMAKE_INSTALL_LIBDIR}/cmake/weft")
set(weft_pkgconfig_dir "${CMAKE_INSTALL_LIBDIR}/pkgconfig")

get_target_property(weft_type weft TYPE)
if(weft_type STREQUAL "STATIC_LIBRARY")
    set(weft_is_static ON)
else()
    set(weft_is_static OFF)
endif()

# What a program that links weft must link too: with an archive all of it, else nothing.
set(weft_depends "-lboost_context")
if(WEFT_MIMALLOC)
    string(APPEND weft_depends " -lmimalloc")
endif()
set(weft_libs "")
set(weft_libs_private "")
if(weft_is_static)
    set(weft_libs " ${weft_depends}")
else()
    set(weft_libs_private " ${weft_depends}")
endif()
file(RELATIVE_PATH weft_prefix_from_pc "/prefix/${weft_pkgconfig_dir}" "/prefix")
string(REGEX REPLACE "/$" "" weft_prefix_from_pc "${weft_prefix_from_pc}")

# weft_install_component(<target> <export set> <pc file>)
function(weft_install_component target export pc)
    install(TARGETS ${target} EXPORT ${export}
        ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}"
        LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}")
    install(EXPORT ${export} NAMESPACE weft:: DESTINATION "${weft_cmake_dir}")
    configure_file("${PROJECT_SOURCE_DIR}/cmake/${pc}.in" "${PROJECT_BINARY_DIR}/${pc}" @ONLY)
    install(FILES "${PROJECT_BINARY_DIR}/${pc}" DESTINATION "${weft_pkgconfig_dir}")
endfunction()

weft_install_component(weft weftTargets weft.pc)
if(TARGET weft-http)
    weft_install_component(weft-http weft-httpTargets weft-http.pc)
endif()

if(TARGET weft-process)
    weft_install_component(weft-process weft-processTargets weft-process.pc)
endif()

if(TARGET weft-tbb)
    weft_install_component(weft-tbb weft-tbbTargets weft-tbb.pc)
endif()

install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/weft" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
    FILES_MATCHING PATTERN "*.hpp")

configure_package_config_file(
    "${PROJECT_SOURCE_DIR}/cmake/weftConfig.cmake.in" "${PROJECT_BINARY_DIR}/weftConfig.cmake"
    INSTALL_DESTINATION "${weft_cmake_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/weftConfigVersion.cmake"
    COMPATIBILITY SameMinorVersion)
install(FILES
    "${PROJECT_BINARY_DIR}/weftConfig.cmake" "${PROJECT_BINARY_DIR}/weftConfigVersion.cmake"
    DESTINATION "${weft_cmake_dir}")
