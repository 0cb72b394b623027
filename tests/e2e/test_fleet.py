"""A fleet: several daemons that share what they know through a real redis-server, and what becomes of that when Redis, a member or the way
between them fails. Each member has a store of its own, and answers from it."""

import concurrent.futures
import contextlib
import datetime
import itertools
import json
import os
import sqlite3
import subprocess
import time

import pytest

import domains
from domains import ask, level
from lab import clients, namespace
from lab.process import wait_until
from lab.redis import Redis

SOON = 20  # s in which a change has come to every member, on a busy machine
serial = itertools.count(1)


def tomorrow():
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)).strftime("%Y-%m-%d")


def until(is_done, daemons, seconds=SOON, what="it did not happen"):
    wait_until(is_done, seconds, lambda: what + "\n" + "\n\n".join(daemon.log() for daemon in daemons))


def status(daemon):
    done = daemon.run_cli("fleet", "status", "--json", "--config", daemon.config)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def is_up(daemon):
    return status(daemon)["state"] == "up"


def has_compared(daemon):
    found = status(daemon)
    return found["state"] == "up" and "compared_at" in found and not found["comparing"]


@pytest.fixture
def redis(lab):
    """A server for this test: redis(password=...) starts it. It ends with the test."""
    with contextlib.ExitStack() as started:
        def start(**settings):
            number = next(serial)
            return started.enter_context(Redis(os.path.join(namespace.HOME, f"redis-{number}"), port=6400 + number, **settings))
        yield start


@pytest.fixture
def fleet(outrider):
    """fleet(redis, 3) starts so many members; they have compared once when it returns."""
    def start(server, count, url=None, **settings):
        members = [outrider(store=url or server.url(), fleet={"name": f"m{i}", **settings.pop("fleet", {})}, **settings)
                   for i in range(count)]
        for member in members:
            until(lambda: has_compared(member), members, what="no comparison")
        return members
    return start


# One fetch for all ----------------------------------------------------------------------------------------------------


def test_one_fetch_for_the_fleet(lab, redis, fleet):
    """Three members are asked at one moment: the policy host sees one connection, and all three answer under the policy."""
    members = fleet(redis(), 3)
    domain = domains.add_sts(lab, "fleet-once", ttl=300)
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        levels = list(pool.map(lambda member: level(member, domain.name), members))
    assert levels == ["secure"] * 3, "\n\n".join(member.log() for member in members)
    assert domain.policy.contacts == 1
