"""THE table: every attack, what it does, and to which kinds of destinations.

A row here is a row of the matrix and a test for each of its cells. By default mail must not leak, and may wait. What
differs from that is said in the row:

    must    kinds that must be delivered in spite of the attack (to whom, their kind says)
    open    kinds that the standards do not protect here, with the reason; the attacker may have the mail
    passes  mail servers that are known to let this pass, with the reason (docs/trust-model.md)
    bounces mail servers that return the mail where it should wait, with the reason
"""

import dataclasses

from lab.attack import effects as do
from lab.attack import machine
from lab.attack.kinds import ALL, BY_NAME, BY_POLICY, ENFORCED, OPEN, SIGNED_MX, STS, UNSIGNED_MX, WITH_POLICY, WITH_TLSA


@dataclasses.dataclass(frozen=True, eq=False)
class Attack:
    """One row of the matrix."""

    name: str
    does: str                # a sentence
    kinds: tuple
    effects: tuple = ()
    must: tuple = ()
    open: dict = dataclasses.field(default_factory=dict)
    meets: str = "smtp"      # who must have noticed, or the attack was none: "smtp", "dns", "https", "" (machine.py)
    primed: bool = True      # outriderd has seen the destination before
    shape: object = lambda row: row  # what else the destination must be like
    companion: bool = False  # a domain without policy has the same MX host, ...
    sending: str = "each"    # ... and gets mail: "reusing" its connections, or "together" in one message
    machine: object = None   # of machine.py: what happens to the sender while it sends
    passes: dict = dataclasses.field(default_factory=dict)   # name of the mail server -> why
    bounces: dict = dataclasses.field(default_factory=dict)  # the same

    @property
    def label(self):
        """Fit for DNS."""
        return self.name.replace("+", "-").replace(".", "")


MITM = do.man_in_the_middle()

SMTP = (
    Attack("strip-starttls", "STARTTLS is taken out of the reply to EHLO", ALL, (do.man_in_the_middle("no-starttls"),),
           must=OPEN),
    Attack("helo-only", "EHLO is refused, HELO is not", ALL, (do.man_in_the_middle("helo-only"),), must=OPEN),
    Attack("starttls-454", "STARTTLS is answered with 454", ALL, (do.man_in_the_middle("refuses-starttls"),), must=OPEN),
    Attack("starttls-500", "STARTTLS is answered with 500", ALL, (do.man_in_the_middle("starttls-500"),), must=OPEN,
           bounces={"postfix": "it takes the 500 for the destination's last word"}),
    Attack("starttls-garbage", "STARTTLS is answered with something that is no SMTP", ALL,
           (do.man_in_the_middle("starttls-garbage"),)),
    Attack("break-handshake", "the TLS handshake is cut off", ALL, (do.man_in_the_middle("breaks-handshake"),)),
    Attack("inject", "replies in clear stand behind the 220 to STARTTLS, before the handshake (FLOW-05)", ALL,
           (do.tampered("injects"),)),
    Attack("self-signed", "a man in the middle, self-signed", ALL, (MITM,), must=OPEN),
    Attack("strange-ca", "a man in the middle, certificate of a CA that is trusted for another destination", ALL,
           (do.man_in_the_middle(cert="{strange_ca}"),), must=OPEN),
    Attack("other-host", "a man in the middle, valid certificate for another host", ALL,
           (do.man_in_the_middle(cert="{ca} foreign"),), must=OPEN),
    Attack("domain-name", "a man in the middle, valid certificate for the mail domain instead of the host",
           BY_POLICY, (do.man_in_the_middle(cert="{ca} domain"),)),
    Attack("expired", "a man in the middle, certificate expired", ALL, (do.man_in_the_middle(cert="{ca} expired"),),
           must=OPEN),
    Attack("not-yet-valid", "a man in the middle, certificate valid from tomorrow on", ALL,
           (do.man_in_the_middle(cert="{ca} future"),), must=OPEN),
    Attack("common-name", "a man in the middle, valid certificate whose Common Name alone is the host", BY_POLICY,
           (do.man_in_the_middle(cert="{ca} cn-only"),),
           passes={"postfix": "it takes a Common Name where there is no other; no public CA issues such certificates"}),
    Attack("for-clients", "a man in the middle, certificate for the host, but for TLS clients only", BY_POLICY,
           (do.man_in_the_middle(cert="{ca} clients"),)),
    Attack("tls-1.0", "the attacker speaks no TLS but 1.0", ALL, (do.man_in_the_middle("tls1.0"),)),
    Attack("tls-1.1", "the attacker speaks no TLS but 1.1", ALL, (do.man_in_the_middle("tls1.1"),)),
    Attack("tls-1.0-true", "the true host is brought down to TLS 1.0", ALL, (do.downgraded("tls1.0"),)),
    Attack("tls-1.1-true", "the true host is brought down to TLS 1.1", ALL, (do.downgraded("tls1.1"),)),
    Attack("tls-null", "the true host is brought down to ciphers that encrypt nothing", ALL,
           (do.downgraded("null-cipher"),)),
    Attack("tls-anonymous", "the attacker offers ciphers without a certificate", ALL,
           (do.man_in_the_middle("anonymous-cipher"),)),
    Attack("tls-export", "the attacker chooses an export cipher, whatever was offered", ALL,
           (do.man_in_the_middle("export-cipher"),)),
    Attack("first-host", "only the best of two hosts is attacked", ("dane-mixed", "sts-two", "dane-sts-mixed"),
           (do.man_in_the_middle(first_only=True),), must=("dane-mixed", "sts-two")),
)

