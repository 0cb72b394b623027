/*
 * reply_test.c - what is a reply (RFC 5321 §4.2), and what an attack or a broken server sends instead.
 */
#include "smtp/reply.h"
#include "support/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>

#define BYTES(text) text, sizeof(text) - 1

static const struct {
    const char *name;
    const char *octets;
    size_t len;
    otr_smtp_progress progress;
    unsigned code;
    size_t lines;
    bool offers_starttls;
    const char *text; /* DONE: of the first line; BAD: the error */
    size_t left;      /* DONE: octets that were not taken */
} rows[] = {
    { "a greeting", BYTES("220 mx.example.org ESMTP\r\n"), OTR_SMTP_DONE, 220, 1, false, "mx.example.org ESMTP", 0 },
    { "a code alone (RFC 5321 §4.2: the text is optional)", BYTES("250\r\n"), OTR_SMTP_DONE, 250, 1, false, "", 0 },
    { "a code and a space", BYTES("250 \r\n"), OTR_SMTP_DONE, 250, 1, false, "", 0 },
    { "several lines", BYTES("250-mx.example.org\r\n250-SIZE 1\r\n250 STARTTLS\r\n"), OTR_SMTP_DONE, 250, 3, true,
      "mx.example.org", 0 },
    { "a last line that is a code alone", BYTES("250-mx.example.org\r\n250-STARTTLS\r\n250\r\n"), OTR_SMTP_DONE, 250, 3, true,
      "mx.example.org", 0 },
    { "keywords have no case", BYTES("250-mx\r\n250 StartTls\r\n"), OTR_SMTP_DONE, 250, 2, true, "mx", 0 },
    { "a keyword with parameters", BYTES("250-mx\r\n250 STARTTLS x\r\n"), OTR_SMTP_DONE, 250, 2, true, "mx", 0 },
    { "a longer keyword is another one", BYTES("250-mx\r\n250 STARTTLSX\r\n"), OTR_SMTP_DONE, 250, 2, false, "mx", 0 },
    { "a shorter one too", BYTES("250-mx\r\n250 STARTTL\r\n"), OTR_SMTP_DONE, 250, 2, false, "mx", 0 },
    { "in the first line stands the server's name, no keyword", BYTES("250 STARTTLS\r\n"), OTR_SMTP_DONE, 250, 1, false,
      "STARTTLS", 0 },
    { "what does not print is shown as ?", BYTES("220 \x1b[2J\xc3\xa4\t\"\r\n"), OTR_SMTP_DONE, 220, 1, false, "?[2J???\"", 0 },
    { "octets behind the reply are not taken", BYTES("220 go\r\n250-x\r\n"), OTR_SMTP_DONE, 220, 1, false, "go", 7 },
    { "an unfinished line", BYTES("220 mx"), OTR_SMTP_MORE, 0, 0, false, "", 0 },
    { "an unfinished end of line", BYTES("220 mx\r"), OTR_SMTP_MORE, 0, 0, false, "", 0 },
    { "an unfinished reply", BYTES("250-mx\r\n"), OTR_SMTP_MORE, 0, 0, false, "", 0 },
    { "nothing", "", 0, OTR_SMTP_MORE, 0, 0, false, "", 0 },
    { "different codes", BYTES("250-mx\r\n220 STARTTLS\r\n"), OTR_SMTP_BAD, 0, 0, false,
      "a reply whose lines bear different codes", 0 },
    { "a bare LF", BYTES("220 mx\n"), OTR_SMTP_BAD, 0, 0, false, "a LF without CR", 0 },
    { "a LF before the CR", BYTES("220 mx\n\r\n"), OTR_SMTP_BAD, 0, 0, false, "a LF without CR", 0 },
    { "a bare CR", BYTES("220 m\rx\r\n"), OTR_SMTP_BAD, 0, 0, false, "a CR without LF", 0 },
    { "two CRs", BYTES("220 mx\r\r\n"), OTR_SMTP_BAD, 0, 0, false, "a CR without LF", 0 },
    { "a NUL", BYTES("220 m\0x\r\n"), OTR_SMTP_BAD, 0, 0, false, "a reply with a NUL", 0 },
    { "an empty line", BYTES("\r\n"), OTR_SMTP_BAD, 0, 0, false, "a line that does not begin with a reply code", 0 },
    { "two digits", BYTES("22\r\n"), OTR_SMTP_BAD, 0, 0, false, "a line that does not begin with a reply code", 0 },
    { "four digits", BYTES("2200 mx\r\n"), OTR_SMTP_BAD, 0, 0, false, "a reply code with neither space nor hyphen behind it", 0 },
    { "no code that there is", BYTES("120 mx\r\n"), OTR_SMTP_BAD, 0, 0, false, "a line that does not begin with a reply code", 0 },
    { "nor this", BYTES("600 mx\r\n"), OTR_SMTP_BAD, 0, 0, false, "a line that does not begin with a reply code", 0 },
    { "another protocol", BYTES("SSH-2.0-OpenSSH_9.2\r\n"), OTR_SMTP_BAD, 0, 0, false,
      "a line that does not begin with a reply code", 0 },
    { "a line from nowhere within a reply", BYTES("250-mx\r\nHTTP/1.1 200 OK\r\n"), OTR_SMTP_BAD, 0, 0, false,
      "a line that does not begin with a reply code", 0 },
    { "a tab for the space", BYTES("220\tmx\r\n"), OTR_SMTP_BAD, 0, 0, false,
      "a reply code with neither space nor hyphen behind it", 0 },
};

