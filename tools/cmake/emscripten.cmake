# emscripten.cmake - finds the installed Emscripten's own toolchain file.
#
# Debian keeps the JavaScript optimiser's libraries where Node does not look by itself; NODE_PATH tells it.
find_program(EMCC emcc REQUIRED)
get_filename_component(EMCC_REAL "${EMCC}" REALPATH)
get_filename_component(EMSCRIPTEN_ROOT "${EMCC_REAL}" DIRECTORY)
foreach(root "${EMSCRIPTEN_ROOT}" /usr/share/emscripten "$ENV{EMSDK}/upstream/emscripten")
    if(EXISTS "${root}/cmake/Modules/Platform/Emscripten.cmake")
        include("${root}/cmake/Modules/Platform/Emscripten.cmake")
        return()
    endif()
endforeach()
message(FATAL_ERROR "emcc was found at ${EMCC}, but not its CMake toolchain file")
