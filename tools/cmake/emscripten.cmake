# emscripten.cmake - finds the installed Emscripten's own toolchain file.
find_program(EMCC emcc REQUIRED)
get_filename_component(EMCC_REAL "${EMCC}" REALPATH)
get_filename_component(EMSCRIPTEN_ROOT "${EMCC_REAL}" DIRECTORY)
foreach(root "${EMSCRIPTEN_ROOT}" /usr/share/emscripten "$ENV{EMSDK}/upstream/emscripten")
    if(EXISTS "${root}/cmake/Modules/Platform/Emscripten.cmake")
        # Debian installs the JavaScript optimiser's libraries (acorn) in a folder that Node does not search;
        # without them every link at -O2 and above fails.
        if(EXISTS /usr/share/nodejs/acorn)
            set(CMAKE_C_LINKER_LAUNCHER ${CMAKE_COMMAND} -E env NODE_PATH=/usr/share/nodejs)
        endif()
        include("${root}/cmake/Modules/Platform/Emscripten.cmake")
        return()
    endif()
endforeach()
message(FATAL_ERROR "emcc was found at ${EMCC}, but not its CMake toolchain file")
