# install.cmake - what `cmake --install` puts where: the header, the library, the command, and what pkg-config
# and find_package need.  The installed tree may be moved: nothing in it names its own place.
include(CMakePackageConfigHelpers)

install(TARGETS palimpsest EXPORT palimpsest ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES src/palimpsest.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
if(NOT PAL_WASM)
    install(TARGETS palimpsest_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

# pkg-config: the prefix is counted from the .pc file upwards.
set(PAL_PC_DIR ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH PAL_PC_TO_PREFIX ${CMAKE_INSTALL_PREFIX}/${PAL_PC_DIR} ${CMAKE_INSTALL_PREFIX})
configure_file(tools/cmake/palimpsest.pc.in palimpsest.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/palimpsest.pc DESTINATION ${PAL_PC_DIR})

# find_package(palimpsest): the target palimpsest::palimpsest.  It needs nothing but libm, so the exported
# targets are the whole configuration.
set(PAL_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/palimpsest)
install(EXPORT palimpsest FILE palimpsest-config.cmake NAMESPACE palimpsest:: DESTINATION ${PAL_CMAKE_DIR})
write_basic_package_version_file(palimpsest-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/palimpsest-config-version.cmake DESTINATION ${PAL_CMAKE_DIR})
