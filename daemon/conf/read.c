/*
 * read.c - a configuration file becomes a struct otr_conf: libconfuse takes the text apart, values.c converts
 * each value where it is met, so that every mistake carries the line it stands on.
 *
 * libconfuse gives its callbacks no pointer of ours, so the parse under way is a variable of this file: a
 * configuration is read once, by one thread, before there are others.
 */
#include "daemon/conf/conf.h"
#include "daemon/conf/minimum.h"
#include "daemon/conf/schema.h"
#include "daemon/conf/text.h"
#include "daemon/conf/values.h"

#include <confuse.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPTIONS_MAX = 32, SECTIONS_MAX = 24 }; /* settings and subsections of one section; kinds of sections */

static struct {
    otr_conf_draft *draft; /* NULL while only the syntax is looked at */
    unsigned line;         /* the first error of libconfuse */
    char message[200];
} parse;

static void on_error(cfg_t *cfg, const char *format, va_list args)
{
    if (parse.message[0] != '\0')
        return; /* the first one is the cause */
    parse.line = cfg != NULL && cfg->line > 0 ? (unsigned)cfg->line : 0;
    vsnprintf(parse.message, sizeof(parse.message), format, args);
}

/* Called once for each value; libconfuse keeps a copy of *result. */
static int on_value(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
    const char *section = strcmp(cfg->name, "root") == 0 ? "" : cfg->name;
    const char *name = strcmp(opt->name, OTR_CONF_STORE_WORD) == 0 ? "store" : opt->name;
    unsigned count = cfg_opt_size(opt); /* this value included */

    if (parse.draft != NULL)
        otr_conf_take(parse.draft, &(otr_conf_value){ .section = section, .title = cfg_title(cfg), .name = name,
                                                      .line = (unsigned)cfg->line, .index = count > 0 ? count - 1 : 0,
                                                      .text = value });
    *(const char **)result = value;
    return 0;
}

static int on_section(cfg_t *cfg, cfg_opt_t *opt)
{
    cfg_t *section = cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1);

    if (parse.draft != NULL)
        otr_conf_take_section(parse.draft, opt->name, cfg_title(section), (unsigned)cfg->line);
    return 0;
}

/* The options of one section of the schema, for libconfuse. Every value is text to it: the conversions are ours. */
static void fill_options(const char *section, cfg_opt_t *options)
{
    cfg_opt_t list = CFG_STR_LIST_CB(NULL, NULL, CFGF_NODEFAULT, on_value);
    cfg_opt_t scalar = CFG_STR_CB(NULL, NULL, CFGF_NODEFAULT, on_value);
    cfg_opt_t end = CFG_END();
    size_t n = 0;

    if (strcmp(section, "stub") == 0) {
        options[n] = list;
        options[n++].name = "address";
    }
    for (size_t i = 0; i < otr_setting_count && n < OPTIONS_MAX; i++) {
        if (strcmp(otr_settings[i].section, section) != 0)
            continue;
        options[n] = otr_settings[i].presets != NULL ? list : scalar;
        options[n++].name = otr_settings[i].kind == OTR_SET_STORE ? OTR_CONF_STORE_WORD : otr_settings[i].name;
    }
    options[n] = end;
}

struct schema {
    cfg_opt_t root[OPTIONS_MAX + 1];
    cfg_opt_t sections[SECTIONS_MAX][OPTIONS_MAX + 1];
};

/* A subsection is appended to the options of its parent, which stands before it in the table. */
static void build_schema(struct schema *schema)
{
    fill_options("", schema->root);
    for (size_t i = 0; i < otr_section_count; i++)
        fill_options(otr_sections[i].name, schema->sections[i]);
    for (size_t i = otr_section_count; i-- > 0;) {
        const otr_section *s = &otr_sections[i];
        cfg_opt_t *parent = schema->root, end = CFG_END();
        cfg_opt_t option = CFG_SEC(NULL, NULL, CFGF_NONE);

        for (size_t p = 0; p < i; p++)
            if (strcmp(otr_sections[p].name, s->parent) == 0)
                parent = schema->sections[p];
        while (parent->name != NULL)
            parent++;
        option.name = s->name;
        option.subopts = schema->sections[i];
        option.validcb = on_section;
        if (s->has_title) /* of a second section with the title of an earlier one its end would not be told of */
            option.flags = CFGF_MULTI | CFGF_TITLE | (strcmp(s->name, "stub") != 0 ? CFGF_NO_TITLE_DUPES : CFGF_NONE);
        parent[0] = option;
        parent[1] = end;
    }
}

/* A list that was emptied ("listen = { }") has no value that on_value() could see. */
static void take_emptied_lists(cfg_t *cfg, otr_conf_draft *draft)
{
    for (size_t i = 0; i < otr_setting_count; i++) {
        const otr_setting *s = &otr_settings[i];
        cfg_opt_t *opt;

        if (s->presets == NULL)
            continue;
        for (unsigned n = 0; n < cfg_size(cfg, s->section); n++) {
            cfg_t *section = cfg_getnsec(cfg, s->section, n);

            opt = cfg_getopt(section, s->name);
            if (opt != NULL && (opt->flags & CFGF_MODIFIED) != 0 && cfg_opt_size(opt) == 0)
                otr_conf_take_empty(draft, s, cfg_title(section));
        }
    }
}

