/*
 * trust_exception.h - one exception, as outriderd tells of it, for people.
 */
#ifndef OTR_CLI_TRUST_EXCEPTION_H
#define OTR_CLI_TRUST_EXCEPTION_H

#include <jansson.h>

/* One line on standard output. */
void otr_print_exception(const json_t *exception);

#endif
