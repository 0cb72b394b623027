"""The verdict on a cell, from what the MX hosts heard. What the mail server says of itself counts only where nobody
heard anything: it then tells whether the mail waits or came back.
"""

import dataclasses

from lab import mxhost
from lab.attack.kinds import DANE, NOTHING, STS, TLS

SECURE, ENCRYPTED, CLEAR = "delivered securely", "delivered over TLS", "delivered in clear"
UNPROTECTED = "unprotected"      # the attacker got it, and nothing was promised that forbids it (or see `passes`)
DEFERRED, BOUNCED, LOST = "deferred", "bounced", "LOST"
LEAKED, REFUSED = "LEAKED", "REFUSED"
DELIVERED = (SECURE, ENCRYPTED, CLEAR, UNPROTECTED)
WORDS = (*DELIVERED, DEFERRED, BOUNCED, LEAKED, REFUSED, LOST)
FAILURES = (LEAKED, REFUSED, BOUNCED, LOST)  # nothing that an attacker does is a reason to return mail

WEAK_VERSIONS = ("SSLv3", "TLSv1", "TLSv1.1")
WEAK_CIPHERS = ("NULL", "ADH", "AECDH", "EXP")


@dataclasses.dataclass
class Verdict:
    """One cell after an attempt to deliver."""

    word: str
    reason: str = ""      # what leaked where, or the mail server's own words
    host: str = ""        # that took the message
    sessions: list = dataclasses.field(default_factory=list)

    @property
    def has_failed(self):
        return self.word in FAILURES


def judge(cell, mta, recipient, delivery, is_waiting, must):
    """must: mail that waits has been refused. is_waiting: mail of which the log says nothing waits."""
    transactions = [t for session in cell.sessions_of(mta) for t in split(session)
                    if t.concerns(recipient, bool(cell.partners))]
    needs = what_hosts_need(cell, mta)
    leaks = [said for t in transactions for said in _leaks(cell, t, needs)]
    taken = [t for t in transactions if t.is_complete]
    verdict = Verdict("", delivery.reason, sessions=[t.describe(cell) for t in transactions])
    if leaks:
        verdict.word, verdict.reason = LEAKED, "; ".join(dict.fromkeys(leaks))
    elif taken:
        verdict.word, verdict.host = _word(cell, taken[0], needs), taken[0].session.host
    elif delivery.outcome == "bounced":
        verdict.word = BOUNCED
    elif delivery.outcome == "deferred" or is_waiting:
        verdict.word = REFUSED if must else DEFERRED
    else:
        verdict.word = LOST
        verdict.reason = delivery.reason or f"the mail server says {delivery.outcome}, and no MX host has heard of it"
    return verdict


def what_hosts_need(cell, mta):
    """{host name: need}; a host that is not in it is the attacker's, and must hear nothing."""
    needs = dict(zip((host.name for host in cell.hosts), cell.kind.needs_for(mta.name)))
    if cell.kind.name in cell.attack.open or mta.name in cell.attack.passes:  # what TLSA records say holds all the same
        needs = {name: NOTHING if need == STS else need for name, need in needs.items()}
    if NOTHING in needs.values() or cell.kind.name in cell.attack.open:  # a host without any promise lets everybody in
        needs[cell.evil.name] = NOTHING
    return needs


# What an MX host heard --------------------------------------------------------------------------------------


@dataclasses.dataclass
class Transaction:
    """From one MAIL FROM to the next."""

    session: mxhost.Session
    heard: list

    def concerns(self, recipient, is_shared):
        """Of the mail to this recipient. One that broke off before RCPT TO is anybody's."""
        named = [_address(heard) for heard in self.heard if heard.verb == "RCPT"]
        return recipient in named or (not named and (self.heard or self.session.was_fooled) and not is_shared)

    @property
    def is_complete(self):
        return any(heard.verb == "DATA" for heard in self.heard) and self.session.messages > 0

    def describe(self, cell):
        """For JSON."""
        session = self.session
        return {"host": session.host, "held_by": session.held_by, "manners": session.manners, "tls": session.tls,
                "cipher": session.cipher, "tls_error": session.tls_error, "sni": session.sni,
                "certificate": "none" if session.shown is None else "true" if is_true(cell, session) else "attacker's",
                "heard": [{"verb": heard.verb, "text": heard.text[:200], "octets": len(heard.text), "tls": heard.tls}
                          for heard in self.heard]}


def split(session):
    """The transactions of a session; one without any stands for a session in which nobody got that far."""
    transactions = []
    for heard in list(session.heard):
        if heard.verb == "MAIL" or not transactions:
            transactions.append(Transaction(session, []))
        transactions[-1].heard.append(heard)
    return transactions or [Transaction(session, [])]


def _address(heard):
    return heard.text.partition("<")[2].partition(">")[0].lower()


# What that means --------------------------------------------------------------------------------------------


def is_true(cell, session):
    """The certificate is the one of the destination's own host."""
    return session.shown is not None and session.shown is cell.chains.get(session.host)


def is_strong(heard):
    return bool(heard.tls) and heard.tls not in WEAK_VERSIONS and not any(weak in heard.cipher for weak in WEAK_CIPHERS)


def _leaks(cell, transaction, needs):
    """What was said to somebody who should not have heard it."""
    session = transaction.session
    if session.was_fooled:
        yield f"{session.host}: replies that were injected in clear were believed within TLS"
    need = needs.get(session.host)
    for heard in transaction.heard:
        said = f"{heard.verb} to {session.host}"
        if need is None:
            yield f"{said}, the attacker's host"
        elif need in (DANE, STS) and not (is_strong(heard) and is_true(cell, session)):
            how = "in clear" if not heard.tls else f"over {heard.tls} {heard.cipher} with " + (
                "the true certificate" if is_true(cell, session) else "the attacker's certificate")
            yield f"{said}, held by the {session.held_by}, {how}"
        elif need == TLS and not heard.tls:
            yield f"{said} in clear"


def _word(cell, transaction, needs):
    """How a message went that nobody heard who should not."""
    session = transaction.session
    if session.held_by == mxhost.ATTACKER:
        return UNPROTECTED
    if needs.get(session.host) in (DANE, STS):
        return SECURE
    return ENCRYPTED if all(heard.tls for heard in transaction.heard) else CLEAR