FIRST_WORD = "MTA-STS does not protect the first contact (RFC 8461 §10.2)"
EXPIRED_WORD = "a policy counts for max_age and no longer"
UNSIGNED_WORD = "an unsigned MX record may name anybody, and nothing else is promised"
FORGED_OPEN = {"hosted": UNSIGNED_WORD}
STS_HOSTS = tuple(name for name in ENFORCED if STS in BY_NAME[name].needs or "sendmail" in BY_NAME[name].needs_by)


def short_lived(row):
    """A policy that runs out while we wait."""
    return dataclasses.replace(row, sts=dataclasses.replace(row.sts, max_age=machine.MAX_AGE))


DNS = (
    Attack("mx-forged", "the MX records name the attacker's host, which has a valid certificate and TLSA records of its own",
           ALL, (do.everywhere(do.forged_mx, "MX"),), open=FORGED_OPEN, meets="dns"),
    Attack("mx-forged-beside", "the attacker's host stands before the true ones in the MX records", ALL,
           (do.everywhere(do.forged_mx_beside, "MX"),), open=FORGED_OPEN, meets="dns"),
    Attack("address-forged", "the MX hosts' names lead to the attacker's address", ALL,
           (do.everywhere(do.forged_address, "A"),), meets="dns"),
    Attack("tlsa-denied", "TLSA: an unsigned \"no such record\", and a man in the middle", WITH_TLSA,
           (do.everywhere(do.deny, "TLSA"), MITM), meets="dns"),
    Attack("tlsa-unsigned", "TLSA: unsigned records for the attacker's key, and a man in the middle", WITH_TLSA,
           (MITM, do.everywhere(do.forged_tlsa, "TLSA")), meets="dns"),
    Attack("rrsig-stripped", "all signatures and proofs are taken away, and a man in the middle", SIGNED_MX,
           (do.everywhere(do.strip), MITM), meets="dns"),
    Attack("replayed", "TLSA: a record for a key that the attacker has got, whose signature has expired", WITH_TLSA,
           (MITM, do.everywhere(do.replayed_tlsa, "TLSA")), meets="dns"),
    Attack("nsec-borrowed", "TLSA: a properly signed NSEC proof for another name, and a man in the middle", WITH_TLSA,
           (do.everywhere(do.borrowed_denial, "TLSA"), MITM), meets="dns"),
    Attack("nsec3-forged", "TLSA: a made-up NSEC3 opt-out, and a man in the middle", WITH_TLSA,
           (do.everywhere(do.forged_nsec3, "TLSA"), MITM), meets="dns"),
    Attack("ds-denied", "the zone is said to be unsigned, and its MX records name the attacker's host", SIGNED_MX,
           (do.everywhere(do.strip), do.everywhere(do.deny, "DS"), do.everywhere(do.forged_mx, "MX")), meets="dns"),
    Attack("tlsa-servfail", "TLSA: SERVFAIL, and a man in the middle", WITH_TLSA,
           (do.everywhere(do.servfail, "TLSA"), MITM), meets="dns"),
    Attack("tlsa-silent", "TLSA: no answer, and a man in the middle", WITH_TLSA, (do.everywhere(do.silent, "TLSA"), MITM),
           meets="dns"),
    Attack("mx-servfail", "MX: SERVFAIL", ALL, (do.everywhere(do.servfail, "MX"),), meets="dns"),
    Attack("tlsa-denied-near", "outriderd alone is told that there are no TLSA records, and a man in the middle", WITH_TLSA,
           (do.for_outrider(do.deny, "TLSA"), MITM), meets="dns"),
    Attack("tlsa-forged-near", "outriderd alone gets the attacker's TLSA records, with the AD bit set, and a man in the middle",
           WITH_TLSA, (MITM, do.for_outrider(do.forged_tlsa_with_ad, "TLSA")), meets="dns"),
    Attack("mx-forged-near", "outriderd alone gets MX records that name the attacker's host, and a man in the middle", ALL,
           (do.for_outrider(do.forged_mx, "MX"), MITM), meets="dns"),
)


