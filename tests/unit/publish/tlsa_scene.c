/*
 * tlsa_scene.c - keys, certificates and sets of the tests of guard and roll-over.
 */
#include "tlsa_scene.h"

#include "support/cmocka_all.h"

#include <stdio.h>

static otr_cert ca, leaves[SCENE_KEYS], renewed[SCENE_KEYS];
static otr_buf chains[SCENE_KEYS], renewals[SCENE_KEYS], bare[SCENE_KEYS];
static char records[128][200];

static void put_record(char name, const char *form, const otr_cert *cert, uint8_t selector)
{
    otr_buf data = OTR_BUF_INIT, text = OTR_BUF_INIT;

    otr_cert_put_association(cert, selector, 1, &data);
    otr_buf_printf(&text, "%s ", form);
    for (size_t i = 0; i < data.len; i++)
        otr_buf_printf(&text, "%02X", (unsigned char)data.data[i]);
    snprintf(records[(int)name], sizeof(records[0]), "%s", otr_buf_text(&text));
    otr_buf_clear(&data);
    otr_buf_clear(&text);
}

void scene_open(void)
{
    ca = otr_make_cert(&(otr_cert_plan){ .common_name = "CA", .constraints = "critical,CA:TRUE" });
    put_record('a', "2 1 1", &ca, 1);
    for (int i = 0; i < SCENE_KEYS; i++) {
        leaves[i] = otr_make_cert(&(otr_cert_plan){ .common_name = "leaf", .san = "DNS:" MX, .issuer = &ca });
        renewed[i] = otr_make_cert(&(otr_cert_plan){ .common_name = "renewed", .san = "DNS:" MX, .issuer = &ca, .key = leaves[i].key });
        otr_cert_put_pem(&leaves[i], &bare[i]);
        otr_cert_put_pem(&leaves[i], &chains[i]);
        otr_cert_put_pem(&ca, &chains[i]);
        otr_cert_put_pem(&renewed[i], &renewals[i]);
        otr_cert_put_pem(&ca, &renewals[i]);
        put_record((char)('A' + i), "3 1 1", &leaves[i], 1);
    }
    put_record('s', "3 0 1", &leaves[0], 0);
    put_record('x', "1 1 1", &leaves[0], 1);
}

void scene_close(void)
{
    otr_cert_clear(&ca);
    for (int i = 0; i < SCENE_KEYS; i++) {
        otr_cert_clear(&leaves[i]);
        otr_cert_clear(&renewed[i]);
        otr_buf_clear(&chains[i]);
        otr_buf_clear(&renewals[i]);
        otr_buf_clear(&bare[i]);
    }
}

const char *scene_chain(char key)
{
    return otr_buf_text(&chains[key - 'A']);
}

const char *scene_renewed(char key)
{
    return otr_buf_text(&renewals[key - 'A']);
}

const char *scene_bare(char key)
{
    return otr_buf_text(&bare[key - 'A']);
}

const char *scene_record(char key)
{
    return records[(int)key];
}

static otr_tlsa_set make_set(otr_arena *arena, const char *letters, uint32_t ttl)
{
    size_t count = strlen(letters);
    otr_tlsa *list = otr_arena_alloc(arena, count + 1, sizeof(*list));

    for (size_t i = 0; i < count; i++) {
        otr_buf data = OTR_BUF_INIT;
        const char *text = records[(int)letters[i]];

        assert_int_equal(otr_tlsa_parse(text, strlen(text), &data, &list[i], NULL), OUTRIDER_OK);
        list[i].data = otr_arena_bytes(arena, list[i].data, list[i].len);
        otr_buf_clear(&data);
    }
    return (otr_tlsa_set){ .records = list, .count = count, .ttl = ttl };
}

otr_authority *scene_authority(const char *const *sets, size_t count, uint32_t ttl, uint32_t refresh, uint32_t negative_ttl)
{
    otr_arena *arena = otr_arena_new();
    otr_authority *a = otr_arena_alloc(arena, 1, sizeof(*a));
    otr_server_word *words = otr_arena_alloc(arena, count, sizeof(*words));

    *a = (otr_authority){ .arena = arena, .host = MX, .port = 25, .base = MX, .owner = "_25._tcp." MX, .name = "_25._tcp." MX,
                          .zone = "example.org", .status = OTR_DNS_SECURE, .half = "", .trouble = "", .servers = words, .server_count = count };
    for (size_t i = 0; i < count; i++) {
        words[i] = (otr_server_word){ .server = otr_arena_printf(arena, "ns%zu.example.org", i + 1), .address = "192.0.2.1", .reason = "",
                                      .refresh = refresh, .negative_ttl = negative_ttl };
        if (sets[i] != NULL) {
            words[i].set = make_set(arena, sets[i], *sets[i] != '\0' ? ttl : negative_ttl);
            continue;
        }
        words[i].state = OTR_SERVER_SILENT;
        words[i].reason = "no answer";
        a->trouble = "the server ns does not answer";
    }
    a->validated = words[0].set;
    return a;
}

otr_service *scene_service(otr_arena *arena, const char *keys)
{
    otr_service *s = otr_arena_alloc(arena, 1, sizeof(*s));

    *s = (otr_service){ .arena = arena, .trouble = "", .unseen = "" };
    for (; *keys != '\0'; keys++) {
        STACK_OF(X509) *chain = sk_X509_new_null();

        sk_X509_push(chain, leaves[*keys - 'A'].cert);
        sk_X509_push(chain, ca.cert);
        assert_true(otr_service_add(s, "192.0.2.25", chain));
        sk_X509_free(chain);
    }
    return s;
}
