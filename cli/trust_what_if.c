/*
 * trust_what_if.c - outrider trust what-if: whose mail would wait if a root were gone, or the next bundle installed.
 *
 * Two worlds are compiled from the same rules and exceptions, as they are and as they would be, and every destination that
 * is recorded is judged in both (verdict/effect.h). Nothing is changed, and nobody is asked: it works beside outriderd and
 * without it, before a package manager installs anything.
 */
#include "cli/trust_what_if.h"

#include "cli/command.h"
#include "cli/trust_walk.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define WHAT "trust what-if"
#define EX_WAITING 1         /* mail would be deferred: not a sysexit, so that a hook can tell it from failure */

static const char help[] =
    "usage: outrider trust what-if [--json] [--all] [--domain DOMAIN]... [--at DATE] [--config FILE]\n"
    "           --without ROOT | --bundle FILE [--in-place-of FILE]\n"
    "\n"
    "What becomes of mail to the destinations that are recorded, if a root were gone or a bundle of roots another.\n"
    "\n"
    "  -w, --without ROOT   8 or more digits of its SHA-256 fingerprint, a PEM file, or a part of its name\n"
    "  -b, --bundle FILE    stands for the file that anchors \"default\" has\n"
    "  -i, --in-place-of FILE\n"
    "                       stands for this file in all anchor rules, not for that of \"default\"\n"
    "  -d, --domain DOMAIN  this one only; may be given again\n"
    "  -a, --all            list those that are not affected, too\n"
    "  -t, --at DATE        as of 2026-12-31 or 2026-12-31T18:00:00Z (default: now)\n"
    "  -j, --json           one line of JSON\n"
    "  -c, --config FILE    the configuration of outriderd (default /etc/outrider/outrider.conf)\n"
    "  -h, --help\n"
    "\n"
    "Classes, worst first:\n"
    "  D  enforce, and no MX host would be left: deferred\n"
    "  G  one of our own domains loses a chain, for others who drop the root\n"
    "  E  the policy host loses its root: no policy any more when it expires\n"
    "  ?  enforce, and the certificates of its MX hosts were never seen: outrider trust probe\n"
    "  C  testing: delivered, with a failure in reports\n"
    "  B  another root or MX host is left     A  DANE on every MX host     F  no policy     -  not affected\n"
    "\n"
    "Exit status: 0 nothing in D (also if nothing is recorded), 1 somebody is in D, 64 usage, 65 no such root or a row of\n"
    "the store that cannot be believed, 66 a file that cannot be read, 71 out of memory, 78 configuration.\n";

struct options {
    const char *config, *without, *bundle, *in_place_of;
    const char **domains; /* owned array; the texts are of argv */
    size_t domain_count;
    otr_time at;
    bool is_json, is_all;
};

static int misuse(const char *why)
{
    return otr_complain(EX_USAGE, WHAT, "%s; outrider " WHAT " --help shows the options", why);
}

