# aarch64.cmake - builds for 64-bit ARM under Linux and runs the tests by qemu-user (Debian: gcc-aarch64-linux-gnu,
# libc6-dev-arm64-cross, qemu-user).
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
find_program(CMAKE_C_COMPILER aarch64-linux-gnu-gcc REQUIRED)
find_program(QEMU_AARCH64 qemu-aarch64)
if(QEMU_AARCH64)
    set(CMAKE_CROSSCOMPILING_EMULATOR ${QEMU_AARCH64} -L /usr/aarch64-linux-gnu)
endif()
set(PAL_PNG OFF CACHE BOOL "PNG files in the command (libpng)")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
