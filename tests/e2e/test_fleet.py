"""A fleet: several daemons that share what they know through a real redis-server, and what becomes of that when Redis, a member or the way
between them fails. Each member has a store of its own, and answers from it."""

import concurrent.futures
import contextlib
import datetime
import itertools
import json
import os
import shutil
import sqlite3
import subprocess
import time

import pytest
from cryptography.hazmat.primitives import serialization

import domains
from domains import ask, level
from lab import namespace
from lab.outrider import USER
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


def stored(member, domain):
    """Whether the policy lies in the member's own store."""
    with contextlib.closing(sqlite3.connect(f"file:{member.store}?mode=ro", uri=True)) as database:
        return database.execute("SELECT 1 FROM sts WHERE domain = ? AND body IS NOT NULL", (domain.name,)).fetchone() is not None


def sighted(member, domain):
    with contextlib.closing(sqlite3.connect(f"file:{member.store}?mode=ro", uri=True)) as database:
        return database.execute("SELECT 1 FROM sightings WHERE domain = ?", (domain.name,)).fetchone() is not None


def overrides(member):
    return [each["domain"] for each in json.loads(member.override("list", "--json").stdout)["overrides"]]


def exceptions(member):
    return [each["domain"] for each in json.loads(member.trust("list", "--json").stdout)["exceptions"]]


