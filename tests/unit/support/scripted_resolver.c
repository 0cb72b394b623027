/*
 * scripted_resolver.c - see the header. A rule is kept parsed; the packet is composed when it is asked for.
 * Test code: a mistake in a rule or a lack of memory ends the program with a word about it.
 */
#include "support/scripted_resolver.h"

#include "base/buf.h"
#include "base/hex.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

#define RECORDS_PER_RULE 300 /* one more than any limit in answer.h, so that limits can be tested */
#define CNAMES_PER_RULE 40
#define RULE_MAX 70000

typedef enum rule_kind { RULE_DATA, RULE_NODATA, RULE_NXDOMAIN, RULE_FAILURE, RULE_NEVER } rule_kind;

typedef struct rdata {
    char *bytes; /* owned */
    size_t len;
} rdata;

typedef struct rule {
    struct rule *next;
    char *name; /* owned, as are all strings here */
    uint16_t type;
    rule_kind kind;
    otr_dns_status status;
    uint32_t ttl;
    char *cnames[CNAMES_PER_RULE];
    size_t cname_count;
    rdata rdatas[RECORDS_PER_RULE];
    size_t rdata_count;
    char *reason;
} rule;

typedef struct scripted_query {
    otr_dns_query query;
    struct scripted_query *next;
    struct event *event; /* owned */
    char *name;          /* owned */
    uint16_t type;
    otr_dns_done *done;
    void *arg;
} scripted_query;

typedef struct scripted_resolver {
    otr_resolver resolver;
    struct event_base *base; /* borrowed */
    rule *rules;             /* owned list */
    scripted_query *queries; /* owned list, unanswered */
    char **questions;        /* owned */
    size_t question_count;
} scripted_resolver;

static const struct {
    const char *name;
    uint16_t type;
} type_names[] = {
    { "A", OTR_RR_A },     { "AAAA", OTR_RR_AAAA }, { "MX", OTR_RR_MX },       { "TXT", OTR_RR_TXT },
    { "TLSA", OTR_RR_TLSA }, { "CNAME", OTR_RR_CNAME }, { "NS", OTR_RR_NS },
    { "SOA", OTR_RR_SOA },
};

static _Noreturn void refuse_rule(const char *line, const char *why)
{
    fprintf(stderr, "scripted resolver: %s: %s\n", why, line);
    abort();
}

static void *need(void *memory)
{
    if (memory == NULL) {
        fprintf(stderr, "scripted resolver: out of memory\n");
        abort();
    }
    return memory;
}

static const char *type_name(uint16_t type)
{
    for (size_t i = 0; i < sizeof(type_names) / sizeof(type_names[0]); i++) {
        if (type_names[i].type == type)
            return type_names[i].name;
    }
    return "?";
}

static uint16_t type_of(const char *name, const char *line)
{
    for (size_t i = 0; i < sizeof(type_names) / sizeof(type_names[0]); i++) {
        if (strcmp(type_names[i].name, name) == 0)
            return type_names[i].type;
    }
    refuse_rule(line, "unknown type");
}

/* Composing ------------------------------------------------------------------------------------------- */

static void put_u8(otr_buf *out, unsigned value)
{
    otr_buf_putc(out, (char)(uint8_t)value);
}

static void put_u16(otr_buf *out, unsigned value)
{
    put_u8(out, value >> 8);
    put_u8(out, value & 0xff);
}

static void put_u32(otr_buf *out, uint32_t value)
{
    put_u16(out, value >> 16);
    put_u16(out, value & 0xffff);
}

/* Labels are taken as they stand: tests that need odd bytes write packets of their own. */
static void put_name(otr_buf *out, const char *name)
{
    while (*name != '\0' && strcmp(name, ".") != 0) {
        size_t len = strcspn(name, ".");

        if (len == 0 || len > OTR_LABEL_MAX)
            refuse_rule(name, "label of a wrong length");
        put_u8(out, (unsigned)len);
        otr_buf_put(out, name, len);
        name += len;
        if (*name == '.')
            name++;
    }
    put_u8(out, 0);
}

static void put_rr(otr_buf *out, const char *owner, uint16_t type, uint32_t ttl, const void *bytes, size_t len)
{
    put_name(out, owner);
    put_u16(out, type);
    put_u16(out, 1); /* class IN */
    put_u32(out, ttl);
    put_u16(out, (unsigned)len);
    otr_buf_put(out, bytes, len);
}

static void put_cname(otr_buf *out, const char *owner, const char *target, uint32_t ttl)
{
    otr_buf data = OTR_BUF_INIT;

    put_name(&data, target);
    put_rr(out, owner, OTR_RR_CNAME, ttl, data.data, data.len);
    otr_buf_clear(&data);
}

