# SPDX-License-Identifier: Apache-2.0
#
# weft_room(<target> <room>): adds the sources of lib/<room>/ to the target. A room that has no
# source file yet adds nothing.
function(weft_room target room)
    file(GLOB sources CONFIGURE_DEPENDS
        "${PROJECT_SOURCE_DIR}/lib/${room}/*.cpp"
        "${PROJECT_SOURCE_DIR}/lib/${room}/*.hpp"
        "${PROJECT_SOURCE_DIR}/include/weft/${room}/*.hpp")
    target_sources(${target} PRIVATE ${sources})
    set_property(GLOBAL APPEND PROPERTY weft_rooms ${room})
endfunction()

# weft_leave_out(<room>): a component that nobody asked for.
function(weft_leave_out room)
    set_property(GLOBAL APPEND PROPERTY weft_rooms ${room})
endfunction()

# weft_all_rooms_built(): stops when lib/ has a folder that nobody builds.
function(weft_all_rooms_built)
    get_property(rooms GLOBAL PROPERTY weft_rooms)
    file(GLOB folders CONFIGURE_DEPENDS RELATIVE "${PROJECT_SOURCE_DIR}/lib"
        "${PROJECT_SOURCE_DIR}/lib/*/*.cpp")
    foreach(file IN LISTS folders)
        get_filename_component(room "${file}" DIRECTORY)
        if(NOT room IN_LIST rooms)
            message(SEND_ERROR "lib/${file} is not built: lib/CMakeLists.txt has no weft_room for it")
        endif()
    endforeach()
endfunction()
