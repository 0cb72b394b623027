#include "daemon/conf/conf.h"
#include "daemon/conf/schema.h"
#include "support/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static otr_mistakes mistakes;

static void print_mistakes(void)
{
    for (size_t i = 0; i < mistakes.count && i < OTR_MISTAKES_MAX; i++)
        print_message("  %u: %s\n", mistakes.list[i].line, mistakes.list[i].reason);
}

static otr_conf *read_good(const char *text)
{
    otr_conf *conf = NULL;

    if (otr_conf_parse(text, strlen(text), &conf, &mistakes) != OUTRIDER_OK) {
        print_mistakes();
        fail_msg("refused: %s", text);
    }
    return conf;
}

static void an_empty_file_gives_the_defaults(void **state)
{
    otr_conf *c = read_good("");

    (void)state;
    assert_int_equal(c->socketmap.listen.count, 2);
    assert_string_equal(c->socketmap.listen.values[1], "inet:[127.0.0.1]:8461");
    assert_string_equal(c->line.listen.values[0], "unix:/run/outrider/exim.sock");
    assert_int_equal(c->line.mode, 0660);
    assert_int_equal(c->dns.mode, OTR_DNS_FORWARD);
    assert_int_equal(c->dns.timeout, 12);
    assert_true(c->dns.self_test);
    assert_true(c->dane.insecure_mx);
    assert_int_equal(c->combine, OTR_COMBINE_DANE_FIRST);
    assert_int_equal(c->rule_count, 1);
    assert_string_equal(c->rules[0].name, "default");
    assert_string_equal(c->rules[0].roots, "system");
    assert_int_equal(c->rules[0].names.count, 0);
    assert_int_equal(c->limits.answer, 15);
    assert_int_equal(c->limits.connections, 2000);
    assert_int_equal(c->log, OTR_LOG_NOTICE);
    otr_conf_free(c);
}

static void every_kind_of_setting_is_taken(void **state)
{
    otr_conf *c = read_good("# a comment\n"
                            "socketmap { listen = { \"inet:[::1]:10\" } mode = 0600 } // another\n"
                            "line { listen = { } /* and\n a third */ group = \"root\" }\n"
                            "dns { mode = forward forwarders = { 192.0.2.1, \"2001:db8::1@5353\" }\n"
                            "      trust_anchor = /dev/null self_test = no\n"
                            "      stub \"Lab.Test.\" { address = { \"192.0.2.53@53\", \"192.0.2.54\" } }\n"
                            "      stub \".\" { address = { \"192.0.2.55\" } } }\n"
                            "sts { on_unknown = defer allow_private = on recheck = 5 }\n"
                            "combine = both\n"
                            "anchors \"default\" { roots = \"/dev/null\" exim_dir = \"/run/outrider/ta\" }\n"
                            "limits { answer = 4  waiting = 7 }\n"
                            "log = debug\n");

    (void)state;
    assert_int_equal(c->socketmap.listen.count, 1);
    assert_int_equal(c->socketmap.mode, 0600);
    assert_int_equal(c->line.listen.count, 0);
    assert_int_equal(c->line.gid, 0);
    assert_int_equal(c->dns.forwarders.count, 2);
    assert_string_equal(c->dns.forwarders.values[0], "192.0.2.1");
    assert_null(c->dns.forwarders.values[2]);
    assert_false(c->dns.self_test);
    assert_int_equal(c->dns.stub_count, 2);
    assert_string_equal(c->dns.stubs[0].name, "lab.test");
    assert_string_equal(c->dns.stubs[0].addresses[1], "192.0.2.54");
    assert_null(c->dns.stubs[0].addresses[2]);
    assert_string_equal(c->dns.stubs[1].name, ".");
    assert_null(c->dns.stubs[2].name);
    assert_int_equal(c->sts.on_unknown, OTR_ON_UNKNOWN_DEFER);
    assert_true(c->sts.allow_private);
    assert_int_equal(c->combine, OTR_COMBINE_BOTH);
    assert_string_equal(c->anchors.exim_dir, "/run/outrider/ta");
    assert_int_equal(c->limits.waiting, 7);
    otr_conf_free(c);
}