static const char *const progress_names[] = { "more", "done", "bad" };

/* Feed in pieces of so many octets; 0: all at once. */
static otr_smtp_progress feed(otr_smtp_reader *reader, const char *octets, size_t len, size_t piece, size_t *left)
{
    otr_smtp_progress progress = OTR_SMTP_MORE;
    size_t at = 0;

    otr_smtp_reader_init(reader);
    while (at < len && progress == OTR_SMTP_MORE) {
        size_t size = piece == 0 || piece > len - at ? len - at : piece, used = 0;

        progress = otr_smtp_reader_take(reader, octets + at, size, &used);
        at += used;
    }
    *left = len - at;
    return progress;
}

static void a_reply_is_read(size_t piece)
{
    otr_smtp_reader *reader = malloc(sizeof(*reader));

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t left = 0;
        otr_smtp_progress got = feed(reader, rows[i].octets, rows[i].len, piece, &left);
        const char *text = got == OTR_SMTP_BAD ? reader->error : reader->reply.text;

        if (got != rows[i].progress)
            fail_msg("%s: got %s (%s), want %s", rows[i].name, progress_names[got], text, progress_names[rows[i].progress]);
        if (got != OTR_SMTP_MORE && strcmp(text, rows[i].text) != 0)
            fail_msg("%s: got \"%s\", want \"%s\"", rows[i].name, text, rows[i].text);
        if (got == OTR_SMTP_DONE &&
            (reader->reply.code != rows[i].code || reader->reply.lines != rows[i].lines || left != rows[i].left ||
             reader->reply.offers_starttls != rows[i].offers_starttls))
            fail_msg("%s: got code %u, lines %zu, starttls %d, %zu octets left", rows[i].name, reader->reply.code,
                     reader->reply.lines, reader->reply.offers_starttls, left);
    }
    free(reader);
}

static void replies_at_once(void **state)
{
    (void)state;
    a_reply_is_read(0);
}

static void replies_octet_by_octet(void **state)
{
    (void)state;
    a_reply_is_read(1);
}

static otr_smtp_progress read_line_of(size_t len, otr_smtp_reader *reader)
{
    char *line = malloc(len);
    size_t left;
    otr_smtp_progress progress;

    memset(line, 'x', len);
    memcpy(line, "220 ", 4);
    memcpy(line + len - 2, "\r\n", 2);
    progress = feed(reader, line, len, 0, &left);
    free(line);
    return progress;
}

static void lines_have_a_limit(void **state)
{
    otr_smtp_reader *reader = malloc(sizeof(*reader));

    (void)state;
    assert_int_equal(read_line_of(512, reader), OTR_SMTP_DONE);
    assert_int_equal(read_line_of(513, reader), OTR_SMTP_DONE);
    assert_int_equal(read_line_of(OTR_SMTP_LINE_MAX, reader), OTR_SMTP_DONE);
    assert_int_equal(strlen(reader->reply.text), OTR_SMTP_TEXT_MAX);
    assert_int_equal(read_line_of(OTR_SMTP_LINE_MAX + 2, reader), OTR_SMTP_BAD);
    assert_string_equal(reader->error, "a line of too many octets");
    free(reader);
}

/* Lines of `size` octets until the reader ends; how many. */
static size_t count_lines(otr_smtp_reader *reader, size_t size)
{
    char line[OTR_SMTP_LINE_MAX];
    size_t count = 0, used;

    memset(line, 'x', sizeof(line));
    memcpy(line, "250-", 4);
    memcpy(line + size - 2, "\r\n", 2);
    otr_smtp_reader_init(reader);
    while (count < 100000 && otr_smtp_reader_take(reader, line, size, &used) == OTR_SMTP_MORE)
        count++;
    return count;
}

static void endless_replies_end(void **state)
{
    otr_smtp_reader *reader = malloc(sizeof(*reader));

    (void)state;
    assert_int_equal(count_lines(reader, 6), OTR_SMTP_LINES_MAX);
    assert_string_equal(reader->error, "a reply of too many lines");
    assert_int_equal(count_lines(reader, 1024), OTR_SMTP_REPLY_MAX / 1024);
    assert_string_equal(reader->error, "a reply of too many octets");
    free(reader);
}

static void a_bad_reply_stays_bad(void **state)
{
    otr_smtp_reader *reader = malloc(sizeof(*reader));
    size_t used;

    (void)state;
    otr_smtp_reader_init(reader);
    assert_int_equal(otr_smtp_reader_take(reader, "220\n", 4, &used), OTR_SMTP_BAD);
    assert_int_equal(otr_smtp_reader_take(reader, "220 mx\r\n", 8, &used), OTR_SMTP_BAD);
    assert_int_equal(used, 0);
    free(reader);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_at_once),
        cmocka_unit_test(replies_octet_by_octet),
        cmocka_unit_test(lines_have_a_limit),
        cmocka_unit_test(endless_replies_end),
        cmocka_unit_test(a_bad_reply_stays_bad),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