def write_secret(text):
    """Readable for the daemon's user and for nobody else."""
    path = os.path.join(namespace.HOME, f"secret-{next(serial)}")
    with open(path, "w") as file:
        file.write(text + "\n")
    os.chmod(path, 0o400)
    shutil.chown(path, USER)
    return path


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
        members = [outrider(redis=url or server.url(), fleet={"name": f"m{i}", **settings.pop("fleet", {})}, **settings)
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


def test_a_policy_that_one_has_is_known_to_all(lab, redis, fleet):
    """It is in the store of each before anybody asks there; so the first answer of each, with the policy host gone, is that of the policy."""
    members = fleet(redis(), 3)
    domain = domains.add_sts(lab, "fleet-known", ttl=300)
    assert level(members[0], domain.name) == "secure"
    until(lambda: all(stored(member, domain) for member in members), members, what="the policy is not in every store")
    domain.block("unreachable")
    assert [level(member, domain.name) for member in members] == ["secure"] * 3
    assert domain.policy.contacts == 1


def test_a_new_id_is_fetched_once(lab, redis, fleet):
    """STS-APPLY-06: the owner changes policy and id; whichever member looks first fetches for all, and all go by the new one."""
    members = fleet(redis(), 3, sts=domains.QUICK)
    domain = domains.add_sts(lab, "fleet-new-id")
    assert [level(member, domain.name) for member in members] == ["secure"] * 3
    domain.set_policy("testing")
    domain.set_record("2")
    for member in members:
        domains.ask_until(member, domain.name, lambda verdict: verdict["sts"]["id"] == "2" and verdict["level"] == "may")
    assert domain.fetches == 2


def test_a_policy_host_that_is_down_is_asked_by_two(lab, redis, fleet):
    """Five members, and a host without a policy: two have tried, and the others take their word for it (RFC 8461 §3.3's back-off, of
    the fleet). One alone is not believed: it may be its own network."""
    members = fleet(redis(), 5)
    domain = domains.add_sts(lab, "fleet-down", ttl=300)
    domain.block("500")
    verdicts = [ask(member, domain.name) for member in members]
    assert [verdict["sts"]["state"] for verdict in verdicts] == ["tempfail"] * 5
    assert domain.fetches == 2
    assert "others of the fleet have" in verdicts[4]["sts"]["error"]


# What an operator says ---------------------------------------------------------------------------------------------------


def test_an_override_reaches_all_and_so_does_its_end(lab, redis, fleet):
    """FLOW-12 over a fleet: said on one member, withdrawn on another."""
    members = fleet(redis(), 3)
    domain = domains.add_sts(lab, "fleet-override", ttl=300)
    assert [level(member, domain.name) for member in members] == ["secure"] * 3
    members[0].override("add", "--until", tomorrow(), "--reason", "ticket 12", domain.name)
    until(lambda: [level(member, domain.name) for member in members] == ["may"] * 3, members, what="the override")
    assert 'event=override.added domain=' + domain.name in members[2].log() and "member=m0" in members[2].log()
    members[1].override("remove", domain.name)
    until(lambda: [level(member, domain.name) for member in members] == ["secure"] * 3, members, what="its removal")


def test_an_exception_reaches_all_and_so_does_its_end(lab, redis, fleet, tmp_path):
    """A root for one destination, added on one member and removed on another. Three have failed for want of it, or been told that others
    have: each of them goes by the policy then, and need not wait for the end of a back-off."""
    members = fleet(redis(), 3)
    domain = domains.add_sts(lab, "fleet-exception", ttl=300, cert="other")
    name = domain.name
    assert [ask(member, name)["sts"]["state"] for member in members] == ["tempfail"] * 3
    root = tmp_path / "other.pem"
    root.write_bytes(lab.certs.authority("other").public_bytes(serialization.Encoding.PEM))
    members[0].trust("add", "--for", name, "--until", tomorrow(), "--reason", "ticket 13", str(root))
    until(lambda: all(exceptions(member) == [name] for member in members), members, what="the exception")
    for member in members:
        domains.ask_until(member, name, lambda verdict: verdict["sts"]["state"] == "valid")
    fingerprint = json.loads(members[2].trust("list", "--json").stdout)["exceptions"][0]["root"]["sha256"]
    members[2].trust("remove", fingerprint)
    until(lambda: all(exceptions(member) == [] for member in members), members, what="its removal")


def test_what_was_removed_is_not_brought_back_by_a_member_that_was_away(lab, redis, fleet):
    """It has the override still, Redis has forgotten everything, and it comes back: the removal is remembered by the others."""
    server = redis()
    members = fleet(server, 3)
    domain = domains.add_sts(lab, "fleet-removed", ttl=300)
    members[0].override("add", "--until", tomorrow(), "--reason", "ticket 14", domain.name)
    until(lambda: all(overrides(member) == [domain.name] for member in members), members)
    members[2].stop()
    members[1].override("remove", domain.name)
    until(lambda: overrides(members[0]) == [], members)
    server.kill()
    members[2].start()
    assert overrides(members[2]) == [domain.name]  # alone, it knows no better
    server.start()
    until(lambda: all(has_compared(member) for member in members) and overrides(members[2]) == [], members, 40)
    assert overrides(members[0]) == overrides(members[1]) == []


def test_what_is_said_while_redis_is_away_reaches_the_others_later(lab, redis, fleet):
    """An override is added, and another one removed, on a member that cannot tell anybody; it is killed and started besides."""
    server = redis()
    members = fleet(server, 2)
    gone, new = (domains.add_sts(lab, f"fleet-away-{word}", ttl=300) for word in ("gone", "new"))
    members[0].override("add", "--until", tomorrow(), "--reason", "ticket 15", gone.name)
    until(lambda: overrides(members[1]) == [gone.name], members)
    server.kill()
    until(lambda: not is_up(members[0]), members)
    members[0].override("remove", gone.name)
    members[0].override("add", "--until", tomorrow(), "--reason", "ticket 16", new.name)
    members[0].kill()
    members[0].start()
    server.start()
    until(lambda: overrides(members[1]) == overrides(members[0]) == [new.name], members, 40)


# Redis fails ----------------------------------------------------------------------------------------------------------------


def test_without_redis_everything_goes_on(lab, redis, fleet):
    """Killed: answers from what is here, new policies fetched by each for itself, and the log says once what has happened. When it is
    back, and empty, it gets everything."""
    server = redis()
    members = fleet(server, 2)
    old, new = (domains.add_sts(lab, f"fleet-killed-{word}", ttl=300) for word in ("old", "new"))
    assert level(members[0], old.name) == "secure"
    server.kill()
    assert [level(member, old.name) for member in members] == ["secure"] * 2
    assert [level(member, new.name) for member in members] == ["secure"] * 2
    assert new.policy.contacts == 2
    until(lambda: all(1 <= member.log().count("event=fleet.down") <= 3 for member in members), members)
    server.start()
    until(lambda: len(server.keys("outrider:r:policy/fleet-killed-*")) == 2, members, 40)


def test_a_redis_that_hangs_holds_nobody_up(lab, redis, fleet):
    """Stopped, with its connections open: a question that needs a policy is answered as soon as it is fetched, and what is warm at once."""
    server = redis()
    members = fleet(server, 2)
    warm, cold = (domains.add_sts(lab, f"fleet-hung-{word}", ttl=300) for word in ("warm", "cold"))
    assert [level(member, warm.name) for member in members] == ["secure"] * 2
    server.hang()
    began = time.monotonic()
    assert level(members[0], warm.name) == "secure"
    assert level(members[0], cold.name) == "secure"
    assert time.monotonic() - began < 5  # 0.5 s for Redis, and what a fetch takes on a busy machine
    until(lambda: not is_up(members[0]), members)
    server.go_on()
    until(lambda: all(stored(member, cold) for member in members), members, 40)


def test_a_member_that_dies_while_it_fetches_holds_nobody_up_for_long(lab, redis, fleet):
    """kill -9 of the one that has the lease: it ends after 3 s, and another one fetches."""
    server = redis()
    members = fleet(server, 2)
    domain = domains.add_sts(lab, "fleet-dies", ttl=300)
    domain.block("silent")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask, members[0], domain.name)
        until(lambda: server.keys("outrider:l:*"), members, what="no lease")
        until(lambda: domain.policy.contacts == 1, members)
        members[0].kill()
        domain.policy.server = "good"
        assert level(members[1], domain.name) == "secure"
        with contextlib.suppress(Exception):
            asked.result()
    assert domain.policy.contacts == 2