def alone_and_with_mitm(name, does, *effects, meets, kinds=WITH_POLICY, **settings):
    """Two rows: what must not keep mail from its true host, and must not help a man in the middle either."""
    return (Attack(name, does, kinds, effects, meets=meets, must=kinds, **settings),
            Attack(f"{name}+mitm", "... and a man in the middle", kinds, (*effects, MITM), meets=meets, **settings))


RECORD = (
    *alone_and_with_mitm("txt-servfail", "_mta-sts: SERVFAIL", do.everywhere(do.servfail, "TXT"), meets="dns"),
    *alone_and_with_mitm("txt-removed", "_mta-sts: no such record", do.everywhere(do.deny, "TXT"), meets="dns",
                         kinds=tuple(name for name in WITH_POLICY if name in UNSIGNED_MX)),
    *alone_and_with_mitm("txt-removed-signed", "_mta-sts: no such record, unsigned, in a signed zone",
                         do.everywhere(do.deny, "TXT"), meets="dns",
                         kinds=tuple(name for name in WITH_POLICY if name in SIGNED_MX)),
    *alone_and_with_mitm("txt-second", "_mta-sts: a second record beside the true one",
                         do.everywhere(do.only("TXT", '"v=STSv1; id=1;"', '"v=STSv1; id=2;"'), "TXT"), meets="dns"),
    *alone_and_with_mitm("txt-frozen", "_mta-sts: the old id, though the owner has published another policy",
                         do.new_id, do.everywhere(do.only("TXT", '"v=STSv1; id=1;"'), "TXT"), meets="dns"),
    *alone_and_with_mitm("txt-removed-near", "outriderd alone is told that there is no _mta-sts record",
                         do.for_outrider(do.deny, "TXT"), meets="dns"),
)

POLICY = (
    *alone_and_with_mitm("policy-blocked", "the policy host takes requests and says nothing",
                         do.new_id, do.policy_host("silent"), meets="https"),
    *alone_and_with_mitm("policy-refused", "the policy host hangs up", do.new_id, do.policy_host("unreachable"), meets="https"),
    *alone_and_with_mitm("policy-redirect", "the policy host redirects", do.new_id, do.policy_host("redirect"), meets="https"),
    *alone_and_with_mitm("policy-404", "the policy host says 404", do.new_id, do.policy_host("404"), meets="https"),
    *alone_and_with_mitm("policy-none", "mode: none from a policy host with a wrong certificate",
                         do.new_id, do.policy_host(cert="self", text=do.mode_none), meets="https"),
    *alone_and_with_mitm("policy-none-other", "mode: none from a policy host with a valid certificate for another name",
                         do.new_id, do.policy_host(cert="lab foreign", text=do.mode_none), meets="https"),
    Attack("policy-forged", "a policy that lists the attacker's host, from a policy host with a wrong certificate, and MX "
           "records to match", WITH_POLICY, (do.new_id, do.policy_host(cert="self", text=do.attackers_policy),
                                             do.everywhere(do.forged_mx, "MX")), meets="dns"),
    Attack("policy-rollback", "the owner's older policy (testing), from his own policy host, and a man in the middle",
           WITH_POLICY, (do.new_id, do.policy_host(text=do.older_policy), MITM), meets="https",
           open={name: "whatever the policy host serves properly is the policy" for name in STS_HOSTS}),
    Attack("policy-expired", "the policy host hangs up until the policy has expired (max_age), and a man in the middle",
           WITH_POLICY, (do.policy_host("unreachable"), MITM), meets="https", open={name: EXPIRED_WORD for name in STS_HOSTS},
           shape=short_lived, machine=machine.policy_run_out),
    Attack("first-contact-txt", "_mta-sts: no such record, from the first day on, and a man in the middle", WITH_POLICY,
           (do.everywhere(do.deny, "TXT"), MITM), meets="dns", open={name: FIRST_WORD for name in STS_HOSTS}, primed=False),
    Attack("first-contact-policy", "the policy host hangs up from the first day on, and a man in the middle", WITH_POLICY,
           (do.policy_host("unreachable"), MITM), meets="https", open={name: FIRST_WORD for name in STS_HOSTS}, primed=False),
)

