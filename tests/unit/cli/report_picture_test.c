/*
 * report_picture_test.c - the pictures of a report: where things are, and that no name from outside becomes anything but text.
 */
#include "cli/report_picture.h"
#include "cli/report_text.h"
#include "support/cmocka_all.h"
#include "support/make_cert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MANY 5000
#define ROOTS 60

static otr_cert certs[ROOTS];

static const char *const hostile[] = {
    "</text><script>alert(1)</script>", "\" onload=\"x\" ' & ]]>", "\\N\\\" ]; evil -> g0 [", "two\nlines\tand \x1b[31mred",
    "caf\xc3\xa9", "", "a root with a name that is longer than a box of the picture is",
};
#define HOSTILE (sizeof(hostile) / sizeof(hostile[0]))

static int make_certs(void **state)
{
    char name[40];

    (void)state;
    for (size_t i = 0; i < ROOTS; i++) {
        snprintf(name, sizeof(name), "Root %zu", i);
        certs[i] = otr_make_cert(&(otr_cert_plan){ .common_name = i < HOSTILE ? hostile[i][0] != '\0' ? hostile[i] : NULL : name,
                                                   .constraints = "critical,CA:TRUE", .key = i > 0 ? certs[0].key : NULL });
    }
    return 0;
}

static int clear_certs(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROOTS; i++)
        otr_cert_clear(&certs[i]);
    return 0;
}

/* A report of `count` destinations on `roots` roots, the first of them with the most ---------------------------------------- */

static unsigned seed;

static unsigned draw(unsigned most)
{
    seed = seed * 1103515245u + 12345u;
    return (seed >> 16) % most;
}

static otr_report *make_report(size_t count, size_t roots)
{
    otr_report *r = calloc(1, sizeof(*r));
    char name[300];

    seed = 7;
    r->at = OTR_TEST_TIME;
    r->roots = calloc(roots + 1, sizeof(*r->roots));
    r->rows = calloc(count + 1, sizeof(*r->rows));
    r->row_count = count;
    r->root_count = roots;
    for (size_t i = 0; i < roots; i++) {
        r->roots[i] = (otr_report_root){ .cert = certs[i].cert, .first_end = OTR_TEST_TIME };
        X509_up_ref(certs[i].cert);
    }
    for (size_t i = 0; i < count; i++) {
        otr_report_row *row = &r->rows[i];

        snprintf(name, sizeof(name), "d%zu.%s.example", i, i % 50 == 7 ? "a-label-of-sixty-three-octets-is-as-long-as-they-come-in-the-dns" : "x");
        row->domain = strdup(name);
        row->class = (otr_effect_class)(i * OTR_EFFECT_COUNT / count); /* in the order of a report */
        row->links = calloc(roots + 1, sizeof(*row->links));
        for (size_t k = 0, some = draw(4); roots > 0 && k < some; k++) {
            size_t root = draw((unsigned)roots) * draw((unsigned)roots) / roots;

            if (row->link_count > 0 && row->links[row->link_count - 1].root >= root)
                continue;
            row->links[row->link_count++] = (otr_report_link){ .root = root, .class = row->class,
                                                               .hosts = { [OTR_ROLE_MX] = draw(3), [OTR_ROLE_POLICY] = 1 } };
            r->roots[root].destinations++;
            r->roots[root].counts[row->class]++;
        }
        r->counts[row->class]++;
    }
    return r;
}

static void free_report(otr_report *r)
{
    otr_report_clear(r);
    free(r);
}

/* Where things are ----------------------------------------------------------------------------------------------------- */

static void check_boxes(const char *name, const otr_place_on_page *places, size_t count, double top, double end)
{
    double y = top;

    for (size_t i = 0; i < count; i++) {
        if (places[i].y < y || places[i].height < 20 || places[i].y + places[i].height > end)
            fail_msg("%s %zu is at %.1f, %.1f high, below %.1f and not above %.1f", name, i, places[i].y, places[i].height, y, end);
        y = places[i].y + places[i].height;
    }
}

static void check_ends(const otr_picture *p)
{
    for (size_t i = 0; i < p->band_count; i++) {
        const otr_band *b = &p->bands[i];
        const otr_place_on_page *from = &p->group_places[b->group], *to = &p->root_places[b->root];
        double half = b->width / 2;

        if (b->from_y - half < from->y || b->from_y + half > from->y + from->height || b->to_y - half < to->y ||
            b->to_y + half > to->y + to->height)
            fail_msg("band %zu of %.1f ends at %.1f and %.1f, outside of %.1f+%.1f or %.1f+%.1f", i, b->width, b->from_y, b->to_y, from->y,
                     from->height, to->y, to->height);
    }
}

