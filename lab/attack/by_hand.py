"""Attacks by hand, for people in the lab's shell: a command `attack` that changes the running world.

    attack server HOST MANNERS         a mail server or policy host changes its manners (mxhost.py, policyhost.py)
    attack cert HOST KIND...           ... or its certificate (certs.py)
    attack forge NAME TYPE RDATA...    a record that was signed is replaced, and its signature is not
    attack set NAME TYPE RDATA...      the owner of the zone changes a record, properly signed

Tests do all this to the World object itself.
"""

import os
import socketserver
import sys
import threading

from lab import clients, mxhost, namespace, policyhost

DOOR = f"{namespace.HOME}/attacker.sock"
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def open_door(world, commands):
    """Listen for attackers, and put the command `attack` into the folder `commands`."""
    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            words = self.rfile.readline().decode().rstrip("\n").split("\t")
            try:
                answer = attack(world, *words)
            except (KeyError, TypeError, ValueError) as error:
                answer = f"attack: {error}"
            self.wfile.write(answer.encode())

    server = socketserver.ThreadingUnixStreamServer(DOOR, Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.makedirs(commands)
    script = os.path.join(commands, "attack")
    with open(script, "w") as file:
        file.write(f'#!/bin/sh\nPYTHONPATH={ROOT} exec /usr/bin/python3 -s -m lab.attack.by_hand "$@"\n')
    os.chmod(script, 0o755)


def attack(world, verb, name, *rest):
    """Do it; returns what to tell the attacker."""
    host = world.mx.get(name) or world.policies.get(name)
    if verb in ("server", "cert") and host is None:
        raise ValueError(f"{name} is no mail server or policy host")
    if verb == "server":
        known = mxhost.MANNERS if name in world.mx else policyhost.MANNERS
        if rest[:1] not in [(manners,) for manners in known]:
            raise ValueError(f"a host like {name} knows these manners: {', '.join(known)}")
        host.server = rest[0]
    elif verb == "cert":
        host.chain = world.certs.issue(" ".join(rest), name, name.partition(".")[2])
    elif verb == "forge":
        world.zones.alter(name, rest[0], " ".join(rest[1:]))
        world.publish(world.zones.zone_of(name))
    elif verb == "set":
        world.set_records(name, rest[0], [" ".join(rest[1:])] if rest[1:] else [])
    else:
        raise ValueError(f"no such attack: {verb} (there are server, cert, forge and set)")
    return f"done: {name} {' '.join(rest)}"


def main(words):
    if len(words) < 3:
        print(__doc__.partition("\n\n")[2].partition("\n\n")[0], file=sys.stderr)
        return 64
    said = clients.line(DOOR, "\t".join(words) + "\n", shutdown=False)
    print(said)
    return 0 if said.startswith("done") else 65


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