/* One pass of libconfuse over the text; false if it met an error, which is then in `parse`. */
static bool run_parser(const char *text, otr_conf_draft *draft)
{
    struct schema schema;
    cfg_t *cfg;
    int rc;

    build_schema(&schema);
    parse.draft = draft;
    parse.line = 0;
    parse.message[0] = '\0';
    cfg = cfg_init(schema.root, CFGF_NONE);
    if (cfg == NULL) {
        snprintf(parse.message, sizeof(parse.message), "out of memory");
        return false;
    }
    cfg_set_error_function(cfg, on_error);
    rc = cfg_parse_buf(cfg, text);
    if (rc != CFG_SUCCESS && parse.message[0] == '\0') { /* "${}" and its like: libconfuse has no words for them */
        parse.line = (unsigned)cfg->line;
        snprintf(parse.message, sizeof(parse.message), "neither a setting nor a section (\"${\" must be quoted as '${')");
    }
    if (rc == CFG_SUCCESS && draft != NULL)
        take_emptied_lists(cfg, draft);
    cfg_free(cfg);
    parse.draft = NULL;
    return rc == CFG_SUCCESS;
}

/*
 * Look for mistakes of syntax until there are no more: an unknown option or section is noted and blanked out,
 * so that the next one is found too; anything else ends the search.
 */
static void find_syntax_mistakes(char *text, otr_mistakes *mistakes)
{
    static const char unknown[] = "no such option '";
    char name[64];
    const char *at;

    while (mistakes->count < OTR_MISTAKES_MAX && !run_parser(text, NULL)) {
        at = strncmp(parse.message, unknown, sizeof(unknown) - 1) == 0 ? parse.message + sizeof(unknown) - 1 : NULL;
        if (at == NULL || strlen(at) < 2 || strlen(at) > sizeof(name)) {
            otr_mistake_add(mistakes, parse.line, "%s", parse.message);
            return;
        }
        snprintf(name, sizeof(name), "%.*s", (int)strlen(at) - 1, at);
        otr_mistake_add(mistakes, parse.line, "there is no setting or section \"%s\" here", name);
        if (!otr_conf_text_blank(text, parse.line, name))
            return;
    }
}

static int by_line(const void *a, const void *b)
{
    const otr_mistake *x = a, *y = b;

    return x->line < y->line ? -1 : x->line > y->line;
}

static void sort_mistakes(otr_mistakes *mistakes)
{
    size_t kept = mistakes->count < OTR_MISTAKES_MAX ? mistakes->count : OTR_MISTAKES_MAX;

    qsort(mistakes->list, kept, sizeof(mistakes->list[0]), by_line);
}

outrider_err otr_conf_parse(const char *text, size_t len, otr_conf **conf, otr_mistakes *mistakes)
{
    otr_conf_draft *draft = otr_conf_draft_new(mistakes);
    char *copy = malloc(len + 1);
    outrider_err err = OUTRIDER_E_NOMEM;

    mistakes->count = 0;
    if (draft == NULL || copy == NULL)
        goto out;
    memcpy(copy, text, len);
    copy[len] = '\0';
    otr_conf_text_prepare(copy, len, mistakes);
    if (mistakes->count == 0) {
        otr_conf_read_minimum(draft, copy, mistakes);
        otr_conf_text_rename_store(copy);
        find_syntax_mistakes(copy, mistakes);
        run_parser(copy, draft); /* stops where the search above stopped, and that is reported already */
    }
    err = otr_conf_draft_finish(draft, conf);
    sort_mistakes(mistakes);
out:
    free(copy);
    otr_conf_draft_free(draft);
    return err;
}

outrider_err otr_conf_read(const char *path, otr_conf **conf, otr_mistakes *mistakes)
{
    FILE *file = fopen(path, "re");
    char *text = malloc(OTR_CONF_LIMIT + 1);
    outrider_err err = OUTRIDER_E_IO;
    size_t len;

    mistakes->count = 0;
    if (text == NULL) {
        err = OUTRIDER_E_NOMEM;
        goto out;
    }
    if (file == NULL) {
        otr_mistake_add(mistakes, 0, "cannot be opened: %s", strerror(errno));
        goto out;
    }
    len = fread(text, 1, OTR_CONF_LIMIT + 1, file);
    if (ferror(file))
        otr_mistake_add(mistakes, 0, "cannot be read: %s", strerror(errno));
    else if (len > OTR_CONF_LIMIT)
        otr_mistake_add(mistakes, 0, "is larger than %d octets", OTR_CONF_LIMIT);
    else
        err = otr_conf_parse(text, len, conf, mistakes);
out:
    if (file != NULL)
        fclose(file);
    free(text);
    return err;
}