def test_a_member_that_was_away_catches_up(lab, redis, fleet):
    """Policies and overrides that came while it was stopped are there soon after its start."""
    members = fleet(redis(), 2)
    members[1].stop()
    policies = [domains.add_sts(lab, f"fleet-missed-{n}", ttl=300) for n in range(5)]
    assert [level(members[0], each.name) for each in policies] == ["secure"] * 5
    members[0].override("add", "--until", tomorrow(), "--reason", "ticket 17", policies[0].name)
    members[1].start()
    until(lambda: all(stored(members[1], each) for each in policies) and overrides(members[1]) == [policies[0].name], members)
    assert [each.policy.contacts for each in policies] == [1] * 5


def test_a_partition_heals(lab, redis, fleet):
    """Packets between the members and Redis are lost, without a word to either: each goes on alone, and when they arrive again both sides are
    the same."""
    server = redis(host="192.0.2.250")
    members = fleet(server, 2)
    cut = ["ip", "route", "add", "blackhole", "192.0.2.250/32", "table", "local"]
    apart = [domains.add_sts(lab, f"fleet-apart-{n}", ttl=300) for n in range(2)]
    subprocess.run(cut, check=True)
    try:
        assert [level(member, each.name) for member, each in zip(members, apart)] == ["secure"] * 2
        members[0].override("add", "--until", tomorrow(), "--reason", "ticket 19", apart[0].name)
        until(lambda: not any(is_up(member) for member in members), members)
        assert not stored(members[1], apart[0]) and overrides(members[1]) == []
    finally:
        subprocess.run([word if word != "add" else "del" for word in cut], check=True)
    until(lambda: all(stored(member, each) for member in members for each in apart), members, 40)
    until(lambda: overrides(members[1]) == [apart[0].name], members)


# Roots --------------------------------------------------------------------------------------------------------------------


def test_a_chain_that_one_has_seen_is_known_to_all(lab, redis, fleet):
    """So a change of root is noticed by a member that has never been there: on_change = defer holds the mail of that destination on each
    of them, and the word of the operator on one lets it go on all."""
    both = lab.certs.bundle.replace("lab-ca.pem", "fleet-cas.pem")
    with open(both, "wb") as file:
        for name in ("lab", "other"):
            file.write(lab.certs.authority(name).public_bytes(serialization.Encoding.PEM))
    domain = domains.add_sts(lab, "fleet-root")
    members = fleet(redis(), 2, sts=domains.QUICK, anchors={"roots": both},
                    **{'anchors "watched"': {"roots": both, "for": [domain.name], "on_change": "defer"}})
    assert level(members[0], domain.name) == "secure"
    until(lambda: all(sighted(member, domain) for member in members), members, what="the chain is not in every store")
    domain.policy.chain = lab.certs.issue("other", domain.policy.name)
    domain.set_policy("none")
    domain.set_record("2")
    for member in reversed(members):
        domains.ask_until(member, domain.name, lambda verdict: verdict["level"] == "defer")
        assert f"event=trust.held destination={domain.name} role=policy" in member.log()
    done = members[1].run_cli("trust", "accept", "--config", members[1].config, domain.name)
    assert done.returncode == 0, done.stderr
    for member in members:
        domains.ask_until(member, domain.name, lambda verdict: verdict["sts"]["mode"] == "none")


