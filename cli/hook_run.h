/*
 * hook_run.h - running an operator's program: octets in, octets out, and an end.
 */
#ifndef OTR_CLI_HOOK_RUN_H
#define OTR_CLI_HOOK_RUN_H

#include "base/buf.h"

#define OTR_HOOK_TIMEOUT_S 120
#define OTR_HOOK_OUTPUT_MAX 16384 /* octets that are kept; the rest is read and dropped */

/*
 * Run `program` with `input` on standard input and nothing else of ours: no descriptors, its own process group, an environment of PATH, LANG
 * and `variables` ("NAME=value", NULL-terminated). Its standard output and error go into `output`. After `timeout_s` it is killed with all
 * that it has started.
 *   why  receives, on failure, what became of it: "exit status 2", "killed by signal 9", "no end within 120 s"
 * True: it ended with exit status 0.
 */
bool otr_hook_run(const char *program, const char *const *variables, const char *input, size_t len, unsigned timeout_s, otr_buf *output,
                  char why[128]);

#endif
