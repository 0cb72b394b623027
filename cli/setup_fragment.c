/*
 * setup_fragment.c - one pass over the lines of a fragment. What is to be written is a list of lines; a conditional
 * line that holds may still change what was put there before.
 */
#include "cli/setup_fragment.h"

#include "base/diag.h"

#include <stdlib.h>

struct fragment {
    otr_slice *lines; /* owned; to be written */
    size_t count;
    const otr_traits *traits;
};

const char *otr_embedded_find(const char *name)
{
    for (const otr_embedded_file *file = otr_embedded_files; file->name != NULL; file++)
        if (strcmp(file->name, name) == 0)
            return file->text;
    return NULL;
}

static otr_slice without_indent(otr_slice line)
{
    while (line.len > 0 && (*line.ptr == ' ' || *line.ptr == '\t')) {
        line.ptr++;
        line.len--;
    }
    return line;
}

static bool is_comment(otr_slice line)
{
    line = without_indent(line);
    return line.len > 0 && *line.ptr == '#';
}

static bool is_blank(otr_slice line)
{
    return without_indent(line).len == 0;
}

static bool goes_on(otr_slice line)
{
    return line.len > 0 && line.ptr[line.len - 1] == '\\';
}

/* What a line sets: the text before "=", else (m4, and options that are words) all up to a "," or ")". */
static otr_slice name_of(otr_slice line)
{
    const char *end;

    line = without_indent(line);
    end = memchr(line.ptr, '=', line.len);
    if (end == NULL)
        end = memchr(line.ptr, ',', line.len);
    if (end == NULL)
        end = memchr(line.ptr, ')', line.len);
    if (end != NULL)
        line.len = (size_t)(end - line.ptr);
    while (line.len > 0 && (line.ptr[line.len - 1] == ' ' || line.ptr[line.len - 1] == '\t'))
        line.len--;
    return line;
}

/* "#[COND] REST", the "#" perhaps indented. REST keeps its own indentation. */
static bool is_conditional(otr_slice line, otr_slice *condition, otr_slice *rest)
{
    const char *end = line.ptr + line.len, *close;

    line = without_indent(line);
    if (line.len < 2 || line.ptr[0] != '#' || line.ptr[1] != '[')
        return false;
    close = memchr(line.ptr, ']', line.len);
    if (close == NULL || close + 1 == end || close[1] != ' ')
        return false;
    *condition = (otr_slice){ line.ptr + 2, (size_t)(close - line.ptr - 2) };
    *rest = (otr_slice){ close + 2, (size_t)(end - close - 2) };
    return true;
}

/* The nearest active line that sets `name`, and how many lines it has; `before` if there is none. */
static size_t find_active(const struct fragment *f, otr_slice name, size_t before, size_t *length)
{
    for (size_t i = before; i-- > 0;) {
        bool is_continuation = i > 0 && goes_on(f->lines[i - 1]) && !is_comment(f->lines[i - 1]);

        if (is_comment(f->lines[i]) || is_blank(f->lines[i]) || is_continuation ||
            !otr_slice_eq(name_of(f->lines[i]), name))
            continue;
        for (*length = 1; i + *length < before && goes_on(f->lines[i + *length - 1]);)
            (*length)++;
        return i;
    }
    *length = 0;
    return before;
}

/* Put `count` lines, which now are the last ones, in the place of `length` lines at `at`. */
static void move_last(struct fragment *f, size_t count, size_t at, size_t length)
{
    memmove(f->lines + at, f->lines + at + length, (f->count - at - length) * sizeof(*f->lines));
    f->count -= length;
    for (size_t i = 0; i < count; i++) {
        otr_slice last = f->lines[f->count - 1];

        memmove(f->lines + at + 1, f->lines + at, (f->count - 1 - at) * sizeof(*f->lines));
        f->lines[at] = last;
    }
}

static size_t comments_at_the_end(const struct fragment *f)
{
    size_t count = 0;

    while (count < f->count && is_comment(f->lines[f->count - 1 - count]))
        count++;
    return count;
}

