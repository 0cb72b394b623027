/*
 * rule_book.c - reading the files that rules name, and compiling what they hold.
 */
#include "daemon/conf/rule_book.h"

#include "base/diag.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>

struct otr_rule_book {
    const otr_conf *conf;                   /* borrowed */
    STACK_OF(X509) *system;                 /* owned; NULL: no rule and no mail server has them */
    STACK_OF(X509) *roots[OTR_CONF_RULES_MAX]; /* owned; NULL: the system's */
    STACK_OF(X509) *own[OTR_OWN_COUNT];     /* owned; NULL: the system's, or not known */
    STACK_OF(X509_CRL) *crls;               /* owned; NULL: none */
};

/* Reading ------------------------------------------------------------------------------------------------------- */

static outrider_err read_crls(const char *path, STACK_OF(X509_CRL) **crls, outrider_diag *diag)
{
    STACK_OF(X509_CRL) *found = sk_X509_CRL_new_null();
    BIO *in = BIO_new_file(path, "rb");
    outrider_err err = OUTRIDER_OK;
    X509_CRL *crl;

    ERR_set_mark();
    if (in == NULL)
        err = otr_fail(diag, OUTRIDER_E_IO, "%s: %s", path, strerror(errno));
    while (err == OUTRIDER_OK && found != NULL && (crl = PEM_read_bio_X509_CRL(in, NULL, NULL, NULL)) != NULL) {
        if (sk_X509_CRL_push(found, crl) <= 0) {
            X509_CRL_free(crl);
            err = otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
        }
    }
    if (err == OUTRIDER_OK && found == NULL)
        err = otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    /* The end of the file is the only good reason to stop. */
    if (err == OUTRIDER_OK && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        err = otr_fail(diag, OUTRIDER_E_SYNTAX, "%s: revocation list %d does not parse", path, sk_X509_CRL_num(found) + 1);
    if (err == OUTRIDER_OK && sk_X509_CRL_num(found) == 0)
        err = otr_fail(diag, OUTRIDER_E_SYNTAX, "%s: no revocation list in PEM form", path);
    ERR_pop_to_mark();
    BIO_free(in);
    if (err == OUTRIDER_OK)
        *crls = found;
    else
        sk_X509_CRL_pop_free(found, X509_CRL_free);
    return err;
}

static outrider_err read_source(otr_rule_book *book, const char *source, STACK_OF(X509) **roots, outrider_diag *diag)
{
    if (!otr_roots_is_system(source))
        return otr_roots_load(source, roots, diag);
    return book->system == NULL ? otr_roots_load("system", &book->system, diag) : OUTRIDER_OK;
}

/*
 * What a mail server has by itself decides only whether it is handed a file. One that is named must be there; the
 * system's roots are looked at where a rule has them, and without that there is nothing to be the same as.
 */
static outrider_err read_own(otr_rule_book *book, otr_own which, const char *source, outrider_diag *diag)
{
    if (*source == '\0' || otr_roots_is_system(source))
        return OUTRIDER_OK;
    return otr_roots_load(source, &book->own[which], diag);
}

outrider_err otr_rule_book_read(const otr_conf *conf, otr_rule_book **made, outrider_diag *diag)
{
    otr_rule_book *book = calloc(1, sizeof(*book));
    outrider_err err = OUTRIDER_OK;

    if (book == NULL)
        return otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
    book->conf = conf;
    for (size_t i = 0; err == OUTRIDER_OK && i < conf->rule_count; i++)
        err = read_source(book, conf->rules[i].roots, &book->roots[i], diag);
    if (err == OUTRIDER_OK)
        err = read_own(book, OTR_OWN_EXIM, conf->anchors.exim_own, diag);
    if (err == OUTRIDER_OK)
        err = read_own(book, OTR_OWN_POSTFIX, conf->anchors.postfix_own, diag);
    if (err == OUTRIDER_OK && *conf->anchors.crls != '\0')
        err = read_crls(conf->anchors.crls, &book->crls, diag);
    if (err != OUTRIDER_OK) {
        otr_rule_book_free(book);
        return err;
    }
    *made = book;
    return OUTRIDER_OK;
}

void otr_rule_book_free(otr_rule_book *book)
{
    if (book == NULL)
        return;
    sk_X509_pop_free(book->system, X509_free);
    for (size_t i = 0; i < OTR_CONF_RULES_MAX; i++)
        sk_X509_pop_free(book->roots[i], X509_free);
    for (size_t i = 0; i < OTR_OWN_COUNT; i++)
        sk_X509_pop_free(book->own[i], X509_free);
    sk_X509_CRL_pop_free(book->crls, X509_CRL_free);
    free(book);
}

const char *otr_rule_book_path(const char *roots)
{
    return otr_roots_is_system(roots) ? OTR_SYSTEM_ROOTS : roots;
}

void otr_rule_book_each_file(const otr_conf *conf, otr_rule_book_visit *visit, void *arg)
{
    const char *const others[] = { conf->anchors.exim_own, conf->anchors.postfix_own, conf->anchors.crls };

    for (size_t i = 0; i < conf->rule_count; i++)
        if (strcmp(conf->rules[i].roots, "none") != 0)
            visit(arg, otr_rule_book_path(conf->rules[i].roots));
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (others[i][0] == '/')
            visit(arg, others[i]);
}

/* Compiling ----------------------------------------------------------------------------------------------------- */

struct compiling {
    const otr_rule_book *book;
    const otr_rule_change *change; /* never NULL */
    otr_anchor_rule *rules;        /* owned */
    STACK_OF(X509) **roots;        /* owned: of each rule */
    const char *(*names)[2];       /* owned: of each exception */
    size_t count, room;
};

/* A copy without what the change takes away. */
static STACK_OF(X509) *copy_roots(const STACK_OF(X509) *from, const otr_rule_change *change)
{
    STACK_OF(X509) *copy = sk_X509_new_null();
    char id[OTR_SHA256_TEXT];

    for (int i = 0; copy != NULL && i < sk_X509_num(from); i++) {
        X509 *cert = sk_X509_value(from, i);
        bool is_left_out = change->without != NULL && (!otr_cert_anchor_id(cert, id) || strcmp(id, change->without) == 0);

        if (!is_left_out && sk_X509_push(copy, cert) <= 0) {
            sk_X509_free(copy);
            return NULL;
        }
    }
    return copy;
}

static outrider_err add_rule(struct compiling *c, const otr_anchor_rule *rule)
{
    STACK_OF(X509) *roots = copy_roots(rule->roots, c->change);

    if (roots == NULL)
        return OUTRIDER_E_NOMEM;
    c->roots[c->count] = roots;
    c->rules[c->count] = *rule;
    c->rules[c->count++].roots = roots;
    return OUTRIDER_OK;
}

/* Whether this is the file that the change is about. */
static bool is_changed(const struct compiling *c, const char *source)
{
    const char *file = c->change->file != NULL ? c->change->file : otr_rule_book_path(c->book->conf->rules[0].roots);

    return c->change->bundle != NULL && strcmp(otr_rule_book_path(source), file) == 0;
}

static outrider_err add_conf_rule(struct compiling *c, size_t i)
{
    const otr_anchor_conf *conf = &c->book->conf->rules[i];
    bool is_system = otr_roots_is_system(conf->roots);
    const STACK_OF(X509) *roots = is_system ? c->book->system : c->book->roots[i];

    return add_rule(c, &(otr_anchor_rule){
        .name = conf->name,
        .file = otr_rule_book_path(conf->roots),
        .roots = is_changed(c, conf->roots) ? c->change->bundle : roots,
        .names = conf->names.count > 0 ? conf->names.values : NULL,
        .confine = conf->confine.count > 0 ? conf->confine.values : NULL,
        .is_only = conf->is_only,
        .on_change = (otr_on_change)conf->on_change,
    });
}

static outrider_err add_exception(struct compiling *c, const otr_exception *exception)
{
    STACK_OF(X509) *one = sk_X509_new_null();
    outrider_err err = OUTRIDER_E_NOMEM;

    c->names[c->count][0] = exception->domain;
    if (one != NULL && sk_X509_push(one, exception->cert) > 0)
        err = add_rule(c, &(otr_anchor_rule){ .name = "exception", .roots = one, .names = c->names[c->count],
                                              .until = exception->until, .reason = exception->reason });
    sk_X509_free(one);
    return err;
}

static const STACK_OF(X509) *own_roots(const struct compiling *c, otr_own which, const char *source)
{
    if (is_changed(c, source))
        return c->change->bundle;
    return otr_roots_is_system(source) ? c->book->system : c->book->own[which];
}

static outrider_err fill(struct compiling *c, const otr_exception *exceptions, size_t count)
{
    outrider_err err = OUTRIDER_OK;

    c->rules = calloc(c->room, sizeof(*c->rules));
    c->roots = calloc(c->room, sizeof(STACK_OF(X509) *));
    c->names = calloc(c->room, sizeof(*c->names));
    if (c->rules == NULL || c->roots == NULL || c->names == NULL)
        return OUTRIDER_E_NOMEM;
    for (size_t i = 0; err == OUTRIDER_OK && i < c->book->conf->rule_count; i++)
        err = add_conf_rule(c, i);
    for (size_t i = 0; err == OUTRIDER_OK && i < count; i++)
        err = add_exception(c, &exceptions[i]);
    return err;
}

outrider_err otr_rule_book_compile(const otr_rule_book *book, const otr_exception *exceptions, size_t exception_count,
                                   otr_time now, const otr_rule_change *change, otr_anchors **anchors,
                                   outrider_diag *diag)
{
    static const otr_rule_change as_it_is = { 0 };
    struct compiling c = { .book = book, .change = change != NULL ? change : &as_it_is,
                           .room = book->conf->rule_count + exception_count + 1 };
    outrider_err err = fill(&c, exceptions, exception_count);

    if (err == OUTRIDER_OK)
        err = otr_anchors_make(&(otr_anchor_source){ .rules = c.rules, .rule_count = c.count, .crls = book->crls, .at = now,
                                                     .own = { own_roots(&c, OTR_OWN_EXIM, book->conf->anchors.exim_own),
                                                              own_roots(&c, OTR_OWN_POSTFIX,
                                                                        book->conf->anchors.postfix_own) } },
                               anchors, diag);
    else
        otr_fail(diag, err, "out of memory");
    for (size_t i = 0; i < c.count; i++)
        sk_X509_free(c.roots[i]);
    free(c.names);
    free(c.roots);
    free(c.rules);
    return err;
}

outrider_err otr_conf_anchors(const otr_conf *conf, const otr_exception *exceptions, size_t exception_count, otr_time now,
                              otr_anchors **anchors, outrider_diag *diag)
{
    otr_rule_book *book = NULL;
    outrider_err err = otr_rule_book_read(conf, &book, diag);

    if (err == OUTRIDER_OK)
        err = otr_rule_book_compile(book, exceptions, exception_count, now, NULL, anchors, diag);
    otr_rule_book_free(book);
    return err;
}
