/*
 * slice.h - a borrowed run of bytes: pointer and length, not NUL-terminated.
 */
#ifndef OTR_BASE_SLICE_H
#define OTR_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

typedef struct otr_slice {
    const char *ptr; /* borrowed */
    size_t len;
} otr_slice;

static inline otr_slice otr_slice_of(const char *text)
{
    return (otr_slice){ .ptr = text, .len = strlen(text) };
}

/* Byte-wise equality. An empty slice equals "". */
static inline bool otr_slice_is(otr_slice s, const char *text)
{
    size_t len = strlen(text);

    return s.len == len && (len == 0 || memcmp(s.ptr, text, len) == 0);
}

static inline bool otr_slice_eq(otr_slice a, otr_slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* ASCII only: locale must never decide what a protocol says. */
static inline bool otr_is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline bool otr_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool otr_is_alnum(char c)
{
    return otr_is_alpha(c) || otr_is_digit(c);
}

static inline char otr_to_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

#endif
