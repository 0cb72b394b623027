/*
 * outrider/base.h - what every part of liboutrider returns: an error code and, where text was read,
 * a diagnostic that points at the byte.
 *
 * An error means "we could not find out". What we found out (no policy, insecure zone, no usable
 * record) is never an error: it is a value of the type that the function returns.
 */
#ifndef OUTRIDER_BASE_H
#define OUTRIDER_BASE_H

#if defined(__GNUC__)
#define OUTRIDER_API __attribute__((visibility("default")))
#define OUTRIDER_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define OUTRIDER_API
#define OUTRIDER_PRINTF(fmt, args)
#endif

typedef enum outrider_err {
    OUTRIDER_OK = 0,
    OUTRIDER_E_SYNTAX, /* text breaks its grammar; the diagnostic says where */
    OUTRIDER_E_LIMIT,  /* input exceeds a named limit */
    OUTRIDER_E_NOMEM,
    OUTRIDER_E_IO,     /* a file, socket or database failed; the diagnostic says which and why */
    OUTRIDER_E_CONFIG, /* settings that cannot work together */
} outrider_err;

/* Where and why something was refused. line and column count from 1; 0 means "not about a place". */
typedef struct outrider_diag {
    unsigned line;
    unsigned column; /* in bytes */
    char message[256];
} outrider_diag;

#endif
