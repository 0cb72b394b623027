/*
 * tlsa_text.c - reading a TLSA record as people write it: the RDATA alone, or a line of a zone file around it
 * (RFC 1035 §5.1), the data in the type's own form or in the generic one (RFC 3597 §5).
 *
 *   line    = [[owner] [ttl] [class] type] rdata          ttl and class in either order, letters of either case
 *   type    = "TLSA" / "TYPE52"
 *   rdata   = usage selector mtype *hex / "\#" length *hex
 *
 * Words are separated by blanks; parentheses let a record go over several lines; ";" starts a comment. The
 * end of the line ends the record, and only one record is read: two lines run together would read as one
 * record with the wrong data.
 */
#include "base/cursor.h"
#include "base/hex.h"
#include "dane/tlsa.h"

#define HEADER_WORDS 3      /* owner, ttl and class, before the type */
#define RDATA_MAX 65535     /* octets, RFC 1035 §3.2.1 */
#define PARAMETER_OCTETS 3

struct text {
    otr_cursor c;
    unsigned depth;      /* open parentheses */
    const char *opened;  /* the last of them */
    outrider_diag *diag; /* may be NULL */
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_line_end(char c)
{
    return c == '\n' || c == '\r';
}

/* Skip blanks, comments, parentheses and the line ends between them. */
static outrider_err skip_space(struct text *t)
{
    for (; t->c.at < t->c.end; t->c.at++) {
        char ch = *t->c.at;

        if (ch == '(') {
            t->depth++;
            t->opened = t->c.at;
        } else if (ch == ')') {
            if (t->depth == 0)
                return otr_syntax(&t->c, t->c.at, t->diag, "')' without '('");
            t->depth--;
        } else if (ch == ';') {
            while (t->c.at + 1 < t->c.end && !is_line_end(t->c.at[1]))
                t->c.at++;
        } else if (!is_blank(ch) && !(is_line_end(ch) && t->depth > 0)) {
            break;
        }
    }
    return OUTRIDER_OK;
}

/* The next word of the record; empty at its end. A backslash protects the character after it. */
static outrider_err take_word(struct text *t, otr_slice *word)
{
    outrider_err err = skip_space(t);

    *word = (otr_slice){ .ptr = t->c.at, .len = 0 };
    if (err != OUTRIDER_OK)
        return err;
    while (t->c.at < t->c.end && !is_blank(*t->c.at) && !is_line_end(*t->c.at) && *t->c.at != ';' &&
           *t->c.at != '(' && *t->c.at != ')')
        t->c.at += *t->c.at == '\\' && t->c.at + 1 < t->c.end && !is_line_end(t->c.at[1]) ? 2 : 1;
    word->len = (size_t)(t->c.at - word->ptr);
    return OUTRIDER_OK;
}

static bool word_is(otr_slice word, const char *upper)
{
    for (size_t i = 0; i < word.len; i++)
        if (upper[i] == '\0' || otr_to_lower(word.ptr[i]) != otr_to_lower(upper[i]))
            return false;
    return upper[word.len] == '\0';
}

static bool is_type(otr_slice word)
{
    return word_is(word, "TLSA") || word_is(word, "TYPE52");
}

/* "3600", or "1h30m" as BIND and others write it. */
static bool is_ttl(otr_slice word)
{
    if (word.len == 0 || !otr_is_digit(word.ptr[0]))
        return false;
    for (size_t i = 1; i < word.len; i++)
        if (!otr_is_digit(word.ptr[i]) &&
            (!otr_is_digit(word.ptr[i - 1]) || strchr("smhdw", otr_to_lower(word.ptr[i])) == NULL))
            return false;
    return true;
}

/* At most one TTL and one class. NULL if words[] are that, otherwise the word that does not fit. */
static const otr_slice *find_misfit(const otr_slice *words, size_t count)
{
    bool has_ttl = false, has_class = false;

    for (size_t i = 0; i < count; i++) {
        if (!has_class && word_is(words[i], "IN"))
            has_class = true;
        else if (!has_ttl && is_ttl(words[i]))
            has_ttl = true;
        else
            return &words[i];
    }
    return NULL;
}

/* Step over owner, TTL, class and type if there is a type; otherwise the text begins with the RDATA. */
static outrider_err skip_header(struct text *t)
{
    struct text ahead = *t, after = *t;
    otr_slice words[HEADER_WORDS + 1];
    size_t count = 0, header = 0;
    bool has_type = false;

    for (; count < HEADER_WORDS + 1; count++) {
        outrider_err err = take_word(&ahead, &words[count]);

        if (err != OUTRIDER_OK)
            return err;
        if (words[count].len == 0)
            break;
        /* The last one is the type: the owner may well be called "tlsa". */
        if (is_type(words[count])) {
            has_type = true;
            header = count;
            after = ahead;
        }
    }
    if (!has_type)
        return OUTRIDER_OK;
    *t = after;
    /* The first word is an owner unless it reads as a TTL or a class. */
    if (find_misfit(words, header) != NULL) {
        const otr_slice *misfit = find_misfit(words + 1, header - 1);

        if (misfit != NULL)
            return otr_syntax(&t->c, misfit->ptr, t->diag, "expected a TTL, the class IN or the type TLSA");
    }
    return OUTRIDER_OK;
}

/* A decimal number up to max. `what` names it in the refusal. */
static outrider_err take_number(struct text *t, const char *what, unsigned max, unsigned *value)
{
    otr_slice word;
    outrider_err err = take_word(t, &word);
    unsigned number = 0;

    if (err != OUTRIDER_OK)
        return err;
    if (word.len == 0)
        return otr_syntax(&t->c, word.ptr, t->diag, "the %s is missing", what);
    for (size_t i = 0; i < word.len; i++) {
        if (!otr_is_digit(word.ptr[i]))
            return otr_syntax(&t->c, word.ptr + i, t->diag, "the %s is a number from 0 to %u", what, max);
        number = number * 10 + (unsigned)(word.ptr[i] - '0');
        if (number > max)
            return otr_syntax(&t->c, word.ptr, t->diag, "the %s is a number from 0 to %u", what, max);
    }
    *value = number;
    return OUTRIDER_OK;
}

static outrider_err refuse_digit(const struct text *t, const char *at)
{
    if (*at > ' ' && *at < 0x7f)
        return otr_syntax(&t->c, at, t->diag, "'%c' is not a hexadecimal digit", *at);
    return otr_syntax(&t->c, at, t->diag, "octet 0x%02x is not a hexadecimal digit", (unsigned char)*at);
}

/* The rest of the record: hexadecimal digits, white space anywhere between them (RFC 6698 §2.2). */
static outrider_err take_hex(struct text *t, otr_buf *data)
{
    int high = -1;
    otr_slice word;

    for (;;) {
        outrider_err err = take_word(t, &word);

        if (err != OUTRIDER_OK)
            return err;
        if (word.len == 0)
            break;
        for (size_t i = 0; i < word.len; i++) {
            int digit = otr_hex_digit(word.ptr[i]);

            if (digit < 0)
                return refuse_digit(t, word.ptr + i);
            if (high < 0) {
                high = digit;
                continue;
            }
            if (data->len == RDATA_MAX)
                return otr_syntax(&t->c, word.ptr + i, t->diag, "more than %u octets of data", RDATA_MAX);
            otr_buf_putc(data, (char)(high << 4 | digit));
            high = -1;
        }
    }
    if (high >= 0)
        return otr_syntax(&t->c, t->c.at, t->diag, "an odd number of hexadecimal digits");
    return data->err;
}

/* "\#" length *hex; false if the RDATA is not in this form. */
static bool take_generic_mark(struct text *t)
{
    struct text ahead = *t;
    otr_slice word;

    if (take_word(&ahead, &word) != OUTRIDER_OK || !otr_slice_is(word, "\\#"))
        return false;
    *t = ahead;
    return true;
}

static outrider_err take_generic(struct text *t, otr_buf *data, otr_tlsa *record)
{
    const char *number = t->c.at;
    unsigned len = 0;
    outrider_err err = take_number(t, "length", RDATA_MAX, &len);

    if (err == OUTRIDER_OK)
        err = take_hex(t, data);
    if (err != OUTRIDER_OK)
        return err;
    if (data->len != len) {
        while (is_blank(*number))
            number++;
        return otr_syntax(&t->c, number, t->diag, "the length is %u but %zu octets follow", len, data->len);
    }
    *record = otr_tlsa_from_rdata((const uint8_t *)data->data, data->len);
    return OUTRIDER_OK;
}

static outrider_err take_fields(struct text *t, otr_buf *data, otr_tlsa *record)
{
    static const char *const names[PARAMETER_OCTETS] = { "usage", "selector", "matching type" };
    unsigned values[PARAMETER_OCTETS] = { 0 };
    outrider_err err;

    for (int i = 0; i < PARAMETER_OCTETS; i++)
        if ((err = take_number(t, names[i], UINT8_MAX, &values[i])) != OUTRIDER_OK)
            return err;
    if ((err = take_hex(t, data)) != OUTRIDER_OK)
        return err;
    if (data->len > OTR_TLSA_DATA_MAX)
        return otr_syntax(&t->c, t->c.at, t->diag, "more than %u octets of data", OTR_TLSA_DATA_MAX);
    *record = (otr_tlsa){
        .usage = (uint8_t)values[0],
        .selector = (uint8_t)values[1],
        .mtype = (uint8_t)values[2],
        .data = (const uint8_t *)data->data,
        .len = data->len,
    };
    return OUTRIDER_OK;
}

/* Empty lines and comments, before and after the record. */
static outrider_err skip_lines(struct text *t)
{
    outrider_err err = skip_space(t);

    while (err == OUTRIDER_OK && t->c.at < t->c.end && is_line_end(*t->c.at)) {
        t->c.at++;
        err = skip_space(t);
    }
    return err;
}

static outrider_err take_end(struct text *t)
{
    outrider_err err;

    if (t->depth > 0)
        return otr_syntax(&t->c, t->opened, t->diag, "'(' without ')'");
    if ((err = skip_lines(t)) != OUTRIDER_OK)
        return err;
    if (!otr_cursor_at_end(&t->c))
        return otr_syntax(&t->c, t->c.at, t->diag, "expected the end: give each record by itself");
    return OUTRIDER_OK;
}

outrider_err otr_tlsa_parse(const char *text, size_t len, otr_buf *data, otr_tlsa *record, outrider_diag *diag)
{
    struct text t = { .c = otr_cursor_over(text, len), .diag = diag };
    otr_tlsa found = { 0 };
    outrider_err err;

    otr_buf_reset(data);
    if ((err = skip_lines(&t)) != OUTRIDER_OK || (err = skip_header(&t)) != OUTRIDER_OK)
        return err;
    err = take_generic_mark(&t) ? take_generic(&t, data, &found) : take_fields(&t, data, &found);
    if (err == OUTRIDER_OK)
        err = take_end(&t);
    if (err == OUTRIDER_OK)
        *record = found;
    return err;
}
