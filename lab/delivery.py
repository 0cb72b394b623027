"""What became of a message, in one word, with the line of the log that says so."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Delivery:
    """outcome: see model.EXIM_OUTCOMES and POSTFIX_OUTCOMES, or "lost" where no log line tells."""

    recipient: str
    outcome: str
    host: str = ""      # that took the message
    reason: str = ""    # in the MTA's own words


LOST = "lost"


def contradiction(delivery, world):
    """What the MX hosts saw, if it contradicts what the MTA says of itself; "" if the two agree.

    The log is the MTA's opinion. Whether a recipient was ever named in clear text is a fact.
    """
    taken = [tls for host in world.mx.values() for tls in host.deliveries(delivery.recipient)]
    if delivery.outcome in ("deferred", "bounced", LOST):
        return f"says {delivery.outcome}, but an MX host took the message" if taken else ""
    if len(taken) != 1:
        return f"says {delivery.outcome}, but MX hosts took {len(taken)} messages"
    if (delivery.outcome == "clear") != (taken[0] == ""):
        return f"says {delivery.outcome}, but the MX host saw {taken[0] or 'no TLS'}"
    return ""
