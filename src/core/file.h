/* file.h - a file as memory (internal): changes to it are our own and never reach the file.  The library proper never opens a file by itself
 * except through pal_model_open_file. */
#ifndef PAL_FILE_H
#define PAL_FILE_H

#include "core.h"

typedef struct {
    void *data; /* page aligned (or 64-byte aligned where there is no mmap) */
    size_t size;
} pal_file;

/* Maps a regular file; a folder, an empty file or an unreadable one is PAL_E_IO with a text that says so. */
pal_status pal_file_map(pal_file *out, const char *path, pal_error *err);
void pal_file_unmap(pal_file *file);

#endif