static void put_soa_data(otr_buf *data, uint32_t serial, uint32_t refresh, uint32_t minimum)
{
    put_name(data, "ns.test");
    put_name(data, "hostmaster.test");
    put_u32(data, serial);
    put_u32(data, refresh);
    put_u32(data, 1);
    put_u32(data, 1);
    put_u32(data, minimum);
}

/* RFC 2308 §3: a denial brings the SOA, whose TTL and minimum bound how long it may be kept. */
static void put_soa(otr_buf *out, uint32_t ttl)
{
    otr_buf data = OTR_BUF_INIT;

    put_soa_data(&data, 1, 1, ttl);
    put_rr(out, ".", OTR_RR_SOA, ttl, data.data, data.len);
    otr_buf_clear(&data);
}

static void put_packet(otr_buf *out, const rule *r)
{
    const char *owner = r->name;
    bool is_denial = r->kind != RULE_DATA;

    put_u16(out, 0);
    put_u16(out, 0x8180u | (r->kind == RULE_NXDOMAIN ? 3u : 0u)); /* QR RD RA, rcode */
    put_u16(out, 1);
    put_u16(out, (unsigned)(r->cname_count + r->rdata_count));
    put_u16(out, is_denial ? 1 : 0);
    put_u16(out, 0);
    put_name(out, r->name);
    put_u16(out, r->type);
    put_u16(out, 1);
    for (size_t i = 0; i < r->cname_count; i++) {
        put_cname(out, owner, r->cnames[i], r->ttl);
        owner = r->cnames[i];
    }
    for (size_t i = 0; i < r->rdata_count; i++)
        put_rr(out, owner, r->type, r->ttl, r->rdatas[i].bytes, r->rdatas[i].len);
    if (is_denial)
        put_soa(out, r->ttl);
}

/* Reading rules --------------------------------------------------------------------------------------- */

static void put_hex(otr_buf *out, const char *hex, const char *line)
{
    for (; *hex != '\0'; hex += 2) {
        int high = otr_hex_digit(hex[0]);
        int low = high < 0 ? -1 : otr_hex_digit(hex[1]);

        if (low < 0)
            refuse_rule(line, "bad hexadecimal digits");
        put_u8(out, (unsigned)(high * 16 + low));
    }
}

static void put_mx(otr_buf *out, const char *text, const char *line)
{
    char *end;
    unsigned long preference = strtoul(text, &end, 10);

    if (end == text || *end != ' ' || preference > 65535)
        refuse_rule(line, "an MX record is PREFERENCE NAME");
    put_u16(out, (unsigned)preference);
    put_name(out, end + 1);
}

static void put_tlsa(otr_buf *out, const char *text, const char *line)
{
    unsigned usage, selector, mtype;
    int used = 0;

    if (strncmp(text, "hex:", 4) == 0) {
        put_hex(out, text + 4, line);
        return;
    }
    if (sscanf(text, "%3u %3u %3u%n", &usage, &selector, &mtype, &used) != 3 || used == 0)
        refuse_rule(line, "a TLSA record is USAGE SELECTOR TYPE HEX");
    put_u8(out, usage);
    put_u8(out, selector);
    put_u8(out, mtype);
    put_hex(out, text + used + (text[used] == ' '), line);
}

static void put_txt(otr_buf *out, const char *text)
{
    size_t left = strlen(text);

    do {
        size_t part = left < 255 ? left : 255;

        put_u8(out, (unsigned)part);
        otr_buf_put(out, text, part);
        text += part;
        left -= part;
    } while (left > 0);
}

static void put_address(otr_buf *out, uint16_t type, const char *text, const char *line)
{
    uint8_t bytes[16];

    if (inet_pton(type == OTR_RR_A ? AF_INET : AF_INET6, text, bytes) != 1)
        refuse_rule(line, "not an address of that family");
    otr_buf_put(out, bytes, type == OTR_RR_A ? 4 : 16);
}

static void put_soa_text(otr_buf *out, const char *text, const char *line)
{
    unsigned serial, refresh, minimum;

    if (sscanf(text, "%u %u %u", &serial, &refresh, &minimum) != 3)
        refuse_rule(line, "SOA: serial, refresh and minimum");
    put_soa_data(out, serial, refresh, minimum);
}

static void add_record(rule *r, const char *text, const char *line)
{
    otr_buf out = OTR_BUF_INIT;
    rdata *record;

    if (r->rdata_count == RECORDS_PER_RULE)
        refuse_rule(line, "too many records");
    switch (r->type) {
    case OTR_RR_MX:
        put_mx(&out, text, line);
        break;
    case OTR_RR_TLSA:
        put_tlsa(&out, text, line);
        break;
    case OTR_RR_TXT:
        put_txt(&out, text);
        break;
    case OTR_RR_A:
    case OTR_RR_AAAA:
        put_address(&out, r->type, text, line);
        break;
    case OTR_RR_SOA:
        put_soa_text(&out, text, line);
        break;
    default:
        put_name(&out, text);
        break;
    }
    record = &r->rdatas[r->rdata_count++];
    record->len = out.len;
    record->bytes = otr_buf_steal(&out); /* NULL for empty rdata, which is fine */
}