static const struct {
    const char *name;
    otr_minimum minimum;
} rules_wanted[] = {
    { "bank.example", OTR_MINIMUM_SECURE },          { ".gov.example", OTR_MINIMUM_DANE_ONLY },
    { "plain.example", OTR_MINIMUM_ENCRYPT },        { "xn--bcher-kva.example", OTR_MINIMUM_SECURE },
    { ".example", OTR_MINIMUM_ENCRYPT },             { "minimum.example", OTR_MINIMUM_SECURE },
    { ".xn--i-7iq.example", OTR_MINIMUM_SECURE }, /* no IDNA2008, and a destination all the same */
};

static void minimum_rules_are_taken_in_their_normal_form(void **state)
{
    otr_conf *c = read_good("user = root # minimum { x = y }\n"
                            "minimum {\n    \"bank.example\" = secure\n    \".gov.example\" = dane-only\n}\n"
                            "dns { timeout = 5 }\n"
                            "minimum{Plain.EXAMPLE.=encrypt 'b\xc3\xbc" "cher.example' = \"secure\",\n.example = encrypt minimum.example = secure"
                            " .xn--i-7iq.example = secure}\n"
                            "minimum { }\n"
                            "own_hosts = { \"MX2.Example.org.\", 'b\xc3\xbc" "cher.example' }\n"
                            "log = info\n");

    (void)state;
    assert_int_equal(c->minimum.count, sizeof(rules_wanted) / sizeof(rules_wanted[0]));
    for (size_t i = 0; i < c->minimum.count; i++) {
        assert_string_equal(c->minimum.rules[i].name, rules_wanted[i].name);
        assert_int_equal(c->minimum.rules[i].minimum, rules_wanted[i].minimum);
    }
    assert_int_equal(c->own_hosts.count, 2);
    assert_string_equal(c->own_hosts.values[0], "mx2.example.org");
    assert_string_equal(c->own_hosts.values[1], "xn--bcher-kva.example");
    assert_int_equal(c->log, OTR_LOG_INFO);
    otr_conf_free(c);
}

/* What is no section "minimum" is left to the others. */
static void a_word_like_the_section_is_none(void **state)
{
    otr_conf *c = read_good("dns { stub \"minimum\" { address = { 192.0.2.1 } } }\nanchors \"default\" { postfix_name = minimum }\n");

    (void)state;
    assert_int_equal(c->minimum.count, 0);
    assert_string_equal(c->dns.stubs[0].name, "minimum");
    assert_string_equal(c->anchors.postfix_name, "minimum");
    otr_conf_free(c);
}

static void all_mistakes_of_the_minimum_are_found(void **state)
{
    static const char text[] = "minimum {\n a.example = low\n b..example = high\n c.example secure\n\n d.example = secure\n}\nloud = yes\n";
    static const unsigned lines[] = { 2, 3, 3, 4, 8 };
    otr_conf *conf = NULL;

    (void)state;
    assert_int_equal(otr_conf_parse(text, sizeof(text) - 1, &conf, &mistakes), OUTRIDER_E_CONFIG);
    if (mistakes.count != sizeof(lines) / sizeof(lines[0]))
        print_mistakes();
    assert_int_equal(mistakes.count, sizeof(lines) / sizeof(lines[0]));
    for (size_t i = 0; i < mistakes.count; i++)
        assert_int_equal(mistakes.list[i].line, lines[i]);
}

