"""The house rules that a machine can hold us to. Each rule is a function from text to findings."""

import ast
import fnmatch
import io
import re
import tokenize
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src"
PACKAGE = SRC / "civitai_dl"
MAX_LINES = 400

Rule = Callable[[str], Iterator[tuple[int, str]]]
"""From the text of one file to (line, message) of each breach."""


# --- the tree


@cache
def text_files() -> tuple[Path, ...]:
    """Every text file of the checkout that .gitignore does not name; works without git, too."""
    ignored = [
        line.rstrip("/")
        for line in (ROOT / ".gitignore").read_text("utf-8").splitlines()
        if line and not line.startswith("#")
    ]

    def wanted(path: Path) -> bool:
        named = any(fnmatch.fnmatch(path.name, pattern) for pattern in [".git", *ignored])
        # Nor a virtual environment or an archive that somebody put here under a name of their own.
        foreign = (path / "pyvenv.cfg").exists() or (path / ".civitai-dl").exists()
        return not (named or foreign or path.is_symlink())

    def walk(folder: Path) -> Iterator[Path]:
        for path in sorted(folder.iterdir()):
            if not wanted(path):
                continue
            if path.is_dir():
                yield from walk(path)
            elif b"\0" not in path.read_bytes():
                yield path

    return tuple(walk(ROOT))


@cache
def text_of(path: Path) -> str:
    return path.read_text("utf-8", errors="replace")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def python_under(folder: Path) -> list[Path]:
    return [path for path in text_files() if path.suffix == ".py" and path.is_relative_to(folder)]


def breaches(rule: Rule, files: Iterable[Path]) -> list[str]:
    return [f"{name_of(path)}:{line}: {why}" for path in files for line, why in applied(rule, path)]


def applied(rule: Rule, path: Path) -> list[tuple[int, str]]:
    try:
        return list(rule(text_of(path)))
    except SyntaxError as error:
        return [(error.lineno or 1, error.msg)]


def hold(found: list[str]) -> None:
    if found:
        pytest.fail("\n" + "\n".join(found), pytrace=False)


def comments(text: str) -> Iterator[tuple[int, str]]:
    """The comments of one module, told apart from strings that look like them."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def line_of(node: ast.AST) -> int:
    return int(getattr(node, "lineno", 1))


# --- the rules

_CODES = r"[A-Z]+[0-9]+(?:,\s*[A-Z]+[0-9]+)*"
_DIRECTIVE = re.compile(rf"noqa(:\s*{_CODES})?|type:\s*ignore(\[[^]]*\])?|pragma: no \w+")
_IGNORE = re.compile(r"type:\s*ignore(?P<codes>\[[\w, -]+\])?(?P<rest>.*)")
_NOQA = re.compile(rf"\bnoqa\b(?!:\s*{_CODES})", re.IGNORECASE)


def says_something(comment: str) -> bool:
    """Whether words are left when the directives to tools are taken out."""
    return bool(re.search(r"\w{2}", _DIRECTIVE.sub("", comment)))


def ignores_without_reason(text: str) -> Iterator[tuple[int, str]]:
    for line, comment in comments(text):
        if (found := _IGNORE.search(comment)) is None:
            continue
        if not found["codes"]:
            yield line, "`type: ignore` names no code: write `# type: ignore[code]  # reason`"
        elif not says_something(found["rest"]):
            yield line, "`type: ignore` gives no reason: add `# reason` after it"


def noqa_without_code(text: str) -> Iterator[tuple[int, str]]:
    for line, comment in comments(text):
        if _NOQA.search(comment):
            yield line, "`noqa` names no code: write `# noqa: CODE`"


def broad_excepts(text: str) -> Iterator[tuple[int, str]]:
    reasons = {line for line, comment in comments(text) if says_something(comment)}
    lines = text.splitlines()
    # A comment line just above or just below the `except` counts as well as one beside it.
    alone = {line for line in reasons if lines[line - 1].lstrip().startswith("#")}
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.ExceptHandler):
            continue
        caught = ast.unparse(node.type) if node.type else "BaseException"
        explained = node.lineno in reasons or {node.lineno - 1, node.lineno + 1} & alone
        if re.search(r"\b(Base)?Exception\b", caught) and not explained:
            yield node.lineno, "catches everything without a comment that says why"


_ORPHANING = re.compile(r"\basyncio\.gather$|(^|\.)(create_task|ensure_future)$")


def orphan_tasks(text: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(text)):
        names = [ast.unparse(node)] if isinstance(node, ast.Attribute) else []
        if isinstance(node, ast.ImportFrom) and node.module == "asyncio":
            names = [f"asyncio.{alias.name}" for alias in node.names]
        for name in filter(_ORPHANING.search, names):
            yield line_of(node), f"{name}: every task has a parent (anyio.create_task_group)"


def module_without_docstring(text: str) -> Iterator[tuple[int, str]]:
    if not ast.get_docstring(ast.parse(text)):
        yield 1, "the module has no docstring"


def too_long(text: str) -> Iterator[tuple[int, str]]:
    count = len(text.splitlines())
    if count > MAX_LINES:
        yield count, f"{count} lines; split it along a question it answers (limit {MAX_LINES})"


_PURE = (
    "__future__ abc base64 binascii bisect calendar collections copy dataclasses datetime "
    "decimal difflib enum fractions functools hashlib heapq html ipaddress itertools json "
    "keyword math numbers operator re string struct textwrap types typing unicodedata "
    "urllib.parse zlib"
)
PURE = frozenset(_PURE.split())
"""What the domain may import: modules that compute, and read no clock, dice, disk or network."""
_EFFECT = re.compile(r"^(open|print|input)$|\bdate(time)?\.(now|utcnow|today)$")


def imported(node: ast.AST) -> list[str]:
    """The absolute names of the modules that a statement imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.level == 0:
        if node.module == "urllib":
            return [f"urllib.{alias.name}" for alias in node.names]
        return [node.module or ""]
    return []