static void add_records(rule *r, char *text, const char *line)
{
    if (*text == '\0')
        refuse_rule(line, "no content");
    if (r->type == OTR_RR_TXT) {
        add_record(r, text, line);
        return;
    }
    for (char *next; text != NULL; text = next) {
        next = strstr(text, ", ");
        if (next != NULL) {
            *next = '\0';
            next += 2;
        }
        add_record(r, text, line);
    }
}

static void add_cnames(rule *r, char *list, const char *line)
{
    char *rest = NULL;

    for (char *name = strtok_r(list, ",", &rest); name != NULL; name = strtok_r(NULL, ",", &rest)) {
        if (r->cname_count == CNAMES_PER_RULE)
            refuse_rule(line, "too many aliases");
        r->cnames[r->cname_count++] = need(strdup(name));
    }
}

/* The next word; what follows it stays in *rest. */
static char *take_word(char **rest)
{
    char *word = *rest;
    size_t len = strcspn(word, " ");

    *rest = word + len;
    if (word[len] == ' ') {
        word[len] = '\0';
        *rest = word + len + 1;
    }
    return word;
}

static void read_status(rule *r, const char *word, const char *line)
{
    r->kind = RULE_DATA;
    if (strcmp(word, "secure") == 0) {
        r->status = OTR_DNS_SECURE;
    } else if (strcmp(word, "insecure") == 0) {
        r->status = OTR_DNS_INSECURE;
    } else if (strcmp(word, "bogus") == 0) {
        r->status = OTR_DNS_BOGUS;
        r->kind = RULE_FAILURE;
    } else if (strcmp(word, "tempfail") == 0) {
        r->status = OTR_DNS_TEMPFAIL;
        r->kind = RULE_FAILURE;
    } else if (strcmp(word, "never") == 0) {
        r->kind = RULE_NEVER;
    } else {
        refuse_rule(line, "unknown status");
    }
}

static void read_content(rule *r, char *rest, const char *line)
{
    if (r->kind == RULE_FAILURE) {
        const char *standard = r->status == OTR_DNS_BOGUS ? "scripted: bogus" : "scripted: SERVFAIL";

        free(r->reason);
        r->reason = need(strdup(*rest != '\0' ? rest : standard));
    } else if (r->kind == RULE_DATA && strcmp(rest, "nodata") == 0) {
        r->kind = RULE_NODATA;
    } else if (r->kind == RULE_DATA && strcmp(rest, "nxdomain") == 0) {
        r->kind = RULE_NXDOMAIN;
    } else if (r->kind == RULE_DATA) {
        add_records(r, rest, line);
    }
}

static rule *find_rule(const scripted_resolver *s, const char *name, uint16_t type)
{
    for (rule *r = s->rules; r != NULL; r = r->next) {
        if (r->type == type && strcmp(r->name, name) == 0)
            return r;
    }
    return NULL;
}

static rule *find_or_add_rule(scripted_resolver *s, const char *name, uint16_t type)
{
    rule *r = find_rule(s, name, type);

    if (r == NULL) {
        r = need(calloc(1, sizeof(*r)));
        r->name = need(strdup(name));
        r->type = type;
        r->ttl = OTR_SCRIPTED_TTL;
        r->next = s->rules;
        s->rules = r;
    }
    return r;
}

static void free_rule(rule *r)
{
    for (size_t i = 0; i < r->cname_count; i++)
        free(r->cnames[i]);
    for (size_t i = 0; i < r->rdata_count; i++)
        free(r->rdatas[i].bytes);
    free(r->reason);
    free(r->name);
    free(r);
}

void otr_scripted_add(otr_resolver *resolver, const char *line)
{
    scripted_resolver *s = (scripted_resolver *)resolver;
    char *copy = need(strdup(line));
    char *rest = copy;
    char *name, *type;
    rule *r;

    if (strlen(line) > RULE_MAX)
        refuse_rule(line, "rule too long");
    name = take_word(&rest);
    type = take_word(&rest);
    r = find_or_add_rule(s, name, type_of(type, line));
    read_status(r, take_word(&rest), line);
    if (strncmp(rest, "ttl=", 4) == 0)
        r->ttl = (uint32_t)strtoul(take_word(&rest) + 4, NULL, 10);
    if (strncmp(rest, "cname=", 6) == 0)
        add_cnames(r, take_word(&rest) + 6, line);
    read_content(r, rest, line);
    free(copy);
}

