"""THE table: every attack, what it does, and to which kinds of destinations.

A row here is a row of the matrix and a test for each of its cells. By default mail must not leak, and may wait. What
differs from that is said in the row:

    must     kinds that must be delivered in spite of the attack (to whom, their kind says)
    open     kinds that the standards do not protect here, with the reason; the attacker may have the mail
    passes   mail servers that are known to let this pass, with the reason (docs/trust-model.md)
"""

import dataclasses

from lab.attack import effects as do
from lab.attack import machine
from lab.attack.effects import everywhere, for_outrider, new_id, policy_host
from lab.attack.effects import man_in_the_middle as mitm
from lab.attack.kinds import (ALL, BY_NAME, BY_POLICY, ENFORCED, OPEN, SIGNED_MX, STS, UNSIGNED_MX, WITH_POLICY,
                              WITH_TLSA)


@dataclasses.dataclass(frozen=True, eq=False)
class Attack:
    """One row of the matrix."""

    name: str
    does: str                # a sentence
    kinds: tuple
    effects: tuple = ()      # of effects.py
    must: tuple = ()
    open: dict = dataclasses.field(default_factory=dict)     # kind -> why
    passes: dict = dataclasses.field(default_factory=dict)   # name of the mail server -> why
    meets: str = "smtp"      # who must notice, or the attack was none: "smtp", "dns", "https"; "": nobody need
    primed: bool = True      # outriderd has seen the destination before
    shape: object = lambda row: row  # what else the destination must be like
    companion: bool = False  # a domain without policy has the same MX host and gets mail, too,
    sending: str = "each"    # ... "reusing" connections, or "together" in one message
    machine: object = None   # of machine.py: what happens to the sender while it sends

    @property
    def label(self):
        """Fit for DNS."""
        return self.name.replace("+", "-").replace(".", "")


def alone_and_with_mitm(name, does, *effects, meets, kinds=WITH_POLICY):
    """Two rows: what must not keep mail from its true host, and must not help a man in the middle either."""
    return (Attack(name, does, kinds, effects, meets=meets, must=kinds),
            Attack(f"{name}+mitm", "... and a man in the middle", kinds, (*effects, mitm()), meets=meets))


# Hosts that nothing but a policy protects, at least for a mail server that cannot do DANE.
STS_HOSTS = tuple(name for name in ENFORCED if STS in BY_NAME[name].needs or "sendmail" in BY_NAME[name].needs_by)
UNSIGNED_NAME = {"hosted": "an unsigned MX record may name anybody, and nothing else is promised"}
FIRST_CONTACT = {name: "MTA-STS does not protect the first contact (RFC 8461 §10.2)" for name in STS_HOSTS}
RUN_OUT = {name: "a policy counts for max_age and no longer" for name in STS_HOSTS}
ROLLED_BACK = {name: "whatever the policy host serves properly is the policy" for name in STS_HOSTS}


# On the wire: SMTP and TLS ------------------------------------------------------------------------------------