def impurities(text: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(text)):
        for module in imported(node):
            ours = re.match(r"civitai_dl\.(domain|errors)(\.|$)", module)
            if not ours and not {module, module.split(".")[0]} & PURE:
                yield line_of(node), f"imports {module}, which is not on the list of pure modules"
        if isinstance(node, ast.Call) and _EFFECT.search(called := ast.unparse(node.func)):
            yield line_of(node), f"{called}() in the domain, which is handed what it must know"


# Built from pieces, so that this file does not hold what it forbids.
_HOSTS = ("pypi" + ".org", "python" + "hosted.org", "npm" + "js.", "deb." + "debian.org")
_PLACES = (
    r"/r" + r"oot/",
    r"/wo" + r"rk/",
    r"/ho" + r"me/(?!you\b|me\b|user\b|USER\b|<)\w",
    r"/Us" + r"ers/(?!you\b|me\b|user\b|USER\b|<)[A-Z]?[a-z]+/",
    r"\b[A-Z]:\\+Us" + r"ers\\+(?!you\b|me\b|user\b|USER\b|<)\w",
    r"/opt/wh" + r"eels",
    r"\.py" + r"env\b",
    r"/private/va" + r"r/|/va" + r"r/folders/",
)
_FOREIGN = re.compile(
    "|".join([*map(re.escape, _HOSTS), *(rf"(?<![\w.~]){place}" for place in _PLACES)])
)