void otr_scripted_reset(otr_resolver *resolver)
{
    scripted_resolver *s = (scripted_resolver *)resolver;

    while (s->rules != NULL) {
        rule *r = s->rules;

        s->rules = r->next;
        free_rule(r);
    }
}

/* Asking ---------------------------------------------------------------------------------------------- */

static void free_query(scripted_query *q)
{
    event_free(q->event);
    free(q->name);
    free(q);
}

static void unlink_query(scripted_query *q)
{
    scripted_query **at = &((scripted_resolver *)q->query.resolver)->queries;

    while (*at != q)
        at = &(*at)->next;
    *at = q->next;
}

static otr_dns_answer *make_answer(const scripted_resolver *s, const char *name, uint16_t type)
{
    const rule *r = find_rule(s, name, type);
    otr_buf packet = OTR_BUF_INIT;
    otr_dns_answer *answer;

    if (r == NULL) {
        otr_buf_printf(&packet, "not scripted: %s %s", type_name(type), name);
        answer = otr_dns_answer_failure(name, type, OTR_DNS_TEMPFAIL, otr_buf_text(&packet));
    } else if (r->kind == RULE_FAILURE) {
        answer = otr_dns_answer_failure(name, type, r->status, r->reason);
    } else {
        put_packet(&packet, r);
        answer = otr_dns_answer_parse(name, type, r->status, "", (const uint8_t *)packet.data, packet.len);
    }
    otr_buf_clear(&packet);
    return need(answer);
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
    scripted_query *q = arg;
    scripted_resolver *s = (scripted_resolver *)q->query.resolver;
    otr_dns_answer *answer = make_answer(s, q->name, q->type);
    otr_dns_done *done = q->done;
    void *done_arg = q->arg;

    (void)fd;
    (void)what;
    unlink_query(q);
    free_query(q);
    done(done_arg, answer);
    otr_dns_answer_free(answer);
}

static void note_question(scripted_resolver *s, const char *name, uint16_t type)
{
    otr_buf text = OTR_BUF_INIT;

    otr_buf_printf(&text, "%s %s", type_name(type), name);
    s->questions = need(realloc(s->questions, (s->question_count + 1) * sizeof(*s->questions)));
    s->questions[s->question_count++] = need(otr_buf_steal(&text));
}

static otr_dns_query *scripted_ask(otr_resolver *resolver, const char *name, uint16_t type, otr_dns_done *done,
                                   void *arg)
{
    scripted_resolver *s = (scripted_resolver *)resolver;
    scripted_query *q = need(calloc(1, sizeof(*q)));
    const rule *r = find_rule(s, name, type);

    note_question(s, name, type);
    q->query.resolver = resolver;
    q->name = need(strdup(name));
    q->type = type;
    q->done = done;
    q->arg = arg;
    q->event = need(event_new(s->base, -1, 0, on_turn, q));
    q->next = s->queries;
    s->queries = q;
    if (r == NULL || r->kind != RULE_NEVER)
        event_active(q->event, EV_TIMEOUT, 0); /* in the order of the questions */
    return &q->query;
}

static void scripted_cancel(otr_dns_query *query)
{
    scripted_query *q = (scripted_query *)query;

    unlink_query(q);
    free_query(q);
}

void otr_scripted_forget_questions(otr_resolver *resolver)
{
    scripted_resolver *s = (scripted_resolver *)resolver;

    for (size_t i = 0; i < s->question_count; i++)
        free(s->questions[i]);
    free(s->questions);
    s->questions = NULL;
    s->question_count = 0;
}

static void scripted_free(otr_resolver *resolver)
{
    scripted_resolver *s = (scripted_resolver *)resolver;

    while (s->queries != NULL)
        scripted_cancel(&s->queries->query);
    otr_scripted_reset(resolver);
    otr_scripted_forget_questions(resolver);
    free(s);
}

otr_resolver *otr_scripted_resolver_new(struct event_base *base)
{
    static const struct otr_resolver_ops ops = { scripted_ask, scripted_cancel, scripted_free };
    scripted_resolver *s = need(calloc(1, sizeof(*s)));

    s->resolver.ops = &ops;
    s->base = base;
    return &s->resolver;
}

size_t otr_scripted_count(const otr_resolver *resolver)
{
    return ((const scripted_resolver *)resolver)->question_count;
}

const char *otr_scripted_question(const otr_resolver *resolver, size_t i)
{
    const scripted_resolver *s = (const scripted_resolver *)resolver;

    return i < s->question_count ? s->questions[i] : NULL;
}

size_t otr_scripted_waiting(const otr_resolver *resolver)
{
    size_t count = 0;

    for (const scripted_query *q = ((const scripted_resolver *)resolver)->queries; q != NULL; q = q->next)
        count++;
    return count;
}
