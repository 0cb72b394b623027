/*
 * file_mark.h - what tells one state of a file from another, without reading it.
 */
#ifndef OTR_DAEMON_FILE_MARK_H
#define OTR_DAEMON_FILE_MARK_H

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

typedef struct otr_file_mark {
    dev_t dev;
    ino_t ino;
    off_t size;
    struct timespec changed, written;
} otr_file_mark; /* all zero where there is no file */

/* Links are followed: what they lead to is what will be read. */
otr_file_mark otr_file_mark_of(const char *path);
bool otr_file_mark_same(const otr_file_mark *a, const otr_file_mark *b);

#endif
