# wasm-relaxed.cmake - the second WebAssembly build: relaxed SIMD, by clang-19 and wasm-ld-19.
#
# Debian's Emscripten (3.1.6, clang 14) emits old opcodes for relaxed SIMD that no engine loads any more.
# clang-19 emits the final ones; headers and system libraries are still Emscripten's, so both builds use the
# same libc. wasm-ld links instead of clang's driver, because the driver runs any wasm-opt that it finds, and
# binaryen 108 drops operands of relaxed dot products (locals.mjs, run on what was linked, keeps them from it).
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR wasm32)
set(PAL_RELAXED ON)

find_program(PAL_CLANG NAMES clang-19 REQUIRED)
find_program(PAL_WASM_LD NAMES wasm-ld-19 REQUIRED)
find_program(PAL_AR NAMES llvm-ar-19 llvm-ar-14 llvm-ar REQUIRED) # emar's works too: clang-19 does not include one
find_program(PAL_EM_CONFIG NAMES em-config REQUIRED)
find_program(PAL_NODE NAMES node nodejs REQUIRED)
execute_process(COMMAND ${PAL_EM_CONFIG} BINARYEN_ROOT OUTPUT_VARIABLE binaryen OUTPUT_STRIP_TRAILING_WHITESPACE)
find_program(PAL_WASM_OPT NAMES wasm-opt HINTS ${binaryen}/bin REQUIRED) # what emcc runs too
if(NOT PAL_SYSROOT)
    execute_process(COMMAND ${PAL_EM_CONFIG} CACHE OUTPUT_VARIABLE cache OUTPUT_STRIP_TRAILING_WHITESPACE)
    set(PAL_SYSROOT ${cache}/sysroot CACHE PATH "Emscripten's headers and system libraries")
endif()
set(PAL_SYSTEM_LIBRARIES ${PAL_SYSROOT}/lib/wasm32-emscripten)
if(NOT EXISTS ${PAL_SYSTEM_LIBRARIES}/libstandalonewasm-memgrow.a)
    message(FATAL_ERROR "Emscripten's cache ${PAL_SYSROOT} holds no system libraries: build preset wasm first")
endif()

set(CMAKE_C_COMPILER ${PAL_CLANG})
set(CMAKE_C_COMPILER_TARGET wasm32-unknown-emscripten)
set(CMAKE_SYSROOT ${PAL_SYSROOT})
set(CMAKE_AR ${PAL_AR})
set(CMAKE_C_ARCHIVE_FINISH "") # llvm-ar has already written the index
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
# Without -disable-lsr (which Emscripten sets too) addresses are computed in advance that WebAssembly's loads add at no
# cost.
set(CMAKE_C_FLAGS_INIT "-msimd128 -mrelaxed-simd -mllvm -disable-lsr")

# The libraries that `emcc -sSTANDALONE_WASM -sALLOW_MEMORY_GROWTH=1` links.  The stack is below everything else:
# an overflow leaves the memory and traps.
set(CMAKE_C_LINK_EXECUTABLE "${PAL_WASM_LD} <LINK_FLAGS> <OBJECTS> -o <TARGET> <LINK_LIBRARIES> -L${PAL_SYSTEM_LIBRARIES} \
-lstandalonewasm-memgrow -lstubs -lnoexit -lc -ldlmalloc -lcompiler_rt --import-undefined --strip-debug -O2 \
--stack-first --initial-memory=16777216 --max-memory=4294967296"
    "${PAL_NODE} ${CMAKE_CURRENT_LIST_DIR}/locals.mjs ${PAL_WASM_OPT} <TARGET>")
