"""The manual pages and the README against the code: settings, options, defaults, targets. Needs neither root nor network.

Tests that ask the programs for their --help are skipped by name while nothing is built.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("OUTRIDER_BUILD", ROOT / "build")).resolve()
PAGES = sorted((ROOT / "man").glob("*.[1-8]"))
ANYTHING = ""  # a preset that is empty or a list without members: the manual says in words what happens then


# --- the table of settings, read from schema.c ------------------------------------------------------------------


def schema():
    """{(section, name): [words of the default]}; the stub section, gathered in read.c, has no row in the table."""
    text = (ROOT / "daemon/conf/schema.c").read_text()
    arrays = {name: re.findall(r'"([^"]*)"', words)
              for name, words in re.findall(r"static const char \*const (\w+)\[\] = \{(.*?)\};", text, re.S)}
    table = text[text.index("otr_settings[] = {"):text.index("otr_setting_count")]
    rows = re.findall(r'^ +(?:(NUMBER|FLAG|CHOICE|WORD|LIST)\(|\{ )"(\w*)", "(\w+)", (.*?)(?:\)| \}),$', table, re.M)
    found = {}
    for kind, section, name, rest in rows:
        presets = arrays[rest.split(", ")[-1]] if kind == "LIST" else [re.findall(r'"([^"]*)"', rest)[-1]]
        found[section, name] = presets
    assert len(found) == len(re.findall(r'^ +[A-Z{][^\n]*"', table, re.M)), "a row of the table was not understood"
    return found


SCHEMA = schema()


def plain(mdoc):
    """mdoc as words: macros without their names."""
    macros = r"\b(?:Pa|Cm|Dq|Qq|Ar|Ic|Sq|No|Brq|Xr|Fl|Li|Nm|Op|Pq|Dv|Qo|Qc)\b ?"
    lines = [re.sub(macros, "", line[1:]) if line.startswith(".") else line for line in mdoc.splitlines()]
    return re.sub(r"\s+", " ", " ".join(lines)).strip()


def documented_settings():
    """{(section, name): its text} of outrider.conf(5)."""
    page = (ROOT / "man/outrider.conf.5").read_text()
    found = {}
    for part in page.split("\n.Ss ")[1:]:
        heading, _, body = part.partition("\n")
        section = "" if heading == "Top level" else heading.split()[0]
        for item in re.split(r"^\.It ", body.split("\n.Sh ")[0], flags=re.M)[1:]:
            name = re.match(r"Ic (\w+)", item)[1]
            assert (section, name) not in found, f"{section}.{name} is documented twice"
            found[section, name] = plain(item.split("\n.El")[0].partition("\n")[2])
    return found


def test_every_setting_is_documented_and_nothing_else():
    documented = set(documented_settings()) - {("dns", "stub")}
    assert documented == set(SCHEMA)
    assert ("dns", "stub") in documented_settings()


@pytest.mark.parametrize("section, name", list(SCHEMA), ids=[".".join(filter(None, key)) for key in SCHEMA])
def test_the_manual_gives_the_default(section, name):
    text = documented_settings()[section, name]
    for preset in SCHEMA[section, name] or [ANYTHING]:
        value = re.escape(preset)
        assert re.search(rf"(Default: [^.]*?|Default: (.* )?){value}( |\.|,|$)|(^|[ .]){value} \(default\)", text), \
            f"default {preset!r} is not in: {text}"


# --- options ---------------------------------------------------------------------------------------------------


def help_of(program, *words):
    path = BUILD / program
    if not path.exists():
        pytest.skip(f"{path} is not built")
    return subprocess.run([path, *words, "--help"], capture_output=True, text=True, check=True, timeout=20).stdout


def long_options(text):
    return set(re.findall(r"(?<![\w-])--([a-z]+)", text))


def commands():
    """As `outrider --help` lists them."""
    return [tuple(words.split()) for words in re.findall(r"^  (\S+(?: \S+)?)  +\S", help_of("outrider"), re.M)]


def manual_of(page, section):
    """The lines of one .Sh."""
    text = (ROOT / "man" / page).read_text()
    return text.split(f"\n.Sh {section}\n")[1].split("\n.Sh ")[0]


def synopses():
    """{command: its lines} of outrider(1)."""
    parts = re.split(r"^\.Nm\n", manual_of("outrider.1", "SYNOPSIS"), flags=re.M)
    return {tuple(re.match(r"\.Cm (.*)", part)[1].split()): part for part in parts if part}


def descriptions():
    """{command: its .Ss} of outrider(1)."""
    parts = manual_of("outrider.1", "DESCRIPTION").split("\n.Ss outrider ")[1:]
    return {tuple(part.partition("\n")[0].split()): part for part in parts}


def test_every_command_has_a_synopsis_and_a_description():
    assert list(synopses()) == commands()
    assert list(descriptions()) == commands()


def test_options_of_each_command():
    common = {"json", "help"}  # described once, for all commands
    for command in commands():
        taken = long_options(help_of("outrider", *command))
        in_synopsis = {option for option in re.findall(r"Fl -([a-z]+)", synopses()[command])}
        described = {option for option in re.findall(r"Fl -([a-z]+)", descriptions()[command])}
        assert common <= taken, command
        assert in_synopsis == taken - {"help"}, command
        assert described >= taken - common, command
        assert described <= taken, command


def test_short_options_are_those_of_help():
    """"-e, --explain" in --help is ".It Fl e , Fl -explain" in the manual."""
    for command in commands():
        offered = set(re.findall(r"^  -(\w), --(\w+)", help_of("outrider", *command), re.M)) - {("h", "help")}
        assert set(re.findall(r"^\.It Fl (\w) , Fl -(\w+)", descriptions()[command], re.M)) == offered, command


def test_options_of_the_daemon():
    offered = set(re.findall(r"^ +(?:-(\w), )?--(\w+)", help_of("outriderd"), re.M))
    documented = set(re.findall(r"^\.It (?:Fl (\w) , )?Fl -(\w+)", manual_of("outriderd.8", "DESCRIPTION"), re.M))
    assert documented == offered


def test_exit_statuses_are_in_the_manual():
    documented = set(re.findall(r"^\.It (\d+)$", manual_of("outrider.1", "EXIT STATUS"), re.M))
    for command in commands():
        summary = help_of("outrider", *command).partition("Exit status:")[2]
        named = set(re.findall(r"(?:^|[ ,])(\d+) ", summary))
        assert named and named <= documented, command


# --- form ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_mandoc_has_nothing_to_warn_of(page):
    if shutil.which("mandoc") is None:
        pytest.skip("mandoc is not installed")
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", page], capture_output=True, text=True, timeout=20)
    assert done.stdout == "" and done.returncode == 0


# --- README ----------------------------------------------------------------------------------------------------


def targets():
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))


def test_the_commands_of_the_readme_exist():
    readme = (ROOT / "README.md").read_text()
    named = set(re.findall(r"(?:^ {4}|`)make ([a-z]+)", readme, re.M))
    assert {"demo", "test"} <= named <= targets()
    for used in re.findall(r"^ +(?:build/)?outrider ([a-z]+(?: [a-z][a-z-]*)?)", readme, re.M):
        assert any(used == " ".join(c) or used.split()[0] == c[0] == " ".join(c) for c in commands()), used


def test_what_the_readme_points_to_exists():
    for path in ("README.md", *(f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md"))):
        folder = (ROOT / path).parent
        for target in re.findall(r"\]\(([^)#:]+)\)", (ROOT / path).read_text()):
            assert (folder / target).exists(), f"{path} points to {target}"
    for target in re.findall(r"`((?:integration|tools|docs|man)/[\w./-]+)`", (ROOT / "README.md").read_text()):
        assert (ROOT / target).exists(), target


def files_of_the_project():
    if (ROOT / ".git").exists() and shutil.which("git"):
        listed = subprocess.run(["git", "-c", "safe.directory=*", "-C", ROOT, "ls-files", "-z", "--cached", "--others",
                                 "--exclude-standard"], capture_output=True, check=True, timeout=20).stdout
        return [ROOT / os.fsdecode(name) for name in listed.split(b"\0") if name]
    return [path for path in ROOT.rglob("*") if path.is_file() and not path.parts[len(ROOT.parts)].startswith("build")]


def test_no_file_names_a_place_of_work():
    """Whoever has this tree has nothing else: no file may lean on the folder where somebody wrote it."""
    places = [b"/" + b"work/", b"../" + b"shared", b"/tmp/" + b"wt"]
    found = [(path.relative_to(ROOT), place) for path in files_of_the_project() if path.is_file()
             for place in places if place in path.read_bytes()]
    assert found == []