static void everything_has_its_place(void **state)
{
    static const struct {
        size_t destinations, roots;
    } sizes[] = { { 0, 0 }, { 1, 0 }, { 1, 1 }, { 3, 2 }, { 40, 7 }, { MANY, 30 }, { MANY, ROOTS } };

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        otr_report *r = make_report(sizes[i].destinations, sizes[i].roots);
        size_t told = 0;
        otr_picture p;

        assert_int_equal(otr_picture_lay_out(r, 100, &p), OUTRIDER_OK);
        check_boxes("group", p.group_places, p.groups.count, 100, p.body_end);
        check_boxes("root", p.root_places, p.groups.root_count, 100, p.body_end);
        check_ends(&p);
        for (size_t k = 0; k < OTR_EFFECT_COUNT; k++)
            told += p.section_count[k];
        assert_int_equal(told, sizes[i].destinations);
        assert_true(p.groups.count <= OTR_PICTURE_GROUPS);
        assert_true(p.groups.root_count <= OTR_PICTURE_ROOTS);
        if (p.body_end > 6000)
            fail_msg("%zu destinations are %.0f high", sizes[i].destinations, p.body_end);
        otr_picture_clear(&p);
        free_report(r);
    }
}

static double widest(otr_report *r)
{
    otr_picture p;
    double width = 0;

    assert_int_equal(otr_picture_lay_out(r, 100, &p), OUTRIDER_OK);
    for (size_t i = 0; i < p.band_count; i++)
        width = p.bands[i].width > width ? p.bands[i].width : width;
    otr_picture_clear(&p);
    free_report(r);
    return width;
}

static void bands_are_seen_and_bounded(void **state)
{
    double few = widest(make_report(3, 2)), many = widest(make_report(MANY, 3));

    (void)state;
    assert_true(few >= 1.5 && few <= 30);
    assert_true(many >= 1.5 && many <= 430);
}

/* Names that mean harm --------------------------------------------------------------------------------------------------- */

/* Printable ASCII and newlines, and of SVG no element but those that we draw with. */
static void check_octets(const char *text)
{
    for (const char *at = text; *at != '\0'; at++)
        if ((*at < ' ' || *at > '~') && *at != '\n')
            fail_msg("octet %02x at %zu", (unsigned char)*at, (size_t)(at - text));
}

static bool is_known_element(const char *at)
{
    static const char *const known[] = { "?xml ", "svg ", "/svg>", "title", "/title>", "desc ", "/desc>", "defs>", "/defs>", "clipPath ",
                                         "/clipPath>", "rect ", "/rect>", "text ", "/text>", "path ", "/path>", "g ", "/g>" };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strncmp(at, known[i], strlen(known[i])) == 0)
            return true;
    return false;
}

static void no_name_becomes_an_element(void **state)
{
    otr_report *r = make_report(60, HOSTILE);
    otr_buf svg = OTR_BUF_INIT, again = OTR_BUF_INIT;

    (void)state;
    assert_int_equal(otr_report_svg(r, &svg), OUTRIDER_OK);
    check_octets(otr_buf_text(&svg));
    for (const char *at = otr_buf_text(&svg); (at = strchr(at, '<')) != NULL; at++)
        if (!is_known_element(at + 1))
            fail_msg("an element that is not ours: %.40s", at);
    assert_non_null(strstr(otr_buf_text(&svg), "&lt;/text&gt;&lt;script&gt;"));
    assert_null(strstr(otr_buf_text(&svg), " onload=\"x\""));
    assert_int_equal(otr_report_svg(r, &again), OUTRIDER_OK);
    assert_string_equal(otr_buf_text(&svg), otr_buf_text(&again));
    otr_buf_clear(&svg);
    otr_buf_clear(&again);
    free_report(r);
}

/* Outside of strings there is nothing in DOT but what we write: no name gets out of its quotes. */
static void no_name_leaves_its_quotes(void **state)
{
    otr_report *r = make_report(60, HOSTILE);
    otr_buf dot = OTR_BUF_INIT;
    bool is_quoted = false;

    (void)state;
    assert_int_equal(otr_report_dot(r, &dot), OUTRIDER_OK);
    check_octets(otr_buf_text(&dot));
    for (const char *at = otr_buf_text(&dot); *at != '\0'; at++) {
        if (is_quoted && *at == '\\') {
            at++;
            if (*at != '\\' && *at != '"' && *at != 'n')
                fail_msg("an escape that is not ours: %.20s", at - 1);
        } else if (*at == '"') {
            is_quoted = !is_quoted;
        } else if (*at == '\n') {
            assert_false(is_quoted);
        } else if (!is_quoted && strncmp(at, "evil", 4) == 0) {
            fail_msg("outside of its quotes: %.40s", at);
        }
    }
    assert_false(is_quoted);
    otr_buf_clear(&dot);
    free_report(r);
}

