/*
 * plan_file_test.c - what is written is what is read; what is odd is refused; nobody writes beside somebody else.
 */
#include "publish/plan_file.h"
#include "tlsa_scene.h"

#include "support/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[64], path[128];

static void write_text(const char *text)
{
    FILE *out = fopen(path, "w");

    assert_non_null(out);
    fputs(text, out);
    fclose(out);
}

static otr_buf read_text(void)
{
    otr_buf text = OTR_BUF_INIT;
    FILE *in = fopen(path, "r");
    char octets[4096];
    size_t got;

    assert_non_null(in);
    while ((got = fread(octets, 1, sizeof(octets), in)) > 0)
        otr_buf_put(&text, octets, got);
    fclose(in);
    return text;
}

static void fill(otr_plan_file *f)
{
    const char *sets[] = { "AB", "A" };
    otr_authority *a = scene_authority(sets, 2, 900, 3600, 300);

    otr_history_observe(&f->history, a, OTR_TEST_TIME);
    f->rollover.state = OTR_ROLLOVER_PUBLISHED;
    f->rollover.since = OTR_TEST_TIME;
    f->rollover.scheme = OTR_SCHEME_KEY_ISSUER;
    f->rollover.pairs[f->rollover.pair_count++] = (otr_rollover_pair){ "ecdsa", otr_arena_text(f->arena, scene_record('A')),
                                                                       otr_arena_text(f->arena, scene_record('B')), "/etc/\"odd\"\n.key" };
    f->rollover.kept[f->rollover.kept_count++] = otr_arena_text(f->arena, scene_record('C'));
    f->rollover.issuers[f->rollover.issuer_count++] = otr_arena_text(f->arena, scene_record('a'));
    otr_authority_free(a);
}

static void test_what_is_written_is_read(void **state)
{
    otr_plan_file f, again;
    outrider_diag diag = { 0 };
    otr_buf first, second;

    (void)state;
    unlink(path);
    assert_int_equal(otr_plan_open(folder, MX, 25, 100, NULL, &f, &diag), OUTRIDER_OK);
    assert_true(f.is_new);
    fill(&f);
    assert_int_equal(otr_plan_save(&f, &diag), OUTRIDER_OK);
    assert_int_equal(otr_plan_open(folder, MX, 25, -1, NULL, &again, &diag), OUTRIDER_OK);
    assert_int_equal(again.history.set_count, 2);
    assert_int_equal(again.history.sets[0].refresh, 3600);
    assert_int_equal(again.rollover.state, OTR_ROLLOVER_PUBLISHED);
    assert_string_equal(again.rollover.pairs[0].key, "/etc/\"odd\"\n.key");
    assert_string_equal(again.rollover.pairs[0].next, scene_record('B'));
    first = read_text();
    assert_int_equal(otr_plan_save(&again, &diag), OUTRIDER_OK);
    second = read_text();
    assert_string_equal(otr_buf_text(&first), otr_buf_text(&second));
    otr_buf_clear(&first);
    otr_buf_clear(&second);
    otr_plan_close(&f);
    otr_plan_close(&again);
}

static void test_one_at_a_time(void **state)
{
    otr_plan_file f, g;
    outrider_diag diag = { 0 };
    bool is_busy = false;

    (void)state;
    assert_int_equal(otr_plan_open(folder, MX, 25, 0, NULL, &f, &diag), OUTRIDER_OK);
    assert_int_equal(otr_plan_open(folder, MX, 25, 0, &is_busy, &g, &diag), OUTRIDER_E_IO);
    assert_true(is_busy);
    assert_int_equal(otr_plan_open(folder, MX, 25, -1, NULL, &g, &diag), OUTRIDER_OK);
    otr_plan_close(&g);
    assert_int_equal(otr_plan_open(folder, MX, 26, 0, NULL, &g, &diag), OUTRIDER_OK); /* another port is another plan */
    otr_plan_close(&g);
    otr_plan_close(&f);
    assert_int_equal(otr_plan_open(folder, MX, 25, 0, NULL, &f, &diag), OUTRIDER_OK);
    otr_plan_close(&f);
}

