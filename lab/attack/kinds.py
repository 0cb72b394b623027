"""The columns of the matrix: kinds of destinations, and what each host must prove before it may hear of mail."""

import dataclasses

from lab.model import SIGNED, UNSIGNED, Host, Scenario, Sts

TLD = "attacked"                  # every destination lies below it
HOSTING = f"hosting.{TLD}"        # the zone of a provider with DNSSEC
TTL = 2                           # seconds: what the attacker changes must arrive while we watch

# What must be proven on a connection before MAIL FROM. From strict to lax, and nothing is above DANE and STS.
DANE = "dane"        # the key or CA that secure TLSA records name
STS = "sts"          # a name that the policy lists, and a certificate of a trusted CA for it
TLS = "tls"          # encryption, by whomever
NOTHING = "nothing"


@dataclasses.dataclass(frozen=True, eq=False)
class Kind:
    """needs has a word for each host, by preference; needs_by where a mail server cannot do what Postfix does."""

    name: str
    short: str               # for the head of a column
    has: str                 # for people
    needs: tuple
    hosts: tuple = (Host(),)
    sts: Sts = None
    zone: str = SIGNED
    mx: str = "normal"
    needs_by: dict = dataclasses.field(default_factory=dict)  # name of the mail server -> needs
    ca: str = "lab"          # who issues certificates that this destination would take, if any CA counts (certs.py)
    strange_ca: str = "private"  # one that another destination trusts, and this one does not

    def needs_for(self, mta):
        return self.needs_by.get(mta, self.needs)

    @property
    def is_protected(self):
        """Somebody who holds all its hosts and its unsigned DNS gets nothing."""
        return set(self.needs) <= {DANE, STS}

    def scenario(self, name):
        """A destination of this kind."""
        return Scenario(name, self.has, level="", exim="", postfix="", why="", rows="", hosts=self.hosts, sts=self.sts,
                        zone=self.zone, mx=self.mx, tld=TLD, ttl=TTL)


ENFORCE = Sts(records=("v=STSv1; id=1;",))
TWO = (Host("mx1", 10), Host("mx2", 20))

KINDS = (
    Kind("dane-ee", "DANE-EE", "DANE 3 1 1, self-signed", (DANE,), (Host(cert="self", tlsa=("3 1 1",)),)),
    Kind("dane-ta", "DANE-TA", "DANE 2 1 1 of the public CA", (DANE,), (Host(cert="lab rooted", tlsa=("2 1 1",)),)),
    Kind("dane-ta-private", "DANE-TA, private CA", "DANE 2 1 1 of a private CA", (DANE,),
         (Host(cert="private", tlsa=("2 1 1",)),), ca="private", strange_ca="lab rooted"),
    Kind("dane-implicit", "DANE, no MX record", "no MX record; DANE 3 1 1 at the domain itself", (DANE,),
         (Host(cert="self", tlsa=("3 1 1",)),), mx="implicit"),
    Kind("dane-alias", "DANE, MX is an alias", "MX host is a CNAME into a signed zone, DANE 3 1 1 at its end", (DANE,),
         (Host(cert="self", alias=HOSTING, tlsa=("3 1 1",), tlsa_at_alias=True),)),
    Kind("dane-unusable", "DANE, all unusable", "TLSA records of usage 1 only: TLS, and nobody authenticated", (TLS,),
         (Host(cert="self", tlsa=("1 1 1 wrong",)),)),
    Kind("dane-mixed", "DANE + a host without", "two hosts, the first with DANE 3 1 1, the second without",
         (DANE, NOTHING), (Host("mx1", 10, cert="self", tlsa=("3 1 1",)), Host("mx2", 20, cert="self"))),
    Kind("hosted", "unsigned, at a DANE host", "unsigned domain at a provider with DANE 3 1 1", (DANE,),
         (Host(cert="self", provider=HOSTING, tlsa=("3 1 1",)),), zone=UNSIGNED, needs_by={"exim": (TLS,)}),
    Kind("sts", "STS enforce", "unsigned, MTA-STS enforce", (STS,), sts=ENFORCE, zone=UNSIGNED),
    Kind("sts-wildcard", "STS, wildcard", "unsigned, MTA-STS enforce with mx: *.DOMAIN", (STS,),
         sts=dataclasses.replace(ENFORCE, mx=("*.{domain}",)), zone=UNSIGNED),
    Kind("sts-two", "STS, two hosts", "unsigned, MTA-STS enforce, two hosts", (STS, STS), TWO, ENFORCE, zone=UNSIGNED),
    Kind("sts-signed", "STS, signed zone", "signed without TLSA, MTA-STS enforce", (STS,), sts=ENFORCE),
    Kind("sts-hosted", "STS at a DANE host", "unsigned, MTA-STS enforce, at a provider with DANE 3 1 1", (STS,),
         (Host(provider=HOSTING, tlsa=("3 1 1",)),), ENFORCE, zone=UNSIGNED),
    Kind("dane-sts", "DANE + STS", "DANE 3 1 1 and MTA-STS enforce", (DANE,), (Host(tlsa=("3 1 1",)),), ENFORCE,
         needs_by={"sendmail": (STS,)}),
    Kind("dane-sts-mixed", "DANE + STS, two hosts", "MTA-STS enforce, two hosts, the first with DANE 3 1 1",
         (DANE, STS), (Host("mx1", 10, cert="self", tlsa=("3 1 1",)), Host("mx2", 20)), ENFORCE),
    Kind("sts-testing", "STS testing", "unsigned, MTA-STS testing", (NOTHING,),
         sts=dataclasses.replace(ENFORCE, mode="testing"), zone=UNSIGNED),
    Kind("none", "nothing", "unsigned, no policy", (NOTHING,), (Host(cert="self"),), zone=UNSIGNED),
)
BY_NAME = {kind.name: kind for kind in KINDS}

ALL = tuple(BY_NAME)
OPEN = tuple(kind.name for kind in KINDS if set(kind.needs) == {NOTHING})
SIGNED_MX = tuple(kind.name for kind in KINDS if kind.zone == SIGNED)
UNSIGNED_MX = tuple(kind.name for kind in KINDS if kind.zone == UNSIGNED)
WITH_TLSA = tuple(kind.name for kind in KINDS if any(host.tlsa for host in kind.hosts))
WITH_DANE = tuple(kind.name for kind in KINDS if DANE in kind.needs)
WITH_POLICY = tuple(kind.name for kind in KINDS if kind.sts)
ENFORCED = tuple(kind.name for kind in KINDS if kind.sts and kind.sts.mode == "enforce")
BY_POLICY = tuple(kind.name for kind in KINDS if set(kind.needs) == {STS})  # nothing but the policy protects it
