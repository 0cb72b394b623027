/*
 * date.c - reading dates.
 */
#include "base/date.h"

#include "base/cursor.h"

#include <time.h>

static bool take_digits(otr_cursor *c, int count, int *value)
{
    otr_cursor ahead = *c;

    *value = 0;
    for (; count > 0; count--, ahead.at++) {
        if (otr_cursor_at_end(&ahead) || !otr_is_digit(*ahead.at))
            return false;
        *value = *value * 10 + (*ahead.at - '0');
    }
    *c = ahead;
    return true;
}

/* time-offset = "Z" / ("+" / "-") time-hour ":" time-minute   RFC 3339 §5.6; in seconds */
static bool take_offset(otr_cursor *c, int *offset)
{
    int hours, minutes, sign;

    *offset = 0;
    if (otr_take_char(c, 'Z') || otr_take_char(c, 'z'))
        return true;
    if (otr_take_char(c, '+'))
        sign = 1;
    else if (otr_take_char(c, '-'))
        sign = -1;
    else
        return false;
    if (!take_digits(c, 2, &hours) || !otr_take_char(c, ':') || !take_digits(c, 2, &minutes) || hours > 23 ||
        minutes > 59)
        return false;
    *offset = sign * (hours * 3600 + minutes * 60);
    return true;
}

/* partial-time time-offset; a fraction of a second is read and dropped. */
static bool take_time(otr_cursor *c, struct tm *tm, int *offset)
{
    int ignored;

    if (!take_digits(c, 2, &tm->tm_hour) || !otr_take_char(c, ':') || !take_digits(c, 2, &tm->tm_min) ||
        !otr_take_char(c, ':') || !take_digits(c, 2, &tm->tm_sec))
        return false;
    if (otr_take_char(c, '.')) {
        if (!take_digits(c, 1, &ignored))
            return false;
        while (take_digits(c, 1, &ignored))
            ;
    }
    return tm->tm_hour <= 23 && tm->tm_min <= 59 && tm->tm_sec <= 60 && take_offset(c, offset);
}

bool otr_date_parse(const char *text, size_t len, otr_time *at, bool *has_time)
{
    otr_cursor c = otr_cursor_over(text, len);
    struct tm tm = { 0 };
    int offset = 0, month, day;
    bool is_whole;
    time_t midnight;

    if (!take_digits(&c, 4, &tm.tm_year) || !otr_take_char(&c, '-') || !take_digits(&c, 2, &month) ||
        !otr_take_char(&c, '-') || !take_digits(&c, 2, &day))
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon = month - 1;
    tm.tm_mday = day;
    midnight = timegm(&tm);
    if (tm.tm_mon != month - 1 || tm.tm_mday != day)
        return false; /* 30 February */
    is_whole = !otr_cursor_at_end(&c);
    if (is_whole && !((otr_take_char(&c, 'T') || otr_take_char(&c, 't') || otr_take_char(&c, ' ')) &&
                      take_time(&c, &tm, &offset) && otr_cursor_at_end(&c)))
        return false;
    *at = (otr_time)midnight + tm.tm_hour * 3600 + tm.tm_min * 60 + tm.tm_sec - offset;
    if (has_time != NULL)
        *has_time = is_whole;
    return true;
}