/* Returns -1 to go on, else an exit status. */
static int read_options(int argc, char **argv, struct options *o)
{
    static const struct option options[] = {
        { "without", required_argument, NULL, 'w' }, { "bundle", required_argument, NULL, 'b' },
        { "in-place-of", required_argument, NULL, 'i' },
        { "domain", required_argument, NULL, 'd' },  { "all", no_argument, NULL, 'a' },
        { "at", required_argument, NULL, 't' },      { "json", no_argument, NULL, 'j' },
        { "config", required_argument, NULL, 'c' },  { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    int c;

    o->domains = calloc((size_t)argc + 1, sizeof(*o->domains));
    if (o->domains == NULL)
        return otr_complain(EX_OSERR, WHAT, "out of memory");
    optind = 1;
    while ((c = getopt_long(argc, argv, "w:b:i:d:at:jc:h", options, NULL)) != -1) {
        switch (c) {
        case 'w': o->without = optarg; break;
        case 'b': o->bundle = optarg; break;
        case 'i': o->in_place_of = optarg; break;
        case 'd': o->domains[o->domain_count++] = optarg; break;
        case 'a': o->is_all = true; break;
        case 't':
            if (otr_trust_read_date(WHAT, "--at", optarg, &o->at) != EX_OK)
                return EX_USAGE;
            break;
        case 'j': o->is_json = true; break;
        case 'c': o->config = optarg; break;
        case 'h': fputs(help, stdout); return EX_OK;
        default: return misuse("unknown option, or one without its value");
        }
    }
    if (argc != optind)
        return misuse("takes no arguments");
    if ((o->without == NULL) == (o->bundle == NULL))
        return misuse("needs one of --without and --bundle");
    if (o->in_place_of != NULL && o->bundle == NULL)
        return misuse("--in-place-of goes with --bundle");
    return -1;
}

/* The other world ------------------------------------------------------------------------------------------------- */

static int make_other_world(const struct options *o, const otr_trust_view *view, otr_what_if *w, otr_anchors **after)
{
    STACK_OF(X509) *bundle = NULL, *was = otr_trust_all_roots(view->anchors);
    char id[OTR_SHA256_TEXT];
    otr_rule_change change = { 0 };
    outrider_diag diag = { 0 };
    outrider_err err = OUTRIDER_OK;
    int status = was != NULL ? EX_OK : otr_complain(EX_OSERR, WHAT, "out of memory");

    if (status == EX_OK && o->without != NULL)
        status = otr_trust_find_root(WHAT, was, o->without, &w->root);
    if (status == EX_OK && w->root != NULL && otr_cert_anchor_id(w->root, id))
        change.without = id;
    if (status == EX_OK && o->bundle != NULL)
        err = otr_roots_load(o->bundle, &bundle, &diag);
    change.bundle = bundle;
    change.file = w->in_place_of;
    if (status == EX_OK && err == OUTRIDER_OK)
        err = otr_rule_book_compile(view->book, view->exceptions, view->exception_count, view->at, &change, after, &diag);
    if (err != OUTRIDER_OK)
        status = otr_trust_complain(WHAT, err, &diag);
    if (status == EX_OK && otr_anchors_compare(view->anchors, *after, &w->leaving, &w->coming) != OUTRIDER_OK)
        status = otr_complain(EX_OSERR, WHAT, "out of memory");
    sk_X509_pop_free(bundle, X509_free);
    sk_X509_pop_free(was, X509_free);
    return status;
}

static bool has_rule_of(const otr_conf *conf, const char *file)
{
    for (size_t i = 0; i < conf->rule_count; i++)
        if (strcmp(otr_rule_book_path(conf->rules[i].roots), file) == 0)
            return true;
    return false;
}

/* Judging --------------------------------------------------------------------------------------------------------- */

struct judging {
    otr_what_if *w;
    const otr_anchors *before, *after;
    size_t room;
    bool keeps_all;
};

static void tell_deferred(void *arg)
{
    const struct judging *j = arg;

    fprintf(stderr, ", %zu of them deferred", j->w->counts[OTR_EFFECT_DEFERRED]);
}

static bool keep(struct judging *j, const otr_dependant *d, const otr_effect *effect)
{
    otr_what_if *w = j->w;
    otr_outcome *grown, *o;

    if (w->outcome_count == j->room) {
        size_t room = j->room == 0 ? 256 : j->room * 2;

        grown = reallocarray(w->outcomes, room, sizeof(*grown));
        if (grown == NULL)
            return false;
        w->outcomes = grown;
        j->room = room;
    }
    o = &w->outcomes[w->outcome_count++];
    *o = (otr_outcome){ .domain = strdup(d->domain), .class = effect->class, .mode = d->mode, .when = effect->when,
                        .policy_expires_at = effect->policy_expires_at, .traffic = d->traffic, .is_own = d->is_own,
                        .loses_policy_host = effect->loses_policy_host, .hosts_lost = effect->hosts_lost,
                        .hosts_left = effect->hosts_left, .hosts_unseen = effect->hosts_unseen,
                        .reason = strdup(effect->reason) };
    return o->domain != NULL && o->reason != NULL;
}

static outrider_err judge_one(void *arg, const otr_dependant *dependant, outrider_diag *diag)
{
    struct judging *j = arg;
    otr_effect effect;
    outrider_err err = otr_effect_judge(dependant, j->before, j->after, j->w->at, &effect, diag);

    if (err == OUTRIDER_OK && (j->keeps_all || effect.class != OTR_EFFECT_NONE) && !keep(j, dependant, &effect))
        err = OUTRIDER_E_NOMEM;
    if (err != OUTRIDER_OK)
        return err;
    j->w->counts[effect.class]++;
    j->w->traffic += dependant->traffic;
    return OUTRIDER_OK;
}

static int compare_outcomes(const void *a, const void *b)
{
    const otr_outcome *left = a, *right = b;

    if (left->class != right->class)
        return left->class < right->class ? -1 : 1;
    if (left->traffic > right->traffic || left->traffic < right->traffic)
        return left->traffic > right->traffic ? -1 : 1;
    if (left->when != right->when)
        return left->when < right->when ? -1 : 1;
    return strcmp(left->domain, right->domain);
}

/* The command ----------------------------------------------------------------------------------------------------- */

static int find_out(const struct options *o, const otr_trust_view *view, otr_what_if *w)
{
    otr_anchors *after = NULL;
    const char *file = otr_rule_book_path(o->in_place_of != NULL ? o->in_place_of : view->conf->rules[0].roots);
    struct judging j = { .w = w, .before = view->anchors, .keeps_all = o->is_all || o->domain_count > 0 };
    otr_trust_walk walk = { .what = WHAT, .domains = o->domains, .domain_count = o->domain_count, .visit = judge_one,
                            .note = tell_deferred, .arg = &j };
    int status;

    *w = (otr_what_if){ .without = o->without, .bundle = o->bundle, .in_place_of = file,
                        .is_used = has_rule_of(view->conf, file), .is_all = j.keeps_all, .at = view->at,
                        .store_path = view->conf->store.path, .is_recorded = view->store != NULL };
    status = make_other_world(o, view, w, &after);
    j.after = after;
    if (status == EX_OK) {
        status = otr_trust_walk_run(view, &walk);
        w->unrecorded = walk.unrecorded;
    }
    if (w->outcome_count > 0)
        qsort(w->outcomes, w->outcome_count, sizeof(*w->outcomes), compare_outcomes);
    otr_anchors_free(after);
    return status;
}

static void clear_what_if(otr_what_if *w)
{
    for (size_t i = 0; i < w->outcome_count; i++) {
        free(w->outcomes[i].domain);
        free(w->outcomes[i].reason);
    }
    free(w->outcomes);
    free(w->unrecorded);
    X509_free(w->root);
    sk_X509_pop_free(w->leaving, X509_free);
    sk_X509_pop_free(w->coming, X509_free);
}

/*
 * A row of the store that could not be believed is no reason to keep what all the others say; but then nobody can be sure that
 * nothing is in D.
 */
static int show(const struct options *o, const otr_what_if *w, int status)
{
    int shown;

    if (w->counts[OTR_EFFECT_DEFERRED] > 0)
        status = EX_WAITING;
    if (o->is_json)
        return otr_print_json(otr_what_if_json(w), status);
    otr_what_if_print(w);
    shown = otr_flush_output(EX_OK);
    return shown == EX_OK ? status : shown;
}

int otr_cmd_trust_what_if(int argc, char **argv)
{
    struct options o = { 0 };
    otr_trust_view view = { 0 };
    otr_what_if w = { 0 };
    int status = read_options(argc, argv, &o);

    if (status >= 0)
        goto out;
    status = otr_trust_view_open(WHAT, o.config, o.at, &view);
    if (status == EX_OK)
        status = find_out(&o, &view, &w);
    if (status == EX_OK || (status == EX_DATAERR && w.unrecorded != NULL))
        status = show(&o, &w, status);
out:
    clear_what_if(&w);
    otr_trust_view_clear(&view);
    free(o.domains);
    return status;
}
