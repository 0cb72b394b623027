/*
 * repeat_test.c - what is printed to be pasted means to a shell what was given.
 */
#include "cli/repeat.h"
#include "support/cmocka_all.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *word, *written;
} rows[] = {
    { "/etc/outrider/outrider.conf", "/etc/outrider/outrider.conf" },
    { "mx1.example.org", "mx1.example.org" },
    { "", "''" },
    { "a b", "'a b'" },
    { "it's", "'it'\\''s'" },
    { "$(reboot)", "'$(reboot)'" },
    { "`x`;*?~#\"\\", "'`x`;*?~#\"\\'" },
    { "two\nlines", "'two\nlines'" },
    { "\xc3\xa9", "'\xc3\xa9'" },
};

static void words(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        otr_buf out = OTR_BUF_INIT, command = OTR_BUF_INIT;
        char back[64] = "";
        FILE *shell;

        otr_put_word(&out, rows[i].word);
        assert_string_equal(otr_buf_text(&out), rows[i].written);
        otr_buf_printf(&command, "printf %%s %s", otr_buf_text(&out));
        shell = popen(otr_buf_text(&command), "r");
        assert_non_null(shell);
        back[fread(back, 1, sizeof(back) - 1, shell)] = '\0';
        assert_int_equal(pclose(shell), 0);
        assert_string_equal(back, rows[i].word);
        otr_buf_clear(&out);
        otr_buf_clear(&command);
    }
}

static void options(void **state)
{
    otr_buf out = OTR_BUF_INIT;

    (void)state;
    otr_put_option(&out, "--config", NULL);
    assert_int_equal(out.len, 0);
    otr_put_option(&out, "--config", "my file");
    otr_put_option(&out, "--state", "/x");
    assert_string_equal(otr_buf_text(&out), " --config 'my file' --state /x");
    otr_buf_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(words), cmocka_unit_test(options) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