/* Each row has one mistake: its line, and a part of what is said about it. */
static void a_mistake_is_named_with_its_line(void **state)
{
    static const struct {
        const char *name, *text;
        unsigned line;
        const char *part;
    } rows[] = {
        { "an unknown setting", "log = info\n\nloud = yes\n", 3, "\"loud\"" },
        { "an unknown setting in a section", "dns {\n timeout = 5\n timeuot = 5 }\n", 3, "\"timeuot\"" },
        { "an unknown section", "# x\nnds { timeout = 5\n mode = forward }\nlog = info", 2, "\"nds\"" },
        { "an unknown section with a title", "\nrule \"x\" { a = { b, c } }\n", 2, "\"rule\"" },
        { "a word for a number", "limits {\n# nine\n idle = soon }\n", 3, "\"soon\" is not a whole number" },
        { "a unit", "limits { idle = 5m }", 1, "\"5m\" is not a whole number" },
        { "a negative number", "limits { idle = -5 }", 1, "\"-5\" is not a whole number" },
        { "too small", "limits { idle = 0 }", 1, "0 is not between 1 and 86400" },
        { "too large", "dns { timeout = 61 }", 1, "61 is not between 1 and 60" },
        { "far too large", "limits { cache = 99999999999 }", 1, "is not between" },
        { "neither true nor false", "dane { insecure_mx = perhaps }", 1, "neither true nor false" },
        { "none of the words", "combine = sometimes", 1, "none of dane-first, both" },
        { "a mode that is not octal", "line { mode = 0680 }", 1, "octal" },
        { "a mode that is too large", "line { mode = 01777 }", 1, "0777" },
        { "what libconfuse refuses without a word", "log = info\n${}\n", 2, "neither a setting nor a section" },
        { "a list for a single value", "log = { info, debug }", 1, "unexpected token" },
        { "a bad address", "line { listen = { \"unix:/run/a\",\n \"inet:localhost:25\" } }", 2, "inet:ADDRESS:PORT" },
        { "an address twice", "line { listen = { \"inet:127.0.0.1:9\", \"inet:[127.0.0.1]:9\" } }", 1, "given twice" },
        { "an address for two protocols", "\nline { listen = { \"inet:127.0.0.1:8461\" } }", 2, "given twice" },
        { "an address for mail and for monitors", "\nhttp { listen = { \"inet:127.0.0.1:8461\" } }", 2, "given twice" },
        { "... and the other way in", "http { listen = { \"unix:/run/outrider/exim.sock\" } }", 1, "given twice" },
        { "a log that is none", "log_to = file", 1, "none of auto, stderr, syslog, journal" },
        { "a name server by name", "dns { forwarders = { ns.example } }", 1, "no ADDRESS or ADDRESS@PORT" },
        { "a name server's port", "dns { forwarders = { \"192.0.2.1@0\" } }", 1, "no ADDRESS or ADDRESS@PORT" },
        { "a time that is none", "publish a.example { mx = { mx.a.example }\n max_age = 2x }", 2, "is no time" },
        { "a time without a number", "publish a.example { mx = { mx.a.example } max_age = w }", 1, "is no time" },
        { "a time that is too short", "publish a.example { mx = { mx.a.example } max_age = 59m }", 1, "between 3600 and" },
        { "a time beyond all bounds", "publish a.example { mx = { mx.a.example } max_age = 4294967295w }", 1, "between 3600 and" },
        { "a domain that is none", "publish \"a..example\" { mx = { mx.a.example } }", 1, "the title is no domain name" },
        { "a domain of one label", "publish example { mx = { mx.a.example } }", 1, "the title is no domain name" },
        { "a domain twice", "publish a.example { mx = { mx.a.example } }\npublish A.Example { mx = { mx.a.example } }", 2, "is there already" },
        { "a policy without hosts", "publish a.example { mode = enforce }", 1, "needs mx" },
        { "a pattern that is an address", "publish a.example { mx = { \"192.0.2.1\" } }", 1, "is no host name" },
        { "a star in the middle", "publish a.example { mx = { \"mx.*.example\" } }", 1, "is no host name" },
        { "a certificate without key", "publish a.example { mx = { mx.a.example } certificate = /dev/null }", 1, "belong together" },
        { "HTTPS without a certificate", "policy_host { listen = { \"inet:127.0.0.1:443\" } }\npublish a.example { mx = { mx.a.example } }", 2,
          "needs certificate and key for mta-sts.a.example" },
        { "HTTPS on a Unix socket", "policy_host { listen = { \"unix:/run/a\" } }", 1, "is for plain" },
        { "clear text for everybody", "policy_host { plain = { \"inet:[::]:80\" } }", 1, "behind a reverse proxy" },
        { "challenges from nowhere", "policy_host { acme = { \"inet:[::]:80\" } }", 1, "needs acme_directory" },
        { "an address that is a name", "policy_host { addresses = { mx.example } }", 1, "is no IP address" },
        { "a report to a place of another kind", "publish a.example { mx = { mx.a.example } tlsrpt = { \"ftp://a.example\" } }", 1, "is no report address" },
        { "two reports in one", "publish a.example { mx = { mx.a.example } tlsrpt = { \"mailto:a@a.example,mailto:b@a.example\" } }", 1,
          "write one mailto:" },
        { "TLSA of nothing", "tlsa mx.a.example { port = 25 }", 1, "needs certificates" },
        { "forwarders of no use", "dns { mode = recursive\n forwarders = { 192.0.2.1 } }", 2, "of no use" },
        { "a file that is not there", "\ndns { trust_anchor = /nowhere/root.key }", 2, "/nowhere/root.key: No such file" },
        { "a root file that is not there", "anchors default { roots = /nowhere/ca.pem }", 1, "/nowhere/ca.pem: No such" },
        { "a relative path", "store { path = outrider.db }", 1, "must be an absolute path" },
        { "a fleet at no URL", "\nstore = \"http://user:geheim@redis.example\"", 2, "store: no URL that begins with redis://" },
        { "a fleet at a host that is none", "store = \"redis://:geheim@-/0\"", 1, "store: the host is neither" },
        { "a store in two places", "store { path = /a/b }\nstore = \"/c/d\"", 2, "in the section \"store\" as well, on line 1" },
        { "a fleet twice", "store = \"redis://a.example\"\nstore = \"redis://b.example\"", 2, "store: set before, on line 1" },
        { "a member without a proper name", "store = \"redis://a.example\"\nfleet { name = \"a b\" }", 2, "is not 1 to 64 letters" },
        { "a fleet without a store", "log = info\nfleet { name = a }", 2, "no effect without store" },
        { "two passwords", "store = \"redis://:geheim@a.example\"\nfleet { password_file = /dev/null }", 2, "a password in the URL" },
        { "a CA in clear text", "store = \"redis://a.example\"\nfleet { ca = system }", 2, "without rediss://" },
        { "an empty path", "store { path = \"\" }", 1, "must not be empty" },
        { "a user that is none", "user = nobody-of-this-name", 1, "is no user of this system" },
        { "a group that is none", "line { group = no-group-of-this-name }", 1, "is no group of this system" },
        { "a group without a user", "group = root", 1, "without user" },
        { "a rule for nobody", "anchors \"bank\" {\n roots = system\n}", 3, "anchors \"bank\" needs for (whose roots these are)" },
        { "a rule for an empty list", "anchors bank { roots = system\n for = { } }", 2, "anchors \"bank\" needs for" },
        { "an empty list beside confine", "anchors bank { roots = system confine = { a.example }\n for = { } }", 0,
          "anchors \"bank\": for names nobody" },
        { "a rule that confines to nobody", "anchors bank { roots = system for = { a.example }\n confine = { } }", 0,
          "anchors \"bank\": confine names nobody" },
        { "a rule without roots", "anchors bank { for = { bank.example } }", 1, "anchors \"bank\" needs roots" },
        { "a rule twice", "anchors bank { roots = system for = { a.example } }\nanchors bank { roots = none for = { b.example } }", 2,
          "duplicate title 'bank'" },
        { "a rule without a name", "anchors \"\" { roots = system for = { a.example } }", 1, "a name has 1 to 60 octets" },
        { "a rule whose roots are not there", "anchors bank { for = { bank.example }\n roots = /nowhere/ca.pem\n}", 3,
          "/nowhere/ca.pem: No such" },
        { "a rule for an address", "anchors bank { roots = system\n for = { b.example, \"192.0.2.1\" } only = true }", 2, "is no domain" },
        { "only for everybody", "anchors bank { roots = system confine = { a.example } only = true }", 1, "only needs for" },
        { "nothing to confine", "anchors bank { roots = none confine = { a.example } }", 1, "no root to confine" },
        { "names of the default", "anchors default { for = { a.example } }", 1, "is for everybody" },
        { "a folder in another rule", "anchors bank { roots = system for = { a.example }\n exim_dir = /run/x }", 2,
          "exim_dir: belongs to anchors \"default\"" },
        { "a word of another kind", "anchors default { on_change = stop }", 1, "none of log, defer" },
        { "own roots that are none", "anchors default { postfix_own = none }", 1, "must be an absolute path" },
        { "revocation lists that are not there", "anchors default {\n crls = /nowhere/crls.pem }", 2, "/nowhere/crls.pem: No such" },
        { "a stub without address", "dns { stub \"lab.test\" { } }", 1, "has no address" },
        { "a stub with a bad name", "dns { stub \"lab..test\" { address = { 192.0.2.1 } } }", 1, "stub \"lab..test\"" },
        { "a stub with a bad address", "dns { stub lab.test {\n address = { host } } }", 2, "no ADDRESS" },
        { "a setting twice", "log = info\ndane { insecure_mx = no }\nlog = debug", 3, "set before, on line 1" },
        { "a list twice", "line { listen = { \"inet:127.0.0.1:9\" }\n listen = { \"inet:127.0.0.1:10\" } }", 2, "set before" },
        { "a section that never ends", "log = info\ndns {\n timeout = 5\n", 2, "brace is never closed" },
        { "a quote that never ends", "log = info\nuser = \"root\n", 2, "quote is never closed" },
        { "a comment that never ends", "log = info /* x\n", 1, "never closed" },
        { "a brace too many", "dns { }\n}\n", 2, "unexpected closing brace" },
        { "no equals sign", "log info\n", 1, "missing equal sign" },
        { "nobody listens", "socketmap { listen = { } } line { listen = { } }", 0, "no section has an address" },
        { "deadlines that do not nest", "limits { answer = 5 }\nsts { fetch_timeout = 5 }", 2, "not less than limits.answer" },
        { "a minimum with another word", "minimum {\n \"bank.example\" = high\n}", 2, "\"high\" is none of encrypt, secure, dane-only" },
        { "a minimum that is no minimum", "minimum { \"bank.example\" = may }", 1, "\"may\" is none of encrypt, secure, dane-only" },
        { "a minimum twice", "minimum {\n Bank.Example. = secure\n \"bank.example\" = secure }", 3, "\"bank.example\" has a rule before, on line 2" },
        { "a minimum twice in two sections", "minimum { a.example = secure }\nminimum { a.example = encrypt }", 2, "on line 1" },
        { "a minimum twice, as U-label", "minimum { \"b\xc3\xbc" "cher.example\" = secure\n xn--bcher-kva.example = secure }", 2, "on line 1" },
        { "a minimum for no domain", "minimum { \"bank..example\" = secure }", 1, "\"bank..example\" is no domain" },
        { "a minimum for a pattern", "minimum { \"*.example\" = secure }", 1, "\"*.example\" is no domain, nor \".\" and a domain" },
        { "a minimum for a dot", "minimum { \".\" = secure }", 1, "\".\" is no domain" },
        { "a minimum for nothing", "minimum { \"\" = secure }", 1, "\"\" is no domain" },
        { "a minimum for one label", "minimum { localhost = secure }", 1, "one label" },
        { "a minimum for an address", "minimum { \"192.0.2.1\" = secure }", 1, "an address is not a domain" },
        { "a minimum with odd bytes", "minimum { \"a\033b\" = secure }", 1, "\"a?b\" is no domain" },
        { "a minimum without level", "minimum {\n a.example =\n}", 3, "needs one of encrypt, secure, dane-only" },
        { "a minimum without sign", "minimum {\n a.example secure\n b.example = secure\n}", 2, "expected \"=\"" },
        { "a minimum without name", "minimum {\n = secure\n}", 2, "expected a domain" },
        { "a minimum in braces", "minimum { a.example = {\n secure } }\n", 1, "needs one of" },
        { "a minimum that is no section", "minimum = secure\n", 1, "expected \"{\"" },
        { "a minimum that is misspelt", "minima { a.example = secure }", 1, "\"minima\"" },
        { "an own host that is none", "own_hosts = { mx.example.org,\n \"mx example\" }", 2, "\"mx example\" is no host name" },
        { "an own host by address", "own_hosts = { \"192.0.2.1\" }", 1, "\"192.0.2.1\" is no host name" },
        { "control over TCP", "control { listen = { \"inet:127.0.0.1:9\" } }", 1, "only Unix sockets" },
        { "control for everybody", "control {\n mode = 0666 }", 2, "mode 0666 lets everybody in" },
        { "control for a mail server", "line { group = root }\ncontrol { group = root\n mode = 0660 }", 2, "is that of a mail server's socket" },
        { "control where mail servers ask", "control { listen = { \"unix:/run/outrider/exim.sock\" } }", 1, "given twice" },
        { "a control character", "store { path = \"/a\001b\" }", 1, "control character" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        otr_conf *conf = NULL;
        outrider_err err = otr_conf_parse(rows[i].text, strlen(rows[i].text), &conf, &mistakes);

        if (err != OUTRIDER_E_CONFIG || mistakes.count != 1 || mistakes.list[0].line != rows[i].line ||
            strstr(mistakes.list[0].reason, rows[i].part) == NULL) {
            print_mistakes();
            fail_msg("%s: got %d with the mistakes above, want line %u: ...%s...", rows[i].name, (int)err, rows[i].line,
                     rows[i].part);
        }
    }
}

static void all_mistakes_of_a_file_are_found_at_once(void **state)
{
    static const char text[] = "loud = yes\n"
                               "dns { timeout = 0 }\n"
                               "nds { a = b }\n"
                               "limits {\n"
                               "  idle = soon\n"
                               "  colour = red\n"
                               "}\n"
                               "combine = never\n"
                               "store { path = x }\n";
    static const unsigned lines[] = { 1, 2, 3, 5, 6, 8, 9 };
    otr_conf *conf = NULL;

    (void)state;
    assert_int_equal(otr_conf_parse(text, sizeof(text) - 1, &conf, &mistakes), OUTRIDER_E_CONFIG);
    if (mistakes.count != sizeof(lines) / sizeof(lines[0]))
        print_mistakes();
    assert_int_equal(mistakes.count, sizeof(lines) / sizeof(lines[0]));
    for (size_t i = 0; i < mistakes.count; i++)
        assert_int_equal(mistakes.list[i].line, lines[i]);
}

/* "store" at top level has the name of a section, and both may stand in one file. */
static void a_fleet_beside_the_section_of_its_name(void **state)
{
    static const char text[] = "store = \"rediss://u:geheim@redis.example:7000/3\" # its name is store = too\n"
                               "store { path = \"/var/lib/x/store = .db\" }\n"
                               "fleet { name = mx1\n prefix = mail }\n";
    static const char path_text[] = "\tstore=\"/var/lib/y.db\"";
    otr_conf *conf = NULL;

    (void)state;
    if (otr_conf_parse(text, sizeof(text) - 1, &conf, &mistakes) != OUTRIDER_OK)
        print_mistakes();
    assert_non_null(conf);
    assert_true(conf->fleet.is_on && conf->fleet.url.is_tls);
    assert_string_equal(conf->fleet.url.host, "redis.example");
    assert_int_equal(conf->fleet.url.port, 7000);
    assert_int_equal(conf->fleet.url.db, 3);
    assert_string_equal(conf->fleet.url.password, "geheim");
    assert_string_equal(conf->fleet.name, "mx1");
    assert_string_equal(conf->fleet.prefix, "mail");
    assert_string_equal(conf->store.path, "/var/lib/x/store = .db");
    otr_conf_free(conf);
    conf = NULL;
    assert_int_equal(otr_conf_parse(path_text, sizeof(path_text) - 1, &conf, &mistakes), OUTRIDER_OK);
    assert_false(conf->fleet.is_on);
    assert_string_equal(conf->store.path, "/var/lib/y.db");
    otr_conf_free(conf);
}

static void a_password_is_in_no_complaint(void **state)
{
    static const char *const texts[] = {
        "store = \"redis://:geheim@a b\"", "store = \"redis://:geheim nis@a.example\"", "store = \"geheim\"", "store = { \"redis://:geheim@a.example\", x }",
        "store = \"redis://:geheim@a.example\"\nstore = \"redis://:geheim@b.example\"", "store += \"redis://:geheim@a.example\"",
        "store = \"redis://:geheim@a.example\" x", "store = redis://:geheim@a.example",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        otr_conf *conf = NULL;

        assert_int_equal(otr_conf_parse(texts[i], strlen(texts[i]), &conf, &mistakes), OUTRIDER_E_CONFIG);
        for (size_t m = 0; m < mistakes.count; m++)
            if (strstr(mistakes.list[m].reason, "geheim") != NULL)
                fail_msg("%s: %s", texts[i], mistakes.list[m].reason);
    }
}

static void a_nul_is_refused(void **state)
{
    otr_conf *conf = NULL;

    (void)state;
    assert_int_equal(otr_conf_parse("log = info\n\0dns", 15, &conf, &mistakes), OUTRIDER_E_CONFIG);
    assert_int_equal(mistakes.list[0].line, 2);
}

static void a_file_that_cannot_be_read_is_said_so(void **state)
{
    otr_conf *conf = NULL;

    (void)state;
    assert_int_equal(otr_conf_read("/nowhere/outrider.conf", &conf, &mistakes), OUTRIDER_E_IO);
    assert_int_equal(mistakes.count, 1);
    assert_non_null(strstr(mistakes.list[0].reason, "No such file"));
    assert_int_equal(otr_conf_read("/", &conf, &mistakes), OUTRIDER_E_IO);
}

static void what_is_published_is_read(void **state)
{
    otr_conf *c = read_good("publish \"Example.ORG\" {\n mx = { \"MX1.example.org.\", \"*.mx.example.org\" }\n max_age = \"3w\"\n"
                            " tlsrpt = { \"mailto:a@example.org\", \"https://example.org/r\" }\n}\n"
                            "publish \"b\xc3\xbc\x63her.example\" { mode = none }\n"
                            "tlsa mx1.example.org { certificates = { /dev/null } ttl = 30m }\n");

    (void)state;
    assert_int_equal(c->publish_count, 2);
    assert_string_equal(c->publish[0].domain, "example.org");
    assert_int_equal(c->publish[0].mode, OTR_STS_TESTING);
    assert_string_equal(c->publish[0].mx.values[0], "mx1.example.org");
    assert_string_equal(c->publish[0].mx.values[1], "*.mx.example.org");
    assert_int_equal(c->publish[0].mx.count, 2);
    assert_int_equal(c->publish[0].max_age, 3 * 604800);
    assert_int_equal(c->publish[0].tlsrpt.count, 2);
    assert_string_equal(c->publish[1].domain, "xn--bcher-kva.example");
    assert_int_equal(c->publish[1].mode, OTR_STS_NONE);
    assert_int_equal(c->publish[1].max_age, 1209600);
    assert_int_equal(c->publish[1].mx.count, 0);
    assert_int_equal(c->tlsa_count, 1);
    assert_int_equal(c->tlsa[0].port, 25);
    assert_int_equal(c->tlsa[0].ttl, 1800);
    otr_conf_free(c);
}

/* The defaults go through the same checks as a file does. */
static void each_default_is_within_its_bounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < otr_setting_count; i++) {
        const otr_setting *s = &otr_settings[i];

        assert_true((s->preset != NULL) != (s->presets != NULL));
        assert_ptr_equal(otr_setting_find(s->section, s->name), s);
        if (s->kind == OTR_SET_NUMBER)
            assert_in_range(strtoul(s->preset, NULL, 10), s->least, s->most);
    }
}

