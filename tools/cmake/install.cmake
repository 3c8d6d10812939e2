# install.cmake - installs the header, the library, the command, and the files for pkg-config and
# find_package.  The installed tree may be moved: no file in it has an absolute path.
include(CMakePackageConfigHelpers)

install(TARGETS palimpsest EXPORT palimpsest ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES src/palimpsest.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
if(NOT PAL_WASM)
    install(TARGETS palimpsest_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

# pkg-config: the prefix is relative to the .pc file.
set(PAL_PC_DIR ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH PAL_PC_TO_PREFIX ${CMAKE_INSTALL_PREFIX}/${PAL_PC_DIR} ${CMAKE_INSTALL_PREFIX})
configure_file(tools/cmake/palimpsest.pc.in palimpsest.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/palimpsest.pc DESTINATION ${PAL_PC_DIR})

# find_package(palimpsest): the target palimpsest::palimpsest.  It needs libm and POSIX threads.
set(PAL_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/palimpsest)
install(EXPORT palimpsest FILE palimpsest-targets.cmake NAMESPACE palimpsest:: DESTINATION ${PAL_CMAKE_DIR})
set(PAL_FIND_THREADS "")
if(NOT PAL_WASM)
    set(PAL_FIND_THREADS "include(CMakeFindDependencyMacro)\nset(THREADS_PREFER_PTHREAD_FLAG ON)\nfind_dependency(Threads)\n")
endif()
file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/palimpsest-config.cmake
    "${PAL_FIND_THREADS}include(\"\${CMAKE_CURRENT_LIST_DIR}/palimpsest-targets.cmake\")\n")
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/palimpsest-config.cmake DESTINATION ${PAL_CMAKE_DIR})
write_basic_package_version_file(palimpsest-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/palimpsest-config-version.cmake DESTINATION ${PAL_CMAKE_DIR})