def test_a_chain_that_is_refused_here_is_not_believed(lab, redis, fleet, outrider):
    """LOCALITY: one member trusts a root that another does not. What it has seen under that root is nothing to the other."""
    server = redis()
    both = lab.certs.bundle.replace("lab-ca.pem", "fleet-more-cas.pem")
    with open(both, "wb") as file:
        for name in ("lab", "other"):
            file.write(lab.certs.authority(name).public_bytes(serialization.Encoding.PEM))
    (generous,) = fleet(server, 1, anchors={"roots": both})
    (strict,) = [outrider(redis=server.url(), fleet={"name": "strict"})]
    until(lambda: has_compared(strict), [strict])
    domain = domains.add_sts(lab, "fleet-strict", ttl=300, cert="other")
    assert level(generous, domain.name) == "secure"
    until(lambda: server.keys(f"outrider:r:sighting/{domain.name}/*"), [generous])
    until(lambda: stored(strict, domain), [generous, strict])
    assert not sighted(strict, domain)


# Hostile, and wrong -----------------------------------------------------------------------------------------------------------


def test_garbage_in_redis_does_no_harm(lab, redis, fleet):
    """BOUNDED: whatever somebody puts under our keys is refused, told, and what is known here goes on."""
    server = redis()
    members = fleet(server, 2)
    domain = domains.add_sts(lab, "fleet-garbage", ttl=300)
    assert level(members[0], domain.name) == "secure"
    key = f"outrider:r:policy/{domain.name}"
    until(lambda: server.command("GET", key), members)
    good = server.command("GET", key)
    garbage = [b"", b"\0" * 100, b"f" * 33, b"f" * 33 + b"\n" + good[34:].encode(), good.replace("enforce", "none").encode(),
               good.replace("at 1", "at 9").encode(), b"x" * 200000]
    for octets in garbage:
        server.command("SET", key, octets)
        number = server.command("INCR", "outrider:seq")
        server.command("ZADD", "outrider:index", number, f"policy/{domain.name}")
        server.command("ZADD", "outrider:index", number, "../../etc/passwd")
        server.command("ZADD", "outrider:index", "+inf", "policy/infinite.example", "-7", "policy/negative.example", "1.5", "half")
        server.command("PUBLISH", "outrider:news", "x")
    until(lambda: sum(status(member)["refused"] for member in members) >= 1, members)  # who is first removes it
    server.command("DEL", key)
    server.command("HSET", key, "a", "b")
    server.command("HSET", "outrider:members", "\x1b[31m", "x")
    assert [level(member, domain.name) for member in members] == ["secure"] * 2
    assert any("event=fleet.record.refused" in member.log() for member in members)
    other = domains.add_sts(lab, "fleet-after-garbage", ttl=300)
    assert [level(member, other.name) for member in members] == ["secure"] * 2
    assert other.policy.contacts == 1


def test_an_index_that_is_lost_is_made_again(lab, redis, fleet):
    """Redis has forgotten which records there are, and not the records: they are offered again, and a new member finds them."""
    server = redis()
    (first,) = fleet(server, 1)
    domain = domains.add_sts(lab, "fleet-index", ttl=300)
    assert level(first, domain.name) == "secure"
    until(lambda: server.keys("outrider:r:policy/*"), [first])
    server.command("DEL", "outrider:index", "outrider:seq")
    until(lambda: server.command("ZSCORE", "outrider:index", f"policy/{domain.name}"), [first], 40)


def test_an_older_policy_never_displaces_a_newer_one(lab, redis, fleet):
    """Somebody restores Redis from yesterday: what is here was fetched later, and is put back."""
    server = redis()
    members = fleet(server, 2, sts=domains.QUICK)
    domain = domains.add_sts(lab, "fleet-rollback")
    assert level(members[0], domain.name) == "secure"
    key = f"outrider:r:policy/{domain.name}"
    until(lambda: server.command("GET", key), members)
    old = server.command("GET", key)
    time.sleep(1.1)  # times are in seconds
    domain.set_policy("testing")
    domain.set_record("2")
    for member in members:
        domains.ask_until(member, domain.name, lambda verdict: verdict["level"] == "may")
    until(lambda: server.command("GET", key) != old, members)
    server.kill()
    server.start()
    server.command("SET", key, old, "PX", 1000000)
    until(lambda: "testing" in server.command("GET", key), members, 40)
    assert [level(member, domain.name) for member in members] == ["may"] * 2