# The sending machine. Everywhere a man in the middle waits for mail that goes out unprotected.
FEW = ("dane-ee", "dane-unusable", "sts", "sts-signed", "dane-sts", "none")
BLOCKED = (do.everywhere(do.deny, "TXT"), do.policy_host("unreachable"))

MACHINE = (
    Attack("daemon-stopped", "outriderd does not run", FEW, (MITM,), meets="", machine=machine.stopped),
    Attack("daemon-killed-asked", "outriderd is killed while it looks for an answer", FEW,
           (do.for_outrider(do.silent, "MX"), MITM), meets="dns", machine=machine.killed_while_asked),
    Attack("daemon-killed", "outriderd is killed when mail is under way", FEW, (do.tampered("waits"),),
           machine=machine.killed_during_delivery),
    Attack("daemon-killed+mitm", "... and a man in the middle", FEW, (do.man_in_the_middle("waits"),),
           machine=machine.killed_during_delivery),
    Attack("daemon-hangs", "outriderd takes connections and says nothing", FEW, (MITM,), meets="",
           machine=machine.hanging),
    Attack("socket-full", "the kernel's queue of outriderd's sockets is full", FEW, (MITM,), meets="",
           machine=machine.backlog_full),
    Attack("connections-taken", "somebody holds all connections that outriderd allows", FEW, (MITM,), meets="",
           machine=machine.connections_taken),
    Attack("waiting-taken", "somebody keeps outriderd waiting for as many answers as it will wait for", FEW,
           (do.for_outrider(do.silent, "MX"), MITM), meets="", machine=machine.waiting_taken),
    Attack("daemon-restarted", "a power cut, and the policies cannot be fetched again", FEW, (*BLOCKED, MITM), meets="",
           machine=machine.restarted),
    Attack("store-unlinked", "the store is deleted, and the policies cannot be fetched again", FEW, (*BLOCKED, MITM),
           meets="", machine=machine.store_unlinked),
    Attack("store-lost", "the store is deleted, outriderd restarted, and the policies cannot be fetched again", FEW,
           (*BLOCKED, MITM), meets="", open={name: FIRST_WORD for name in STS_HOSTS}, machine=machine.store_lost),
    Attack("clock-forward", "the clock jumps beyond the policies' life", FEW, (MITM,), meets="",
           machine=machine.clock_forward),
    Attack("clock-forward+block", "... and they cannot be fetched again", FEW, (*BLOCKED, MITM), meets="",
           open={name: EXPIRED_WORD for name in STS_HOSTS}, machine=machine.clock_forward),
    Attack("clock-back", "the clock jumps back, and the policies cannot be fetched again", FEW, (*BLOCKED, MITM), meets="",
           machine=machine.clock_back),
    Attack("resolver-dead", "the machine's resolver does not run", FEW, (MITM,), meets="", machine=machine.resolver_dead),
)

# An innocent domain without a policy has the same MX host, and its mail goes first.
SHARED = ("dane-ee", "dane-ta", "sts", "sts-wildcard", "sts-signed", "sts-hosted", "dane-sts")

SCOPE = (
    Attack("reuse-clear", "a connection in clear, made for a domain without policy at the same host, is kept (SCOPE)", SHARED,
           (do.man_in_the_middle("no-starttls"),), companion=True, sending="reusing"),
    Attack("reuse-tls", "a connection that nobody authenticated, made for a domain without policy at the same host, is kept "
           "(SCOPE)", SHARED, (MITM,), companion=True, sending="reusing"),
    Attack("together-clear", "one message, two recipients, only one with a policy, same host, no STARTTLS (SCOPE)", SHARED,
           (do.man_in_the_middle("no-starttls"),), companion=True, sending="together"),
    Attack("together-tls", "one message, two recipients, only one with a policy, same host, man in the middle (SCOPE)", SHARED,
           (MITM,), companion=True, sending="together"),
)

ROWS = (*SMTP, *DNS, *RECORD, *POLICY, *MACHINE, *SCOPE)
