#include "cli/setup_fragment.h"
#include "support/cmocka_all.h"

#include <stdio.h>

static void lines_are_chosen_by_version_and_feature(void **state)
{
    static const struct {
        const char *text, *version, *in, *out; /* out NULL: refused */
    } rows[] = {
        { "without conditions nothing changes", "3.7", "# why\na = 1\n\nb = 2\n", "# why\na = 1\n\nb = 2\n" },
        { "what does not hold is left out with its comment", "3.7", "a = 1\n\n# new\n#[3.10+] b = 2\n\nc = 3\n",
          "a = 1\n\nc = 3\n" },
        { "what holds comes to life", "3.10", "a = 1\n\n# new\n#[3.10+] b = 2\n", "a = 1\n\n# new\nb = 2\n" },
        { "in the place of the line of the same name, with its comment", "3.10",
          "# old\na = 1\n\n# new\n#[3.10+] a = 2\n\nz = 9\n", "# old\n# new\na = 2\n\nz = 9\n" },
        { "the nearest line of that name", "3.10", "r1:\n  a = 1\nr2:\n  a = 1\n#[3.10+]   a = 2\n",
          "r1:\n  a = 1\nr2:\n  a = 2\n" },
        { "also one with continuations", "3.10",
          "a = 1\\\n  more\\\n  end\nb = 2\n#[3.10+] a = 3\n", "a = 3\nb = 2\n" },
        { "a condition over several lines", "3.10", "#[3.10+] a = 1\\\n#[3.10+]   more\nb = 2\n",
          "a = 1\\\n  more\nb = 2\n" },
        { "a dropped condition over several lines", "3.9", "#[3.10+] a = 1\\\n#[3.10+]   more\nb = 2\n", "b = 2\n" },
        { "the better of two", "3.10.5", "a = 1\n# why\n#[3.10+] a = 2\n#[3.10.5+] a = 3\n", "# why\na = 3\n" },
        { "the one of two that holds", "3.10.1", "a = 1\n\n# why\n#[3.10+] b = 2\n#[3.10.5+] c = 3\n",
          "a = 1\n\n# why\nb = 2\n" },
        { "a line is taken out", "3.10", "a = 1\nb = 2\n\n# a is gone\n#[3.10+] !a\n", "# a is gone\nb = 2\n" },
        { "a line stays", "3.9", "a = 1\nb = 2\n\n# a is gone\n#[3.10+] !a\n", "a = 1\nb = 2\n" },
        { "words of m4", "3.10",
          "FEATURE(`sts', `x')dnl\n#[3.10+] FEATURE(`sts', `y')dnl\n", "FEATURE(`sts', `y')dnl\n" },
        { "an option that is a word", "3.10", "  allow_defer\n#[3.10+] !allow_defer\n", "" },
        { "an indented condition", "3.10", "  #[3.10+]   a = 1\n", "  a = 1\n" },
        { "brackets in comments are comments", "3.10",
          "#[]\n#[x]y\n# [3.10+] a\na = 1\n", "#[]\n#[x]y\n# [3.10+] a\na = 1\n" },
        { "the comment above it is not its own across a blank line", "3.9", "# head\n\n#[3.10+] a = 1\nb = 2\n",
          "# head\n\nb = 2\n" },
        { "without a newline at the end", "3.10", "#[3.10+] a = 1", "a = 1\n" },
        { "nothing", "3.10", "", "" },
        { "a condition that cannot be read", "3.10", "a = 1\n#[3.10++] b = 2\n", NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        otr_traits traits = { .features = (const char *const[]){ "gnutls", NULL } };
        otr_buf out = OTR_BUF_INIT;
        outrider_diag diag;
        outrider_err err;

        assert_true(otr_version_parse(otr_slice_of(rows[i].version), &traits.version));
        err = otr_fragment_adapt(rows[i].in, &traits, &out, &diag);
        if ((err == OUTRIDER_OK) != (rows[i].out != NULL))
            fail_msg("%s: error %d", rows[i].text, err);
        if (rows[i].out != NULL && strcmp(otr_buf_text(&out), rows[i].out) != 0)
            fail_msg("%s: got:\n%s\nwant:\n%s\nfrom:\n%s", rows[i].text, otr_buf_text(&out), rows[i].out, rows[i].in);
        otr_buf_clear(&out);
    }
}

static void the_embedded_files_can_be_read(void **state)
{
    static const char *const versions[] = { "3.4", "3.7", "3.10.5", "4.94", "4.98", "8.17", "8.18" };
    static const char *const features[] = { "openssl", "dane", NULL };

    (void)state;
    assert_non_null(otr_embedded_find("exim/routers.conf"));
    assert_non_null(otr_embedded_find("postfix/main.cf"));
    assert_null(otr_embedded_find("nothing"));
    for (const otr_embedded_file *file = otr_embedded_files; file->name != NULL; file++) {
        for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
            otr_traits traits = { .features = features };
            otr_buf out = OTR_BUF_INIT;
            outrider_diag diag;

            assert_true(otr_version_parse(otr_slice_of(versions[i]), &traits.version));
            if (otr_fragment_adapt(file->text, &traits, &out, &diag) != OUTRIDER_OK)
                fail_msg("%s: %s", file->name, diag.message);
            assert_null(strstr(otr_buf_text(&out), "#["));
            otr_buf_clear(&out);
        }
    }
}

/* What is replaced by the addresses and folders of outrider.conf must be there to be replaced. */
static void the_embedded_files_name_what_is_replaced(void **state)
{
    static const struct {
        const char *file, *text;
    } rows[] = {
        { "exim/routers.conf", "OUTRIDER_SOCKET = /run/outrider/exim.sock\n" },
        { "exim/transport.conf", "OUTRIDER_ANCHORS = /run/outrider/ta\n" },
        { "postfix/main.cf", "socketmap:unix:outrider/policy.sock:QUERY\n" },
        { "sendmail/outrider.mc", " local:/run/outrider/sendmail.sock'" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (strstr(otr_embedded_find(rows[i].file), rows[i].text) == NULL)
            fail_msg("%s does not have: %s", rows[i].file, rows[i].text);
}

static void every_occurrence_is_replaced(void **state)
{
    otr_buf out = OTR_BUF_INIT;

    (void)state;
    otr_replace_all("unix:a:X unix:a:Y", "unix:a", "inet:b", &out);
    assert_string_equal(otr_buf_text(&out), "inet:b:X inet:b:Y");
    otr_buf_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_chosen_by_version_and_feature),
        cmocka_unit_test(the_embedded_files_can_be_read),
        cmocka_unit_test(the_embedded_files_name_what_is_replaced),
        cmocka_unit_test(every_occurrence_is_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