/* Whatever bytes come, they are refused or accepted, line by line; nothing is read that is not there. */
static void cut_off_anywhere_it_is_still_read(void **state)
{
    static const char text[] = "dns { forwarders = { \"192.0.2.1\" } stub \"a.test\" { address = { '192.0.2.1' } } }\n"
                               "minimum { 'a.b' = secure, .c = x }\n"
                               "bad { x = { 1, 2 } } /* c */ limits { idle = \"3\\\"\" }\n";
    otr_conf *conf;

    (void)state;
    for (size_t len = 0; len < sizeof(text) - 1; len++) {
        conf = NULL;
        if (otr_conf_parse(text, len, &conf, &mistakes) == OUTRIDER_OK)
            otr_conf_free(conf);
        else
            assert_true(mistakes.count > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_file_gives_the_defaults),
        cmocka_unit_test(every_kind_of_setting_is_taken),
        cmocka_unit_test(minimum_rules_are_taken_in_their_normal_form),
        cmocka_unit_test(a_word_like_the_section_is_none),
        cmocka_unit_test(all_mistakes_of_the_minimum_are_found),
        cmocka_unit_test(a_mistake_is_named_with_its_line),
        cmocka_unit_test(all_mistakes_of_a_file_are_found_at_once),
        cmocka_unit_test(a_fleet_beside_the_section_of_its_name),
        cmocka_unit_test(a_password_is_in_no_complaint),
        cmocka_unit_test(a_nul_is_refused),
        cmocka_unit_test(a_file_that_cannot_be_read_is_said_so),
        cmocka_unit_test(what_is_published_is_read), cmocka_unit_test(each_default_is_within_its_bounds),
        cmocka_unit_test(cut_off_anywhere_it_is_still_read),
    };

    return cmocka_run_group_tests_name("daemon/conf", tests, NULL, NULL);
}
