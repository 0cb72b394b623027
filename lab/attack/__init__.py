"""The attack matrix: what becomes of mail while somebody sits on the wire.

    kinds.py     the columns: kinds of destinations, and what each of their hosts must prove
    attacks.py   the rows: what the attacker does, to which kinds, and where he wins by the standards' own design
    effects.py   what an attacker can do to SMTP, DNS and HTTPS; attacks are made of these
    machine.py   the same for the sending machine: its daemon, clock, store and resolver
    wire.py      the attacker's place between the resolver and the name servers
    cell.py      one attack on one destination of its own
    mtas.py      who sends: Exim, Postfix
    judge.py     what the MX hosts heard, against what they should have heard
    siege.py     the engine: prime, attack, judge, lift, see that all is well again
    report.py    the matrix for people, and JSON
    command.py   `make attack`

by_hand.py is something else: the command `attack` in the shell of `make lab`.
"""