SMTP = (
    Attack("strip-starttls", "STARTTLS is taken out of the reply to EHLO", ALL,
           (mitm("no-starttls"),), must=OPEN),
    Attack("helo-only", "EHLO is refused, HELO is not", ALL,
           (mitm("helo-only"),), must=OPEN),
    Attack("starttls-454", "STARTTLS is answered with 454", ALL,
           (mitm("refuses-starttls"),), must=OPEN),
    Attack("starttls-500", "STARTTLS is answered with 500", ALL,
           (mitm("starttls-500"),), must=OPEN),
    Attack("starttls-garbage", "STARTTLS is answered with something that is no SMTP", ALL,
           (mitm("starttls-garbage"),)),
    Attack("break-handshake", "the TLS handshake is cut off", ALL,
           (mitm("breaks-handshake"),)),
    Attack("inject", "replies in clear stand behind the 220 to STARTTLS, before the handshake (FLOW-05)", ALL,
           (do.tampered("injects"),)),
    Attack("self-signed", "a man in the middle, self-signed", ALL,
           (mitm(),), must=OPEN),
    Attack("strange-ca", "a man in the middle, certificate of a CA that is trusted for another destination", ALL,
           (mitm(cert="{strange_ca}"),), must=OPEN),
    Attack("other-host", "a man in the middle, valid certificate for another host", ALL,
           (mitm(cert="{ca} foreign"),), must=OPEN),
    Attack("domain-name", "a man in the middle, valid certificate for the mail domain instead of the host", BY_POLICY,
           (mitm(cert="{ca} domain"),)),
    Attack("expired", "a man in the middle, certificate expired", ALL,
           (mitm(cert="{ca} expired"),), must=OPEN),
    Attack("not-yet-valid", "a man in the middle, certificate valid from tomorrow on", ALL,
           (mitm(cert="{ca} future"),), must=OPEN),
    Attack("common-name", "a man in the middle, valid certificate whose Common Name alone is the host", BY_POLICY,
           (mitm(cert="{ca} cn-only"),),
           passes={"postfix": "it takes a Common Name where there is no other; no public CA issues such certificates"}),
    Attack("for-clients", "a man in the middle, certificate for the host, but for TLS clients only", BY_POLICY,
           (mitm(cert="{ca} clients"),)),
    Attack("tls-1.0", "the attacker speaks no TLS but 1.0", ALL,
           (mitm("tls1.0"),)),
    Attack("tls-1.1", "the attacker speaks no TLS but 1.1", ALL,
           (mitm("tls1.1"),)),
    Attack("tls-1.0-true", "the true host is brought down to TLS 1.0", ALL,
           (do.downgraded("tls1.0"),)),
    Attack("tls-1.1-true", "the true host is brought down to TLS 1.1", ALL,
           (do.downgraded("tls1.1"),)),
    Attack("tls-null", "the true host is brought down to ciphers that encrypt nothing", ALL,
           (do.downgraded("null-cipher"),)),
    Attack("tls-anonymous", "the attacker offers ciphers without a certificate", ALL,
           (mitm("anonymous-cipher"),)),
    Attack("tls-export", "the attacker chooses an export cipher, whatever was offered", ALL,
           (mitm("export-cipher"),)),
    Attack("first-host", "only the best of two hosts is attacked", ("dane-mixed", "sts-two", "dane-sts-mixed"),
           (mitm(first_only=True),), must=("dane-mixed", "sts-two")),
)

# On the wire: DNS ---------------------------------------------------------------------------------------------

DNS = (
    Attack("mx-forged", "the MX records name the attacker's host, which has a certificate and TLSA records of its own",
           ALL, (everywhere(do.forged_mx, "MX"),), open=UNSIGNED_NAME, meets="dns"),
    Attack("mx-forged-beside", "the attacker's host stands before the true ones in the MX records", ALL,
           (everywhere(do.forged_mx_beside, "MX"),), open=UNSIGNED_NAME, meets="dns"),
    Attack("address-forged", "the MX hosts' names lead to the attacker's address", ALL,
           (everywhere(do.forged_address, "A"),), meets="dns"),
    Attack("tlsa-denied", "TLSA: an unsigned \"no such record\", and a man in the middle", WITH_TLSA,
           (everywhere(do.deny, "TLSA"), mitm()), meets="dns"),
    Attack("tlsa-unsigned", "TLSA: unsigned records for the attacker's key, and a man in the middle", WITH_TLSA,
           (mitm(), everywhere(do.forged_tlsa, "TLSA")), meets="dns"),
    Attack("rrsig-stripped", "all signatures and proofs are taken away, and a man in the middle", SIGNED_MX,
           (everywhere(do.strip), mitm()), meets="dns"),
    Attack("replayed", "TLSA: a record for a key that the attacker has got, whose signature has expired", WITH_TLSA,
           (mitm(), everywhere(do.replayed_tlsa, "TLSA")), meets="dns"),
    Attack("nsec-borrowed", "TLSA: a properly signed NSEC proof for another name, and a man in the middle", WITH_TLSA,
           (everywhere(do.borrowed_denial, "TLSA"), mitm()), meets="dns"),
    Attack("nsec3-forged", "TLSA: a made-up NSEC3 opt-out, and a man in the middle", WITH_TLSA,
           (everywhere(do.forged_nsec3, "TLSA"), mitm()), meets="dns"),
    Attack("ds-denied", "the zone is said to be unsigned, and its MX records name the attacker's host", SIGNED_MX,
           (everywhere(do.strip), everywhere(do.deny, "DS"), everywhere(do.forged_mx, "MX")), meets="dns"),
    Attack("tlsa-servfail", "TLSA: SERVFAIL, and a man in the middle", WITH_TLSA,
           (everywhere(do.servfail, "TLSA"), mitm()), meets="dns"),
    Attack("tlsa-silent", "TLSA: no answer, and a man in the middle", WITH_TLSA,
           (everywhere(do.silent, "TLSA"), mitm()), meets="dns"),
    Attack("mx-servfail", "MX: SERVFAIL", ALL,
           (everywhere(do.servfail, "MX"),), meets="dns"),
    Attack("tlsa-denied-near", "outriderd alone hears that there are no TLSA records, and a man in the middle",
           WITH_TLSA, (for_outrider(do.deny, "TLSA"), mitm()), meets="dns"),
    Attack("tlsa-forged-near", "outriderd alone gets TLSA records of the attacker's key, with the AD bit, and a man in "
           "the middle", WITH_TLSA, (mitm(), for_outrider(do.forged_tlsa_with_ad, "TLSA")), meets="dns"),
    Attack("mx-forged-near", "outriderd alone gets the attacker's MX records, and a man in the middle", ALL,
           (for_outrider(do.forged_mx, "MX"), mitm()), meets="dns"),
)

