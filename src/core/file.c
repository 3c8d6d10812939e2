/* file.c - reads a regular file into private memory: the memory can be written, the file never changes.
 *
 * With mmap the system loads pages as they are needed, and processes share the pages that they do not write.  If
 * another program truncates the file meanwhile, reading a lost page raises SIGBUS, so model files must be replaced by
 * renaming, never rewritten in place.  Without mmap (WebAssembly) the whole file is read. */
#if (defined(__unix__) || defined(__APPLE__)) && !defined(__EMSCRIPTEN__)
#define HAVE_MMAP       1
#define _POSIX_C_SOURCE 200809L
#else
#define HAVE_MMAP 0
#endif

#include "file.h"

#if HAVE_MMAP

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static pal_status map_descriptor(pal_file *out, int descriptor, pal_error *err)
{
    struct stat info;
    if (fstat(descriptor, &info))
        return pal_fail(err, PAL_E_IO, "the size and type of the file cannot be read", SIZE_MAX);
    if (S_ISDIR(info.st_mode))
        return pal_fail(err, PAL_E_IO, "this is a folder, not a file: give the path of the .gguf file itself",
                        SIZE_MAX);
    if (!S_ISREG(info.st_mode)) return pal_fail(err, PAL_E_IO, "this is not a regular file", SIZE_MAX);
    if (info.st_size <= 0) return pal_fail(err, PAL_E_IO, "the file is empty", SIZE_MAX);
    if ((uintmax_t)info.st_size > SIZE_MAX) return pal_fail(err, PAL_E_IO, "the file is too large", SIZE_MAX);
    void *data = mmap(NULL, (size_t)info.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, descriptor, 0);
    if (data == MAP_FAILED) return pal_fail(err, PAL_E_IO, "the file cannot be mapped", SIZE_MAX);
    *out = (pal_file){data, (size_t)info.st_size};
    return PAL_OK;
}

pal_status pal_file_map(pal_file *out, const char *path, pal_error *err)
{
    /* Without O_NONBLOCK, opening a named pipe as a model would wait for a writer forever. */
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) return pal_fail(err, PAL_E_IO, "the file does not exist or cannot be opened", SIZE_MAX);
    pal_status status = map_descriptor(out, descriptor, err);
    close(descriptor); /* the mapping stays valid */
    return status;
}

void pal_file_unmap(pal_file *file)
{
    if (file->data) munmap(file->data, file->size);
    *file = (pal_file){NULL, 0};
}

#else

#include <stdio.h>
#include <stdlib.h>

enum { FILE_ALIGN = 64 };

static pal_status read_stream(pal_file *out, FILE *stream, pal_error *err)
{
    /* On some systems a folder can be opened, and fseek to its end succeeds, but no byte can be read. */
    if (fgetc(stream) == EOF) {
        const char *text = ferror(stream) ? "the file cannot be read; is it a folder?" : "the file is empty";
        return pal_fail(err, PAL_E_IO, text, SIZE_MAX);
    }
    long end = fseek(stream, 0, SEEK_END) == 0 ? ftell(stream) : -1;
    if (end <= 0 || fseek(stream, 0, SEEK_SET)) {
        return pal_fail(err, PAL_E_IO, "this is not a regular file", SIZE_MAX);
    }
    size_t size = (size_t)end;
    if (size > SIZE_MAX - FILE_ALIGN) return pal_fail(err, PAL_E_IO, "the file is too large", SIZE_MAX);
    void *data = aligned_alloc(FILE_ALIGN, (size + FILE_ALIGN - 1) & ~(size_t)(FILE_ALIGN - 1));
    if (!data) return pal_fail(err, PAL_E_MEMORY, "not enough memory for the file", SIZE_MAX);
    if (fread(data, 1, size, stream) != size) {
        free(data);
        return pal_fail(err, PAL_E_IO, "the file cannot be read", SIZE_MAX);
    }
    *out = (pal_file){data, size};
    return PAL_OK;
}

pal_status pal_file_map(pal_file *out, const char *path, pal_error *err)
{
    FILE *stream = fopen(path, "rb");
    if (!stream) return pal_fail(err, PAL_E_IO, "the file does not exist or cannot be opened", SIZE_MAX);
    pal_status status = read_stream(out, stream, err);
    fclose(stream);
    return status;
}

void pal_file_unmap(pal_file *file)
{
    free(file->data);
    *file = (pal_file){NULL, 0};
}

#endif
