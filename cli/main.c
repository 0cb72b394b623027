/*
 * main.c - outrider: finds the subcommand and hands over. What a subcommand takes and prints is in its own file.
 */
#include "cli/command.h"

#include <string.h>

static const struct command {
    const char *first;
    const char *second; /* NULL: a command of one word */
    otr_command *run;
    const char *summary;
} commands[] = {
    { "query", NULL, otr_cmd_query, "what applies when mail goes to a destination" },
    { "setup", NULL, otr_cmd_setup, "print or check the configuration of Exim, Postfix or sendmail" },
    { "override", "add", otr_cmd_override_add, "decide for a destination that is broken, until a date" },
    { "override", "list", otr_cmd_override_list, "the overrides in force" },
    { "override", "remove", otr_cmd_override_remove, "end an override now" },
    { "trust", "explain", otr_cmd_trust_explain, "which roots count for a destination, by which rules, and why not others" },
    { "trust", "probe", otr_cmd_trust_probe, "shake hands with MX hosts now, and record what they show" },
    { "trust", "report", otr_cmd_trust_report, "what hangs on which root: a table, JSON, or a picture" },
    { "trust", "add", otr_cmd_trust_add, "trust a root for some destinations, until a date" },
    { "trust", "list", otr_cmd_trust_list, "the exceptions in force, and what waits to be accepted" },
    { "trust", "remove", otr_cmd_trust_remove, "end exceptions now" },
    { "trust", "accept", otr_cmd_trust_accept, "let mail go to a destination that has come to another root" },
    { "trust", "what-if", otr_cmd_trust_what_if, "whose mail would wait without a root, or with another bundle" },
    { "trust", "verify", otr_cmd_trust_verify, "would this chain be accepted for this destination" },
    { "publish", "status", otr_cmd_publish_status, "our own policies: what is served, and what the world sees" },
    { "publish", "set", otr_cmd_publish_set, "look at our MX hosts, and serve the policy in this mode" },
    { "publish", "retire", otr_cmd_publish_retire, "withdraw the policy of a domain of ours, and know when that is over" },
    { "publish", "reload", otr_cmd_publish_reload, "read the certificates of our policy hosts again, now" },
    { "fleet", "status", otr_cmd_fleet_status, "the members of the fleet, and how this daemon stands with Redis" },
    { "lint", "policy", otr_cmd_lint_policy, "check an MTA-STS policy" },
    { "lint", "record", otr_cmd_lint_record, "check an _mta-sts TXT record" },
    { "lint", "tlsrpt", otr_cmd_lint_tlsrpt, "check an _smtp._tls TXT record" },
    { "lint", "tlsa", otr_cmd_lint_tlsa, "check TLSA records" },
    { "lint", "domain", otr_cmd_lint_domain, "check domain names and show their normal form" },
    { "records", NULL, otr_cmd_records, "the DNS records of our own domain: which, and in which order" },
    { "tlsa", "generate", otr_cmd_tlsa_generate, "TLSA records from certificates and keys, or from what a host shows" },
    { "tlsa", "guard", otr_cmd_tlsa_guard, "would it break DANE to install this certificate now" },
    { "tlsa", "plan", otr_cmd_tlsa_plan, "change the key behind TLSA records, one safe step a run" },
    { "tlsa", "status", otr_cmd_tlsa_status, "how it stands with the TLSA records of mail hosts" },
    { "tlsa", "match", otr_cmd_tlsa_match, "do these TLSA records authenticate this chain" },
};
#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static void print_usage(FILE *to)
{
    fputs("usage: outrider COMMAND [OPTION...] [ARGUMENT...]\n\n", to);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(to, "  %s%s%-*s %s\n", commands[i].first, commands[i].second ? " " : "",
                (int)((commands[i].second ? 15 : 16) - strlen(commands[i].first)), commands[i].second ? commands[i].second : "",
                commands[i].summary);
    fputs("\nEach command explains itself with --help; see outrider(1).\n", to);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_usage(stderr);
        return EX_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_usage(stdout);
        return EX_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("outrider %s\n", OUTRIDER_VERSION);
        return EX_OK;
    }
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        const struct command *c = &commands[i];

        if (strcmp(argv[1], c->first) != 0)
            continue;
        if (c->second == NULL)
            return c->run(argc - 1, argv + 1);
        if (argc > 2 && strcmp(argv[2], c->second) == 0)
            return c->run(argc - 2, argv + 2);
    }
    fprintf(stderr, "outrider: %s%s%s: no such command; \"outrider --help\" lists them\n", argv[1],
            argc > 2 && argv[2][0] != '-' ? " " : "", argc > 2 && argv[2][0] != '-' ? argv[2] : "");
    return EX_USAGE;
}
