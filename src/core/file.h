/* file.h - a file as memory (internal).  Writes to the memory never reach the file.  The library opens files only in
 * pal_model_open_file. */
#ifndef PAL_FILE_H
#define PAL_FILE_H

#include "core.h"

typedef struct {
    void *data; /* page aligned (or 64-byte aligned where there is no mmap) */
    size_t size;
} pal_file;

/* Maps a regular file.  For a folder, an empty file or an unreadable file: PAL_E_IO, with a message that says which. */
pal_status pal_file_map(pal_file *out, const char *path, pal_error *err);
void pal_file_unmap(pal_file *file);

#endif
