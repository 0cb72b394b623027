/*
 * command.h - the subcommands of outrider: one file each, found through one table in main.c.
 */
#ifndef OTR_CLI_COMMAND_H
#define OTR_CLI_COMMAND_H

#include <outrider/base.h>

#include <stdbool.h>
#include <stdio.h>
#include <sysexits.h>

/* argv[0] is the last word of the command ("policy" for "lint policy"); returns an exit status of sysexits. */
typedef int otr_command(int argc, char **argv);

otr_command otr_cmd_query, otr_cmd_setup, otr_cmd_lint_policy, otr_cmd_lint_record, otr_cmd_lint_tlsrpt, otr_cmd_lint_tlsa,
    otr_cmd_lint_domain, otr_cmd_tlsa_match, otr_cmd_override_add, otr_cmd_override_list, otr_cmd_override_remove,
    otr_cmd_trust_add, otr_cmd_trust_list, otr_cmd_trust_remove, otr_cmd_trust_accept, otr_cmd_trust_verify, otr_cmd_trust_what_if,
    otr_cmd_trust_probe, otr_cmd_trust_report, otr_cmd_trust_explain, otr_cmd_publish_reload, otr_cmd_publish_retire, otr_cmd_publish_set,
    otr_cmd_publish_status, otr_cmd_fleet_status, otr_cmd_tlsa_guard, otr_cmd_tlsa_plan, otr_cmd_tlsa_status, otr_cmd_tlsa_generate, otr_cmd_records;

/* "outrider: WHAT: WHY" on standard error, WHAT escaped; returns status, so that a command can `return
 * otr_complain(...)`. */
int otr_complain(int status, const char *what, const char *why, ...) OUTRIDER_PRINTF(3, 4);

/* Read a file, or standard input for "-", up to limit octets. NULL after complaining; *len receives the length. */
char *otr_read_input(const char *path, size_t limit, size_t *len, int *status);

/* The same, but longer input is cut off behind limit octets, for commands that have more to say about it. */
char *otr_read_head(const char *path, size_t limit, size_t *len, int *status);

/*
 * Text from outside as printable ASCII, so that a terminal shows it and does nothing else: every other byte,
 * and the backslash, becomes \xHH. Owned by the caller; NULL when out of memory.
 */
char *otr_escape(const char *text, size_t len);

/* What standard output could not take is an error: returns status, or EX_IOERR after complaining. */
int otr_flush_output(int status);

/* Print a jansson value compactly (sorted as inserted) with a newline, and release it. Returns status. */
struct json_t;
int otr_print_json(struct json_t *value, int status);

#endif