def test_a_wrong_password_is_told_and_the_member_goes_on_alone(lab, redis, outrider):
    server = redis(password="right")
    daemon = outrider(redis=server.url(who=":wrong-secret@"), fleet={"name": "m"})
    until(lambda: "event=fleet.down" in daemon.log(), [daemon])
    assert "it refuses our user or password: WRONGPASS" in daemon.log()
    assert "wrong-secret" not in daemon.log()
    assert level(daemon, domains.add_sts(lab, "fleet-alone", ttl=300).name) == "secure"
    found = status(daemon)
    assert found["state"] != "up" and "WRONGPASS" in found["error"] and "wrong-secret" not in json.dumps(found)


# Ways to Redis ---------------------------------------------------------------------------------------------------------------------


ACL = "outrider on >s3cret resetkeys ~outrider:* resetchannels &outrider:* -@all +auth +select +ping +eval +mget +zrangebyscore " \
      "+subscribe +get +getrange +set +incr +zadd +zscore +zrevrange +publish +zrem +del +hget +hmget +hset +hdel +hincrby +hgetall +expire +pexpire +time"


def test_tls_with_a_password_from_a_file_and_the_least_rights(lab, redis, fleet):
    """rediss://, a user that may do what docs/fleet.md lists and nothing else, and a sandboxed daemon that reads the files at each connection."""
    server = redis(tls=lab.certs.issue("lab", "localhost"), users=[ACL])
    secret = write_secret("s3cret")
    url = f"rediss://outrider@localhost:{server.port}/0"
    members = fleet(server, 2, url=url, fleet={"password_file": secret, "ca": lab.certs.bundle})
    domain = domains.add_sts(lab, "fleet-tls", ttl=300)
    assert [level(member, domain.name) for member in members] == ["secure"] * 2
    assert domain.policy.contacts == 1
    members[0].override("add", "--until", tomorrow(), "--reason", "ticket 18", domain.name)
    until(lambda: overrides(members[1]) == [domain.name], members)
    assert "event=fleet.refused" not in members[0].log() + members[1].log()


def test_a_server_with_another_name_or_an_unknown_ca_is_refused(lab, redis, outrider):
    """Nothing that comes over such a connection is believed."""
    cases = {"other": "localhost", "lab": "elsewhere.example"}
    for issuer, name in cases.items():
        server = redis(tls=lab.certs.issue(issuer, name))
        daemon = outrider(redis=f"rediss://localhost:{server.port}/0", fleet={"name": "m", "ca": lab.certs.bundle})
        until(lambda: "its certificate is refused" in daemon.log(), [daemon])


def test_a_name_that_leads_nowhere(lab, outrider):
    """Told, and waited for by nobody."""
    daemon = outrider(redis="redis://no-such-name.example/0", fleet={"name": "m"})
    assert level(daemon, domains.add_sts(lab, "fleet-nowhere", ttl=300).name) == "secure"
    until(lambda: "the name no-such-name.example: " in daemon.log(), [daemon], 40)
    assert status(daemon)["state"] != "up"


def test_the_end_waits_for_no_name(lab, outrider):
    """Nobody resolves names for this machine, and a lookup is under way."""
    with lab.outage():
        daemon = outrider(redis="redis://redis.example/0", fleet={"name": "m"}, dns={"self_test": False})
        until(lambda: status(daemon)["state"] == "connecting", [daemon])
        began = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - began < 4


def test_a_unix_socket(lab, redis, fleet):
    server = redis(unix=True)
    members = fleet(server, 2, url=f"redis+unix://{server.socket}?db=2")
    domain = domains.add_sts(lab, "fleet-unix", ttl=300)
    assert [level(member, domain.name) for member in members] == ["secure"] * 2
    assert domain.policy.contacts == 1


def test_status_for_people(lab, redis, fleet, outrider):
    members = fleet(redis(), 2)
    until(lambda: len(status(members[0])["members"]) == 2, members)
    done = members[0].run_cli("fleet", "status", "--config", members[0].config)
    assert done.returncode == 0
    assert "member: m0" in done.stdout and " up\n" in done.stdout and "m1" in done.stdout
    alone = outrider()
    done = alone.run_cli("fleet", "status", "--config", alone.config)
    assert done.returncode == 65 and "there is no fleet" in done.stderr