def machine_facts(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        for found in _FOREIGN.finditer(line):
            yield number, f"{found[0]!r} names one machine, or a package registry"


NOT_SECRET = "not a secret:"
"""Written with a reason on a line that only looks like one."""
_KEYS = {
    "a Civitai key": r"\bcivitai_[0-9a-f]{16,}\b",
    "an AWS access key": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "a GitHub token": r"\b(?:gh[pousr]_|github_pat_)\w{20,}",
    "a Hugging Face token": r"\bhf_[A-Za-z0-9]{30,}\b",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE" + r" KEY-----",
    "a bearer token": r"\bBearer [A-Za-z0-9._~+/-]{24,}",
    "a signature": r"X-Amz-(?:Signature|Security-Token)=[\w%]{32,}",
}
# 32 is a Civitai API key, 40 a token of many services. A digest of 64 is public by nature.
_LONG_HEX = re.compile(r"(?<![0-9A-Za-z_-])(?:[0-9a-f]{32,63}|[0-9A-F]{32,63})(?![0-9A-Za-z_-])")


def _invented(hexadecimal: str) -> bool:
    """Whether it is plainly made up: few digits, a short run repeated, or all of them in order."""
    low = hexadecimal.lower()
    return len(set(low)) <= 4 or low[:8] in low[8:] or "0123456789" in low


def obvious_keys(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        if NOT_SECRET in line:
            continue
        for kind, pattern in _KEYS.items():
            if re.search(pattern, line):
                yield number, f"looks like {kind}; if it is none, add `{NOT_SECRET} <why>`"


def long_hex(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        if NOT_SECRET not in line and any(not _invented(hit) for hit in _LONG_HEX.findall(line)):
            yield number, f"a long hexadecimal; if it is no key, add `{NOT_SECRET} <why>`"


# --- the rules, held against this checkout


def test_no_module_is_longer_than_a_reader_can_hold() -> None:
    """A module under src has at most 400 lines."""
    hold(breaches(too_long, python_under(SRC)))


def test_no_module_is_named_after_nothing() -> None:
    """No module is called `utils` or the like: a name says which question is answered there."""
    vague = {"utils", "util", "misc", "common"}
    hold(
        [
            f"{name_of(path)}:1: the name says nothing; name the question it answers"
            for path in python_under(PACKAGE)
            if vague & {part.strip("_") for part in path.relative_to(SRC).with_suffix("").parts}
        ]
    )


def test_every_module_says_what_it_is_for() -> None:
    """Every module under src begins with a docstring."""
    hold(breaches(module_without_docstring, python_under(SRC)))


def test_a_type_is_ignored_only_for_a_reason() -> None:
    """Every `type: ignore` has a code and a reason."""
    hold(breaches(ignores_without_reason, python_under(ROOT)))


def test_a_lint_rule_is_ignored_only_by_name() -> None:
    """Every `noqa` has a code."""
    hold(breaches(noqa_without_code, python_under(ROOT)))


def test_nothing_catches_everything_in_silence() -> None:
    """An `except` that catches everything says beside it why it must."""
    hold(breaches(broad_excepts, python_under(SRC)))


def test_every_task_has_a_parent() -> None:
    """No task is started outside a task group, except in the fake service of civitai_dl.testing."""
    testing = PACKAGE / "testing"
    hold(breaches(orphan_tasks, [p for p in python_under(SRC) if not p.is_relative_to(testing)]))


def test_the_domain_computes_and_does_nothing_else() -> None:
    """A domain module imports only modules without effects, and asks no clock."""
    hold(breaches(impurities, python_under(PACKAGE / "domain")))


def test_the_tree_knows_no_machine() -> None:
    """No text file names a path of somebody's machine or the host of a package registry."""
    hold(breaches(machine_facts, text_files()))


def test_no_secret_is_kept_anywhere() -> None:
    """No text file holds what has the shape of a well-known kind of key."""
    hold(breaches(obvious_keys, text_files()))


def test_no_secret_hides_as_a_number() -> None:
    """No long hexadecimal stands outside tests, where digests of invented files are at home."""
    files = [path for path in text_files() if not path.is_relative_to(ROOT / "tests")]
    hold(breaches(long_hex, files))


def test_each_decision_is_recorded_in_full() -> None:
    """An ADR has Status, Context, Decision, Consequences, in this order; no number is left out."""
    records = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
    found = []
    for number, record in enumerate(records, 1):
        if not re.fullmatch(rf"{number:04}-[a-z0-9-]+\.md", record.name):
            found.append(f"{name_of(record)}:1: expected {number:04}-some-words.md at this place")
        headings = re.findall(r"^##\s+(\w+)", text_of(record), re.MULTILINE)
        sections = [h for h in headings if h in {"Status", "Context", "Decision", "Consequences"}]
        if sections != ["Status", "Context", "Decision", "Consequences"]:
            found.append(f"{name_of(record)}:1: its sections are {', '.join(headings) or 'none'}")
    hold(found)


def test_a_commit_is_checked_by_the_list_that_make_check_runs() -> None:
    """The pre-commit hooks are the Makefile's CHECKS: same names, same order, same commands."""
    listed = re.search(r"^CHECKS := (.+)$", text_of(ROOT / "Makefile"), re.MULTILINE)
    hooks = text_of(ROOT / ".pre-commit-config.yaml")
    assert listed is not None, "Makefile: no line `CHECKS := ...`"
    names = listed[1].split()
    assert names == re.findall(r"^ +- id: (\S+)$", hooks, re.MULTILINE)
    assert names == re.findall(r"^ +entry: make --silent check-(\S+)$", hooks, re.MULTILINE)


# --- the rules, held against code that breaks them (else a rule could sleep)

_TRY = "try:\n    x\n"
BREACHES: list[tuple[Rule, str]] = [
    (too_long, "x = 1\n" * 401),
    (module_without_docstring, "x = 1\n"),
    (ignores_without_reason, "x = 1  # type: " + "ignore\n"),
    (ignores_without_reason, "x = 1  # type: " + "ignore[misc]\n"),
    (noqa_without_code, "import os  # no" + "qa\n"),
    (broad_excepts, _TRY + "except Exception:\n    pass\n"),
    (broad_excepts, _TRY + "except:  # no" + "qa: E722\n    pass\n"),
    (broad_excepts, _TRY + "except (OSError, BaseException):\n    raise\n"),
    (orphan_tasks, "import asyncio\nasyncio.create_task(f())\n"),
    (orphan_tasks, "from asyncio import gather\n"),
    (orphan_tasks, "loop.create_task(f())\n"),
    (impurities, "import time\n"),
    (impurities, "from civitai_dl.ports import Clock\n"),
    (impurities, "from urllib import request\n"),
    (impurities, "import datetime\nnow = datetime.datetime.now()\n"),
    (impurities, "text = open('x').read()\n"),
    (machine_facts, "see /r" + "oot/notes\n"),
    (machine_facts, "see /ho" + "me/jane/notes\n"),
    (machine_facts, "https://" + "pypi" + ".org/simple\n"),
    (obvious_keys, "key = AKIA" + "IOSFODNN7EXAMPLE\n"),
    (obvious_keys, "key = civitai_" + "8f3b21c09d7e44a5\n"),
    (long_hex, "token = '8f3b21c09d7e44a5" + "b6a1d0f2c3e49785'\n"),
]

CLEAN: list[tuple[Rule, str]] = [
    (too_long, "x = 1\n" * 400),
    (ignores_without_reason, "x = 1  # type: " + "ignore[misc]  # the stub is wrong\n"),
    (ignores_without_reason, "x = 'type: " + "ignore'\n"),
    (noqa_without_code, "import os  # no" + "qa: F401\n"),
    (broad_excepts, _TRY + "except BaseException:  # give it back, then let it rise\n    raise\n"),
    (broad_excepts, _TRY + "except Exception:  # no" + "qa: BLE001 shown to the user\n    f()\n"),
    (broad_excepts, _TRY + "except Exception:\n    # told to the user as it is\n    raise\n"),
    (orphan_tasks, "async with anyio.create_task_group() as group:\n    group.start_soon(f)\n"),
    (impurities, "from urllib.parse import quote\nfrom civitai_dl.domain.entities import File\n"),
    (impurities, "from ._ids import ModelId\nlater = now + wait\n"),
    (machine_facts, "Put it in /home/you/models, ~/works/models or https://example.org/works/x.\n"),
    (long_hex, "sha256 = '" + "8f3b21c09d7e44a5" * 4 + "'\nkey = '" + "0" * 32 + "'\n"),
    (long_hex, "tag = '8f3b21c09d7e44a5" + "b6a1d0f2c3e49785'  # not a secret: an ETag\n"),
]


@pytest.mark.parametrize(("rule", "text"), BREACHES)
def test_each_rule_wakes_at_a_breach(rule: Rule, text: str) -> None:
    """Each rule finds a small text that breaks it."""
    assert list(rule(text))


@pytest.mark.parametrize(("rule", "text"), CLEAN)
def test_each_rule_sleeps_at_what_it_allows(rule: Rule, text: str) -> None:
    """No rule cries out at a small text that keeps to it."""
    assert list(rule(text)) == []


def test_no_two_modules_of_tests_have_one_name():
    """Modules that pytest imports by their base name alone would shadow each other."""
    places: dict[str, list[str]] = {}
    for path in text_files():
        if path.suffix == ".py" and "tests" in path.parts and path.name != "conftest.py":
            places.setdefault(path.name, []).append(name_of(path))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}
