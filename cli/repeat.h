/*
 * repeat.h - commands that somebody is to paste: with the options that this one was given, as a shell reads them.
 */
#ifndef OTR_CLI_REPEAT_H
#define OTR_CLI_REPEAT_H

#include "base/buf.h"

/* A word, in quotes where it must be. */
void otr_put_word(otr_buf *out, const char *word);

/* " --config FILE"; nothing where the value is NULL. */
void otr_put_option(otr_buf *out, const char *name, const char *value);

#endif
