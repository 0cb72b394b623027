/*
 * common.c - what every subcommand does the same way: complaining, reading a file, printing JSON.
 */
#include "cli/command.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

int otr_complain(int status, const char *what, const char *why, ...)
{
    va_list args;

    fprintf(stderr, "outrider: %s: ", what);
    va_start(args, why);
    vfprintf(stderr, why, args);
    va_end(args);
    fputc('\n', stderr);
    return status;
}

static char *read_stream(FILE *in, const char *path, size_t limit, size_t *len, int *status)
{
    char *data = malloc(limit + 2);
    size_t got;

    if (data == NULL) {
        *status = otr_complain(EX_OSERR, path, "out of memory");
        return NULL;
    }
    got = fread(data, 1, limit + 1, in);
    if (ferror(in)) {
        *status = otr_complain(EX_NOINPUT, path, "%s", strerror(errno));
        free(data);
        return NULL;
    }
    if (got > limit) {
        *status = otr_complain(EX_DATAERR, path, "larger than the limit of %zu octets", limit);
        free(data);
        return NULL;
    }
    data[got] = '\0';
    *len = got;
    return data;
}

char *otr_read_input(const char *path, size_t limit, size_t *len, int *status)
{
    FILE *in;
    char *data;

    if (strcmp(path, "-") == 0)
        return read_stream(stdin, "standard input", limit, len, status);
    in = fopen(path, "rbe");
    if (in == NULL) {
        *status = otr_complain(EX_NOINPUT, path, "%s", strerror(errno));
        return NULL;
    }
    data = read_stream(in, path, limit, len, status);
    fclose(in);
    return data;
}

int otr_print_json(struct json_t *value, int status)
{
    int printed = value != NULL ? json_dumpf(value, stdout, JSON_COMPACT | JSON_ENSURE_ASCII) : -1;

    json_decref(value);
    if (printed != 0 || putchar('\n') == EOF || fflush(stdout) != 0)
        return otr_complain(EX_IOERR, "standard output", "%s", errno ? strerror(errno) : "cannot write JSON");
    return status;
}