# On the wire: the MTA-STS record ------------------------------------------------------------------------------

RECORD = (
    *alone_and_with_mitm("txt-servfail", "_mta-sts: SERVFAIL", everywhere(do.servfail, "TXT"), meets="dns"),
    *alone_and_with_mitm("txt-removed", "_mta-sts: no such record", everywhere(do.deny, "TXT"), meets="dns",
                         kinds=tuple(name for name in WITH_POLICY if name in UNSIGNED_MX)),
    *alone_and_with_mitm("txt-removed-signed", "_mta-sts: no such record, unsigned, in a signed zone",
                         everywhere(do.deny, "TXT"), meets="dns",
                         kinds=tuple(name for name in WITH_POLICY if name in SIGNED_MX)),
    *alone_and_with_mitm("txt-second", "_mta-sts: a second record beside the true one",
                         everywhere(do.only("TXT", '"v=STSv1; id=1;"', '"v=STSv1; id=2;"'), "TXT"), meets="dns"),
    *alone_and_with_mitm("txt-frozen", "_mta-sts: the old id, though the owner has published another policy",
                         new_id, everywhere(do.only("TXT", '"v=STSv1; id=1;"'), "TXT"), meets="dns"),
    *alone_and_with_mitm("txt-removed-near", "outriderd alone hears that there is no _mta-sts record",
                         for_outrider(do.deny, "TXT"), meets="dns"),
)

# On the wire: the policy host. It is asked because the owner has just announced another policy. -----------------

POLICY = (
    *alone_and_with_mitm("policy-blocked", "the policy host takes requests and says nothing",
                         new_id, policy_host("silent"), meets="https"),
    *alone_and_with_mitm("policy-refused", "the policy host hangs up",
                         new_id, policy_host("unreachable"), meets="https"),
    *alone_and_with_mitm("policy-redirect", "the policy host redirects",
                         new_id, policy_host("redirect"), meets="https"),
    *alone_and_with_mitm("policy-404", "the policy host says 404",
                         new_id, policy_host("404"), meets="https"),
    *alone_and_with_mitm("policy-none", "mode: none from a policy host with a wrong certificate",
                         new_id, policy_host(cert="self", text=do.mode_none), meets="https"),
    *alone_and_with_mitm("policy-none-other", "mode: none from a policy host with a valid certificate for another name",
                         new_id, policy_host(cert="lab foreign", text=do.mode_none), meets="https"),
    Attack("policy-forged", "a policy and MX records that name the attacker's host; the policy host has a wrong "
           "certificate",
           WITH_POLICY, (new_id, policy_host(cert="self", text=do.attackers_policy), everywhere(do.forged_mx, "MX")),
           meets="dns"),
    Attack("policy-rollback", "the owner's older policy (testing), from his own policy host, and a man in the middle",
           WITH_POLICY, (new_id, policy_host(text=do.older_policy), mitm()), open=ROLLED_BACK, meets="https"),
    Attack("policy-expired", "the policy host hangs up until the policy has expired, and a man in the middle",
           WITH_POLICY, (policy_host("unreachable"), mitm()), open=RUN_OUT, meets="https",
           shape=machine.short_lived, machine=machine.policy_run_out),
    Attack("first-contact-txt", "_mta-sts: no such record, from the first day on, and a man in the middle",
           WITH_POLICY, (everywhere(do.deny, "TXT"), mitm()), open=FIRST_CONTACT, meets="dns", primed=False),
    Attack("first-contact-policy", "the policy host hangs up from the first day on, and a man in the middle",
           WITH_POLICY, (policy_host("unreachable"), mitm()), open=FIRST_CONTACT, meets="https", primed=False),
)

