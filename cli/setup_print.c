/*
 * setup_print.c - the text is a file that the mail server reads, so that it may be appended to its configuration where
 * that has no sections; whatever is not for the mail server is a comment.
 */
#include "cli/setup_print.h"

#include "cli/command.h"

#include <jansson.h>

#define COMMENT_WIDTH 100 /* columns of a comment, after its mark */

static const char *comment_mark(const otr_mta *mta)
{
    return mta->kind == OTR_SENDMAIL ? "dnl # " : "# ";
}

/* Words, wrapped. */
static void put_comment(const otr_plan *plan, const char *indent, const char *text)
{
    size_t column = 0;

    while (*text != '\0') {
        size_t len = strcspn(text, " ");

        if (column > 0 && column + len >= COMMENT_WIDTH) {
            putchar('\n');
            column = 0;
        }
        printf("%s%s%.*s", column == 0 ? comment_mark(plan->mta) : " ", column == 0 ? indent : "", (int)len, text);
        column += len + 1;
        text += len + (text[len] == ' ');
    }
    putchar('\n');
}

static void put_mark(const otr_plan *plan)
{
    printf("%.*s\n", plan->mta->kind == OTR_SENDMAIL ? 5 : 1, comment_mark(plan->mta));
}

static void put_head(const otr_plan *plan)
{
    char version[OTR_VERSION_SIZE];
    const char *tls = otr_mta_tls(plan->mta);

    otr_version_print(&plan->mta->traits.version, version);
    printf("%soutrider %s: configuration for %s %s%s%s\n", comment_mark(plan->mta), OUTRIDER_VERSION,
           otr_mta_titles[plan->mta->kind], version, tls != NULL ? " with " : "",
           tls == NULL                  ? ""
           : strcmp(tls, "gnutls") == 0 ? "GnuTLS"
                                        : "OpenSSL");
    if (plan->lack_count == 0)
        return;
    put_mark(plan);
    put_comment(plan, "", "Missing:");
    for (size_t i = 0; i < plan->lack_count; i++) {
        char line[1024];

        snprintf(line, sizeof(line), "* %s: %s.", plan->lacks[i].what, plan->lacks[i].why);
        put_comment(plan, "", line);
        snprintf(line, sizeof(line), "-> %s.", plan->lacks[i].fix);
        put_comment(plan, "  ", line);
    }
}

static void put_as_comment(const otr_plan *plan, const char *text)
{
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");

        printf("%s    %.*s\n", comment_mark(plan->mta), (int)len, text);
        text += len + (text[len] == '\n');
    }
}

static void put_file(const otr_plan *plan, const otr_plan_file *file)
{
    char line[1024];

    putchar('\n');
    snprintf(line, sizeof(line), "---- %s: %s", file->path, file->action);
    put_comment(plan, "", line);
    if (file->is_ours) {
        put_as_comment(plan, file->text);
    } else {
        putchar('\n');
        fputs(file->text, stdout);
    }
}

static void complain(const otr_plan *plan)
{
    for (size_t i = 0; i < plan->lack_count; i++)
        otr_complain(EX_OK, plan->lacks[i].what, "missing: %s; %s", plan->lacks[i].why, plan->lacks[i].fix);
}

int otr_plan_print_text(const otr_plan *plan)
{
    put_head(plan);
    for (size_t i = 0; i < plan->file_count; i++)
        put_file(plan, &plan->files[i]);
    complain(plan);
    return otr_flush_output(EX_OK);
}

int otr_plan_print_json(const otr_plan *plan)
{
    json_t *features = json_array(), *files = json_array(), *missing = json_array();
    char version[OTR_VERSION_SIZE];

    otr_version_print(&plan->mta->traits.version, version);
    for (size_t i = 0; i < plan->mta->feature_count; i++)
        json_array_append_new(features, json_string(plan->mta->features[i]));
    for (size_t i = 0; i < plan->file_count; i++)
        json_array_append_new(files, json_pack("{s:s, s:s, s:s}", "path", plan->files[i].path, "action",
                                               plan->files[i].action, "text", plan->files[i].text));
    for (size_t i = 0; i < plan->lack_count; i++)
        json_array_append_new(missing, json_pack("{s:s, s:s, s:s}", "what", plan->lacks[i].what, "why",
                                                 plan->lacks[i].why, "fix", plan->lacks[i].fix));
    complain(plan);
    return otr_print_json(json_pack("{s:s, s:s, s:s?, s:o, s:s?, s:o, s:o}", "mta", otr_mta_names[plan->mta->kind],
                                    "version", version, "tls", otr_mta_tls(plan->mta), "features", features, "layout",
                                    plan->mta->kind == OTR_EXIM ? otr_layout_names[plan->mta->layout] : NULL, "files",
                                    files, "missing", missing),
                          EX_OK);
}