/* Each is a change of a good file: the first occurrence of `from` becomes `to`. */
static const struct {
    const char *what, *from, *to;
} oddities[] = {
    { "cut off", "\"rollover\"", "" },
    { "another version", "\"version\": 1", "\"version\": 2" },
    { "another host", MX, "mx.example.net" },
    { "another port", "\"port\": 25", "\"port\": 26" },
    { "a member more", "\"version\": 1", "\"version\": 1, \"colour\": 1" },
    { "a member twice", "\"version\": 1", "\"version\": 1, \"version\": 1" },
    { "an unknown state", "\"published\"", "\"publishing\"" },
    { "an unknown scheme", "3-1-1+2-1-1", "3-1-1+2-0-1" },
    { "a number where a text is wanted", "\"ecdsa\"", "5" },
    { "a record with a digit too few", "3 1 1 ", "3 1 1 F" },
    { "a record in small letters", "3 1 1 ", "3 1 1 aa" },
    { "a time before all time", "\"begun\": ", "\"begun\": -" },
    { "a time of no calendar", "\"since\": ", "\"since\": 99999" },
    { "a TTL of years", "\"ttl\": ", "\"ttl\": 99999" },
    { "another kind of TTL", "\"denial\"", "\"denials\"" },
};

static void test_what_is_odd_is_refused(void **state)
{
    otr_plan_file f;
    outrider_diag diag;
    otr_buf good;

    (void)state;
    unlink(path);
    assert_int_equal(otr_plan_open(folder, MX, 25, 0, NULL, &f, NULL), OUTRIDER_OK);
    fill(&f);
    /* The history knows when it begun, so that there is a number to change. */
    f.history.begun = OTR_TEST_TIME;
    assert_int_equal(otr_plan_save(&f, NULL), OUTRIDER_OK);
    otr_plan_close(&f);
    good = read_text();
    for (size_t i = 0; i < sizeof(oddities) / sizeof(oddities[0]); i++) {
        const char *at = strstr(otr_buf_text(&good), oddities[i].from);
        otr_buf text = OTR_BUF_INIT;
        outrider_err err;

        assert_non_null(at);
        otr_buf_put(&text, good.data, (size_t)(at - good.data));
        otr_buf_puts(&text, oddities[i].to);
        otr_buf_puts(&text, i == 0 ? "" : at + strlen(oddities[i].from));
        write_text(otr_buf_text(&text));
        otr_buf_clear(&text);
        err = otr_plan_open(folder, MX, 25, 0, NULL, &f, &diag);
        if (err != OUTRIDER_E_SYNTAX)
            fail_msg("%s: got %d", oddities[i].what, err);
        if (strstr(diag.message, path) == NULL)
            fail_msg("%s: does not name the file: %s", oddities[i].what, diag.message);
    }
    write_text(otr_buf_text(&good));
    assert_int_equal(otr_plan_open(folder, MX, 25, 0, NULL, &f, &diag), OUTRIDER_OK);
    otr_plan_close(&f);
    otr_buf_clear(&good);
}

static void note_host(void *arg, const char *host, uint16_t port)
{
    otr_buf_printf(arg, "%s:%u ", host, port);
}

static void test_the_hosts_of_a_directory(void **state)
{
    otr_buf hosts = OTR_BUF_INIT;
    char other[128];

    (void)state;
    snprintf(other, sizeof(other), "%s/..%%2fodd_25.json", folder);
    fclose(fopen(other, "w"));
    assert_int_equal(otr_plan_list(folder, note_host, &hosts, NULL), OUTRIDER_OK);
    assert_string_equal(otr_buf_text(&hosts), MX ":25 ");
    otr_buf_reset(&hosts);
    assert_int_equal(otr_plan_list("/nonexistent", note_host, &hosts, NULL), OUTRIDER_OK);
    assert_int_equal(hosts.len, 0);
    otr_buf_clear(&hosts);
    unlink(other);
}

static int open_scene(void **state)
{
    (void)state;
    scene_open();
    strcpy(folder, "/tmp/outrider-plan-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return 1;
    snprintf(path, sizeof(path), "%s/" MX "_25.json", folder);
    return 0;
}

static int close_scene(void **state)
{
    static const char *const names[] = { MX "_25.json", MX "_25.json.lock", MX "_26.json.lock" };
    char name[160];

    (void)state;
    scene_close();
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(name, sizeof(name), "%s/%s", folder, names[i]);
        unlink(name);
    }
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_is_read),
        cmocka_unit_test(test_one_at_a_time),
        cmocka_unit_test(test_what_is_odd_is_refused),
        cmocka_unit_test(test_the_hosts_of_a_directory),
    };

    return cmocka_run_group_tests(tests, open_scene, close_scene);
}