# The sending machine. Everywhere a man in the middle waits for mail that goes out unprotected. ------------------

FEW = ("dane-ee", "dane-unusable", "sts", "sts-signed", "dane-sts", "none")
UNFETCHABLE = (everywhere(do.deny, "TXT"), policy_host("unreachable"), mitm())

MACHINE = (
    Attack("daemon-stopped", "outriderd does not run", FEW,
           (mitm(),), meets="", machine=machine.stopped),
    Attack("daemon-killed-asked", "outriderd is killed while it looks for an answer", FEW,
           (for_outrider(do.silent, "MX"), mitm()), meets="dns", machine=machine.killed_while_asked),
    Attack("daemon-killed", "outriderd is killed when mail is under way", FEW,
           (do.tampered("waits"),), machine=machine.killed_during_delivery),
    Attack("daemon-killed+mitm", "... and a man in the middle", FEW,
           (mitm("waits"),), machine=machine.killed_during_delivery),
    Attack("daemon-hangs", "outriderd takes connections and says nothing", FEW,
           (mitm(),), meets="", machine=machine.hanging),
    Attack("socket-full", "the kernel's queue of outriderd's sockets is full", FEW,
           (mitm(),), meets="", machine=machine.backlog_full),
    Attack("connections-taken", "somebody holds all connections that outriderd allows", FEW,
           (mitm(),), meets="", machine=machine.connections_taken),
    Attack("waiting-taken", "somebody keeps outriderd waiting for as many answers as it will wait for", FEW,
           (for_outrider(do.silent, "MX"), mitm()), meets="", machine=machine.waiting_taken),
    Attack("daemon-restarted", "a power cut, and the policies cannot be fetched again", FEW,
           UNFETCHABLE, meets="", machine=machine.restarted),
    Attack("store-unlinked", "the store is deleted, and the policies cannot be fetched again", FEW,
           UNFETCHABLE, meets="", machine=machine.store_unlinked),
    Attack("store-lost", "the store is deleted, outriderd restarted, and the policies cannot be fetched again", FEW,
           UNFETCHABLE, open=FIRST_CONTACT, meets="", machine=machine.store_lost),
    Attack("clock-forward", "the clock jumps beyond the policies' life", FEW,
           (mitm(),), meets="", machine=machine.clock_forward),
    Attack("clock-forward+block", "... and they cannot be fetched again", FEW,
           UNFETCHABLE, open=RUN_OUT, meets="", machine=machine.clock_forward),
    Attack("clock-back", "the clock jumps back, and the policies cannot be fetched again", FEW,
           UNFETCHABLE, meets="", machine=machine.clock_back),
    Attack("resolver-dead", "the machine's resolver does not run", FEW,
           (mitm(),), meets="", machine=machine.resolver_dead),
)

# Another domain at the same MX host has no policy, and its mail goes first. -------------------------------------

SHARED = ("dane-ee", "dane-ta", "sts", "sts-wildcard", "sts-signed", "sts-hosted", "dane-sts")

SCOPE = (
    Attack("reuse-clear", "a connection in clear, made for the other domain, is kept (SCOPE)", SHARED,
           (mitm("no-starttls"),), companion=True, sending="reusing"),
    Attack("reuse-tls", "a connection that nobody authenticated, made for the other domain, is kept (SCOPE)", SHARED,
           (mitm(),), companion=True, sending="reusing"),
    Attack("together-clear", "one message to both domains, no STARTTLS (SCOPE)", SHARED,
           (mitm("no-starttls"),), companion=True, sending="together"),
    Attack("together-tls", "one message to both domains, man in the middle (SCOPE)", SHARED,
           (mitm(),), companion=True, sending="together"),
)

ROWS = (*SMTP, *DNS, *RECORD, *POLICY, *MACHINE, *SCOPE)