static const struct {
    const char *text;
    size_t most;
    const char *xml, *dot;
} escapes[] = {
    { "plain", 20, "plain", "plain" },
    { "a<b>&\"'", 20, "a&lt;b&gt;&amp;&quot;&#39;", "a<b>&\\\"'" },
    { "\\N", 20, "\\N", "\\\\N" },
    { "a\nb\x7f\xff", 20, "a?b??", "a?b??" },
    { "exactly ten", 11, "exactly ten", "exactly ten" },
    { "<<<<<<<<", 6, "&lt;&lt;&lt;...", "<<<..." }, /* cut before it is escaped: half of an entity is no XML */
    { "", 6, "", "" },
};

static void text_is_escaped_and_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(escapes) / sizeof(escapes[0]); i++) {
        otr_buf xml = OTR_BUF_INIT, dot = OTR_BUF_INIT;

        otr_put_xml(&xml, escapes[i].text, escapes[i].most);
        otr_put_dot(&dot, escapes[i].text, escapes[i].most);
        assert_string_equal(otr_buf_text(&xml), escapes[i].xml);
        assert_string_equal(otr_buf_text(&dot), escapes[i].dot);
        otr_buf_clear(&xml);
        otr_buf_clear(&dot);
    }
}

/* Words ------------------------------------------------------------------------------------------------------------------ */

static const struct {
    const char *names[OTR_GROUP_NAMES];
    size_t count, most;
    const char *want;
} members[] = {
    { { "a.example", "b.example", "c.example" }, 3, 40, "a.example, b.example, c.example" },
    { { "a.example", "b.example", "c.example" }, 3, 31, "a.example, b.example, c.example" },
    { { "a.example", "b.example", "c.example" }, 3, 30, "a.example and 2 more" },
    { { "a.example", "b.example", "c.example" }, 100, 50, "a.example, b.example, c.example and 97 more" },
    { { "a.example" }, 1, 40, "a.example" },
    { { "a-name-that-is-too-long.example", "b.example", "c.example" }, 9, 24, "a-name-tha... and 8 more" },
};

static void names_are_told_while_they_fit(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        otr_group group = { .count = members[i].count };
        otr_buf text = OTR_BUF_INIT;

        while (group.name_count < OTR_GROUP_NAMES && members[i].names[group.name_count] != NULL) {
            group.names[group.name_count] = members[i].names[group.name_count];
            group.name_count++;
        }
        otr_put_members(&text, &group, members[i].most);
        assert_string_equal(otr_buf_text(&text), members[i].want);
        otr_buf_clear(&text);
    }
}

static const struct {
    otr_concentration of;
    const char *want;
} concentrations[] = {
    { { 0 }, "" },
    { { .destinations = 15, .covered = 13, .roots = 3, .owners = 3 },
      "3 roots carry 86 % of the destinations that rest on MTA-STS alone (13 of 15)." },
    { { .destinations = 15, .covered = 13, .roots = 3, .owners = 2, .traffic = 200, .traffic_covered = 182 },
      "3 roots of 2 owners carry 86 % of the destinations that rest on MTA-STS alone (13 of 15), and 91 % of the questions about them." },
    { { .destinations = 1, .covered = 1, .roots = 1, .owners = 1 },
      "1 root carries 100 % of the destinations that rest on MTA-STS alone (1 of 1)." },
};

static void concentration_is_one_sentence(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(concentrations) / sizeof(concentrations[0]); i++) {
        otr_buf text = OTR_BUF_INIT;

        otr_put_concentration(&text, &concentrations[i].of);
        assert_string_equal(otr_buf_text(&text), concentrations[i].want);
        otr_buf_clear(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_has_its_place),
        cmocka_unit_test(bands_are_seen_and_bounded),
        cmocka_unit_test(no_name_becomes_an_element),
        cmocka_unit_test(no_name_leaves_its_quotes),
        cmocka_unit_test(text_is_escaped_and_cut),
        cmocka_unit_test(names_are_told_while_they_fit),
        cmocka_unit_test(concentration_is_one_sentence),
    };

    return cmocka_run_group_tests_name("report_picture", tests, make_certs, clear_certs);
}
