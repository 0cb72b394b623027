/*
 * probe_print.h - what a probe has shown, for people and as JSON: a line for each address of each host of each destination.
 */
#ifndef OTR_CLI_PROBE_PRINT_H
#define OTR_CLI_PROBE_PRINT_H

#include "cli/probe_judge.h"

/* `judgements`: one for each note of `probed`, or none if it has none. False: out of memory. */
bool otr_probe_print_host(const otr_verdict *verdict, size_t host, const otr_probed_host *probed,
                          const otr_probe_judgement *judgements, bool is_recorded, bool as_json);

/* A destination without a host to go to. */
bool otr_probe_print_nothing(const char *domain, otr_probe_verdict verdict, const char *reason, bool as_json);

#endif
