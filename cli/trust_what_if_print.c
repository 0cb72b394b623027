/*
 * trust_what_if_print.c - the answer of `outrider trust what-if` for people, and as JSON.
 *
 * For people: what would make mail wait in full, what does no harm in numbers. Everything is in the JSON.
 */
#include "cli/trust_what_if.h"

#include "cli/trust_text.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define ROOTS_SHOWN 20
#define OTHERS_SHOWN 20 /* destinations of a class that stops no mail */

/* For people ------------------------------------------------------------------------------------------------------ */

static void print_roots(const char *what, const STACK_OF(X509) *roots)
{
    char name[OTR_CERT_NAME_SIZE], sha256[OTR_SHA256_TEXT];
    int count = sk_X509_num(roots);

    for (int i = 0; i < count && i < ROOTS_SHOWN; i++) {
        otr_cert_fingerprint(sk_X509_value(roots, i), sha256);
        printf("%s %.16s  %s\n", what, sha256, otr_cert_name(sk_X509_value(roots, i), name));
    }
    if (count > ROOTS_SHOWN)
        printf("%s %d more\n", what, count - ROOTS_SHOWN);
}

static void print_change(const otr_what_if *w)
{
    char name[OTR_CERT_NAME_SIZE];

    if (w->root != NULL) {
        printf("Without %s\n", otr_cert_name(w->root, name));
    } else {
        printf("With ");
        otr_put_escaped(stdout, w->bundle);
        printf(" in place of ");
        otr_put_escaped(stdout, w->in_place_of);
        printf("\n");
        if (!w->is_used)
            printf("No rule of the configuration has that file, so nothing changes.\n");
    }
    print_roots("  leaves:", w->leaving);
    print_roots("  comes: ", w->coming);
    if (sk_X509_num(w->leaving) == 0 && sk_X509_num(w->coming) == 0)
        printf("  No root comes or goes.\n");
}

static void print_outcome(const otr_what_if *w, const otr_outcome *o)
{
    char date[OTR_TIME_TEXT];

    printf("  %s", o->domain);
    if (o->class == OTR_EFFECT_DEFERRED)
        printf("  at once");
    else if (o->when > 0)
        printf("  from %s on", otr_time_text(o->when, date));
    if (o->traffic > 0 && w->traffic > 0)
        printf("  %.1f %% of questions", 100 * o->traffic / w->traffic);
    putchar('\n');
    otr_print_wrapped("      ", o->reason);
}

static void print_class(const otr_what_if *w, otr_effect_class class, size_t first, size_t count)
{
    bool is_whole = w->is_all || class == OTR_EFFECT_DEFERRED;
    size_t shown = is_whole || count < OTHERS_SHOWN ? count : OTHERS_SHOWN;

    if (class == OTR_EFFECT_NONE && !w->is_all)
        return;
    printf("\n%s  %s: %zu\n", otr_effect_letters[class], otr_effect_words[class], count);
    for (size_t i = 0; i < shown; i++)
        print_outcome(w, &w->outcomes[first + i]);
    if (shown < count)
        printf("  and %zu more: --all\n", count - shown);
}

static void print_counts(const otr_what_if *w)
{
    size_t all = 0;

    for (size_t i = 0; i < OTR_EFFECT_COUNT; i++)
        all += w->counts[i];
    printf("\n%zu destination%s recorded:", all, all == 1 ? "" : "s");
    for (size_t i = 0; i < OTR_EFFECT_NONE; i++)
        printf(" %s %zu,", otr_effect_letters[i], w->counts[i]);
    printf(" not affected %zu\n", w->counts[OTR_EFFECT_NONE]);
    if (w->counts[OTR_EFFECT_UNKNOWN] > 0)
        printf("For those with \"?\": outrider trust probe --all\n");
    printf(w->counts[OTR_EFFECT_DEFERRED] > 0 ? "Mail would be deferred.\n" : "No mail would be deferred, as far as is recorded.\n");
}

void otr_what_if_print(const otr_what_if *w)
{
    print_change(w);
    if (!w->is_recorded) {
        printf("\nNothing is recorded: there is no store at ");
        otr_put_escaped(stdout, w->store_path);
        printf(" yet. outriderd makes it\nand fills it as mail flows. Whether mail would be deferred cannot be told.\n");
        return;
    }
    for (size_t i = 0, first = 0; i < OTR_EFFECT_COUNT; i++) {
        size_t count = 0;

        while (first + count < w->outcome_count && (size_t)w->outcomes[first + count].class == i)
            count++;
        if (count > 0)
            print_class(w, (otr_effect_class)i, first, count);
        first += count;
    }
    for (size_t i = 0; w->unrecorded[i] != NULL; i++) {
        printf("\nNothing is recorded of ");
        otr_put_escaped(stdout, w->unrecorded[i]);
        printf(": outrider trust probe asks its hosts now.\n");
    }
    print_counts(w);
}

/* JSON ------------------------------------------------------------------------------------------------------------ */

static json_t *make_roots(const STACK_OF(X509) *roots)
{
    json_t *list = json_array();

    for (int i = 0; i < sk_X509_num(roots); i++)
        json_array_append_new(list, otr_root_json(sk_X509_value(roots, i)));
    return list;
}

static json_t *make_counts(const otr_what_if *w)
{
    json_t *counts = json_object();

    for (size_t i = 0; i < OTR_EFFECT_COUNT; i++)
        json_object_set_new(counts, otr_effect_letters[i], json_integer((json_int_t)w->counts[i]));
    return counts;
}

static json_t *make_outcome(const otr_outcome *o)
{
    return json_pack("{s:s, s:s, s:s, s:o, s:o, s:f, s:b, s:b, s:I, s:I, s:I, s:s}", "domain", o->domain, "class",
                     otr_effect_letters[o->class], "mode", otr_sts_mode_names[o->mode], "when", otr_time_json(o->when),
                     "policy_expires_at", otr_time_json(o->policy_expires_at), "traffic", o->traffic, "is_own", (int)o->is_own,
                     "loses_policy_host", (int)o->loses_policy_host, "hosts_lost", (json_int_t)o->hosts_lost, "hosts_left",
                     (json_int_t)o->hosts_left, "hosts_unseen", (json_int_t)o->hosts_unseen, "reason", o->reason);
}

json_t *otr_what_if_json(const otr_what_if *w)
{
    json_t *list = json_array(), *unrecorded = json_array(), *change;

    for (size_t i = 0; i < w->outcome_count; i++)
        json_array_append_new(list, make_outcome(&w->outcomes[i]));
    for (size_t i = 0; w->unrecorded[i] != NULL; i++)
        json_array_append_new(unrecorded, json_string(w->unrecorded[i]));
    change = json_pack("{s:o, s:o, s:o, s:o, s:o, s:b}", "without", w->root != NULL ? otr_root_json(w->root) : json_null(), "bundle",
                       otr_text_json(w->bundle), "in_place_of",
                       w->bundle != NULL ? otr_text_json(w->in_place_of) : json_null(), "leaves", make_roots(w->leaving), "comes", make_roots(w->coming),
                       "is_used", (int)(w->root != NULL || w->is_used));
    return json_pack("{s:o, s:o, s:o, s:b, s:f, s:o, s:o, s:o}", "change", change, "at", otr_time_json(w->at), "store",
                     otr_text_json(w->store_path), "is_recorded", (int)w->is_recorded, "traffic", w->traffic, "counts",
                     make_counts(w), "destinations", list, "unrecorded", unrecorded);
}
