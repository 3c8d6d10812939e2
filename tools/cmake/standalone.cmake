# standalone.cmake - builds WebAssembly without Emscripten's JavaScript, with either compiler (PAL_RELAXED:
# clang-19).
#
#   pal_standalone(TARGET STACK_BYTES [EXPORT...])
#
# makes an executable a single .wasm whose memory can grow to the limit of 32-bit addresses.  With exports it is a
# library for its host; without, a program whose host provides arguments, output and a clock
# (tests/engines/host.mjs).
function(pal_standalone target stack)
    set_target_properties(${target} PROPERTIES SUFFIX .wasm)
    if(PAL_RELAXED AND ARGN)
        # Emscripten's default exports, so that both builds have the same ones.
        list(TRANSFORM ARGN PREPEND "--export=" OUTPUT_VARIABLE exports)
        target_link_options(${target} PRIVATE ${PAL_SYSTEM_LIBRARIES}/crt1_reactor.o --entry=_initialize
            ${exports} --export=stackSave --export=stackRestore --export=stackAlloc --export=__errno_location --export-table)
    elseif(PAL_RELAXED)
        target_link_options(${target} PRIVATE ${PAL_SYSTEM_LIBRARIES}/crt1.o --entry=_start)
    elseif(ARGN)
        list(TRANSFORM ARGN PREPEND "_" OUTPUT_VARIABLE exports)
        list(JOIN exports "," exports)
        target_link_options(${target} PRIVATE --no-entry -sFILESYSTEM=0 -sEXPORTED_FUNCTIONS=${exports})
    endif()
    if(PAL_RELAXED)
        target_link_options(${target} PRIVATE -zstack-size=${stack})
    else()
        target_link_options(${target} PRIVATE
            -sSTANDALONE_WASM -sALLOW_MEMORY_GROWTH=1 -sMAXIMUM_MEMORY=4GB -sTOTAL_STACK=${stack} -Oz --profiling-funcs)
    endif()
endfunction()

# pal_shared_memory(TARGET)
#
# after pal_standalone: the memory is the host's and shared by several instances; the first one initialises it.  The
# system libraries know nothing of threads (--no-check-features), so one thread alone may call the functions that keep
# something.  Nothing is thread-local.
function(pal_shared_memory target)
    target_link_options(${target} PRIVATE --shared-memory --import-memory --no-check-features)
endfunction()