/* One conditional line that holds, of `length` lines, just appended; the comments before it go where it goes. */
static void place(struct fragment *f, size_t length, size_t comments)
{
    otr_slice line = without_indent(f->lines[f->count - length]);
    bool is_removal = line.len > 0 && *line.ptr == '!';
    size_t old, old_length;

    if (is_removal)
        line = (otr_slice){ line.ptr + 1, line.len - 1 };
    old = find_active(f, name_of(line), f->count - length - comments, &old_length);
    if (is_removal) {
        f->count -= length;
        length = 0;
    }
    if (old_length > 0)
        move_last(f, comments + length, old, old_length);
}

/* Lines under conditions that follow one another share the comments above them: the first that holds takes them. */
static outrider_err take_group(struct fragment *f, const otr_slice *lines, size_t count, size_t *at,
                               outrider_diag *diag)
{
    size_t comments = comments_at_the_end(f);
    bool any = false;
    otr_slice condition, rest;

    while (*at < count && is_conditional(lines[*at], &condition, &rest)) {
        bool is_valid, holds = otr_condition_holds(condition, f->traits, &is_valid);
        size_t length = 0;

        if (!is_valid) {
            otr_fail(diag, OUTRIDER_E_SYNTAX, "line %zu: no condition: \"%.*s\"", *at + 1, (int)condition.len,
                     condition.ptr);
            return OUTRIDER_E_SYNTAX;
        }
        do {
            f->lines[f->count + length++] = rest;
            (*at)++;
        } while (goes_on(rest) && *at < count && is_conditional(lines[*at], &condition, &rest));
        if (!holds)
            continue;
        f->count += length;
        place(f, length, any ? 0 : comments);
        any = true;
    }
    if (!any)
        f->count -= comments;
    return OUTRIDER_OK;
}

static size_t split_lines(const char *text, otr_slice *lines, size_t most)
{
    size_t count = 0;

    while (*text != '\0' && count < most) {
        size_t len = strcspn(text, "\n");

        lines[count++] = (otr_slice){ text, len };
        text += len + (text[len] == '\n');
    }
    return *text == '\0' ? count : most + 1;
}

static void write_lines(const struct fragment *f, otr_buf *out)
{
    for (size_t i = 0; i < f->count; i++) {
        if (is_blank(f->lines[i]) && (i == 0 || i + 1 == f->count || is_blank(f->lines[i - 1])))
            continue; /* what was left out leaves no gap */
        otr_buf_put(out, f->lines[i].ptr, f->lines[i].len);
        otr_buf_putc(out, '\n');
    }
}

outrider_err otr_fragment_adapt(const char *text, const otr_traits *traits, otr_buf *out, outrider_diag *diag)
{
    otr_slice *lines = calloc(OTR_FRAGMENT_LINES_MAX + 1, sizeof(*lines));
    struct fragment f = { .lines = calloc(OTR_FRAGMENT_LINES_MAX + 1, sizeof(*lines)), .traits = traits };
    outrider_err err = OUTRIDER_OK;
    size_t count, at = 0;

    if (lines == NULL || f.lines == NULL) {
        err = otr_fail(diag, OUTRIDER_E_NOMEM, "out of memory");
        goto out;
    }
    count = split_lines(text, lines, OTR_FRAGMENT_LINES_MAX);
    if (count > OTR_FRAGMENT_LINES_MAX) {
        err = otr_fail(diag, OUTRIDER_E_LIMIT, "more than %d lines", OTR_FRAGMENT_LINES_MAX);
        goto out;
    }
    while (at < count && err == OUTRIDER_OK) {
        otr_slice condition, rest;

        if (is_conditional(lines[at], &condition, &rest))
            err = take_group(&f, lines, count, &at, diag);
        else
            f.lines[f.count++] = lines[at++];
    }
    if (err == OUTRIDER_OK)
        write_lines(&f, out);
out:
    free(lines);
    free(f.lines);
    return err == OUTRIDER_OK ? out->err : err;
}

void otr_replace_all(const char *text, const char *from, const char *to, otr_buf *out)
{
    const char *hit;

    while ((hit = strstr(text, from)) != NULL) {
        otr_buf_put(out, text, (size_t)(hit - text));
        otr_buf_puts(out, to);
        text = hit + strlen(from);
    }
    otr_buf_puts(out, text);
}
