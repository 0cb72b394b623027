"""The words in which scenarios.py describes a destination. Plain values; what they mean is built elsewhere."""

import dataclasses

SIGNED, UNSIGNED = "signed", "unsigned"
EXPIRED = "expired"      # signed once; the signatures have lapsed
LAME = "lame"            # delegated, securely, to a name server that refuses every question
ABSENT = "absent"        # never registered

# Zones of hosting companies, whose hosts serve other people's domains.
PROVIDERS = {"signed-host.example": SIGNED, "plain-host.example": UNSIGNED}

# Where a delivery ends, as the MTA itself logs it. The last two words of each list are no deliveries.
#   dane        authenticated by TLSA records (Exim's CV=dane)
#   verified    certificate and name verified (CV=yes; Postfix "Verified", which it also writes after DANE)
#   trusted     Postfix only: authenticated a host that an unsigned MX record named
#   encrypted   TLS, nobody authenticated
#   clear       no TLS at all
EXIM_OUTCOMES = ("dane", "verified", "encrypted", "clear", "deferred", "bounced")
POSTFIX_OUTCOMES = ("verified", "trusted", "encrypted", "clear", "deferred", "bounced")
SAFE_FAILURES = ("deferred", "bounced")


@dataclasses.dataclass(frozen=True)
class Host:
    """One MX host: its place in DNS, its certificate, its TLSA records, its manners."""

    label: str = "mx"
    preference: int = 10
    provider: str = ""        # a zone of PROVIDERS the host belongs to, instead of the destination's own
    alias: str = ""           # the MX name is a CNAME to a host in this zone of PROVIDERS
    shared: str = ""          # the name of a host that another destination brings; all else here means nothing then
    cert: str = "lab"         # see certs.py
    tlsa: tuple = ()          # "USAGE SELECTOR MTYPE", perhaps followed by "wrong" or "short"
    tlsa_at_alias: bool = False  # with alias: the records lie at its target, the expanded name
    tlsa_fault: str = ""      # "servfail" or "bogus"
    address_fault: str = ""   # "bogus" or "absent"
    families: str = "4"       # "4", "6" or "46"
    server: str = "good"      # see mxhost.py


@dataclasses.dataclass(frozen=True)
class Sts:
    """An MTA-STS policy and its host; the defaults are all as it should be."""

    mode: str = "enforce"
    mx: tuple = ()            # patterns; by default the names of the hosts. "{domain}" is the destination
    max_age: int = 86400
    records: tuple = ("v=STSv1; id=20260101T000000;",)  # TXT at _mta-sts
    record_fault: str = ""    # "servfail" or "bogus"
    server: str = "good"      # see policyhost.py
    cert: str = "lab"


@dataclasses.dataclass(frozen=True)
class Scenario:
    """One destination and what must come of mail to it.

    level and auth are those of `outrider query --json`; auth has a word for each host, by preference. rows names the
    rows of the decision table that it walks through and, where there is one, the test vector (V..) it brings to life.
    """

    name: str
    has: str                  # for people
    level: str
    exim: str
    postfix: str
    why: str                  # for people
    rows: str
    auth: tuple = ()
    hosts: tuple = (Host(),)
    sts: Sts = None
    zone: str = SIGNED
    tld: str = "example"
    mx: str = "normal"        # "null"; "implicit": address and no MX; "bogus": altered after signing
    ttl: int = 300            # seconds, of every record in the zone

    @property
    def domain(self):
        """Name in DNS (A-label)."""
        return f"{self.name.encode('idna').decode()}.{self.tld}"

    @property
    def shown(self):
        """Name for people and for mail that allows UTF-8."""
        return f"{self.name}.{self.tld}"

    def host_name(self, host):
        """The name in the MX record."""
        if host.shared:
            return host.shared
        if self.mx == "implicit":
            return self.domain
        if host.provider:
            return f"{self.domain.split('.')[0]}-{host.label}.{host.provider}"
        return f"{host.label}.{self.domain}"

    def expanded_name(self, host):
        """The name that carries the address: the MX name, or the end of its CNAME."""
        return f"{self.domain.split('.')[0]}-{host.label}.{host.alias}" if host.alias else self.host_name(host)

    def policy_name(self):
        return f"mta-sts.{self.domain}"

    def patterns(self):
        """The mx lines of the policy."""
        if self.sts.mx:
            return [pattern.format(domain=self.domain) for pattern in self.sts.mx]
        return [self.host_name(host) for host in self.hosts]
