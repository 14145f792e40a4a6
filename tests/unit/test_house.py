"""The source itself is checked: who may import whom, what a pure core may touch, how large a module may grow.

A rule takes a module and returns its offences; `test_every_rule_catches_its_offence` shows that each can fail.
"""

import ast
import re
import tomllib
from collections.abc import Callable
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("actors", "bench", "gateway")
LINES_MAX = 450

SHELLS = {"actors.bootstrap"}
"""What is directly in `actors` and may touch the world; everything else there is deterministic."""
ENGINE_CORE = {f"actors.engine.{name}" for name in ("behaviour", "codec", "core", "errors", "frames", "lanes")}
PURE_CORES = {f"actors.{name}" for name in ("book", "ids", "ledger", "market", "messages", "status", "topology")}
PURE_CORES_MAY_IMPORT = {f"actors.{name}" for name in ("errors", "ids", "market", "messages", "topology")}
MONEY = {
    f"actors.{name}" for name in ("book", "ledger", "market", "matcher", "messages", "status", "tracker", "wallet")
}

DETERMINISTIC_LIBRARIES = {
    *("bisect", "collections", "dataclasses", "enum", "functools", "heapq", "itertools", "math", "operator"),
    *("struct", "types", "typing", "uuid", "zlib"),
    *("actors", "msgspec", "orjson"),
}
"""No threads, files, sockets, clocks or chance in any of these."""
NONDETERMINISTIC_CALLS = {"hash", "id", "input", "open", "print", "uuid1", "uuid4", "uuid.uuid1", "uuid.uuid4"}
UNPICKLERS = {"dill", "marshal", "pickle", "shelve"}
UNPICKLING_PIPES = {"Connection", "JoinableQueue", "Manager", "Pipe", "Queue", "SimpleQueue"}


class Module:
    """A module of the source, by its dotted name, with what the rules ask about it."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.lines = text.count("\n")
        self.nodes = list(ast.walk(ast.parse(text)))
        self.imports = {alias.name for node in self.nodes if isinstance(node, ast.Import) for alias in node.names}
        self.calls = {ast.unparse(node.func) for node in self.nodes if isinstance(node, ast.Call)}
        self.names = {node.id for node in self.nodes if isinstance(node, ast.Name)}
        self.names |= {node.attr for node in self.nodes if isinstance(node, ast.Attribute)}
        self.names |= {node.name for node in self.nodes if isinstance(node, ast.FunctionDef)}
        for node in self.nodes:
            if isinstance(node, ast.ImportFrom):
                assert node.module, f"{name} imports relatively"
                self.names |= {alias.name for alias in node.names}
                # `from package import module` is an import of the module as well.
                self.imports |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        self.roots = {imported.partition(".")[0] for imported in self.imports}

    @property
    def is_deterministic(self) -> bool:
        """Whether the same messages must always have the same effect here."""
        directly_in_actors = re.fullmatch(r"actors\.\w+", self.name) is not None and self.name != "actors.engine"
        return self.name in ENGINE_CORE or (directly_in_actors and self.name not in SHELLS)


def source() -> dict[str, Module]:
    modules = {}
    for path in sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        modules[name] = Module(name, path.read_text("utf-8"))
    return modules


MODULES = source()

Rule = Callable[[Module], set[str]]


def imports_run_one_way(module: Module) -> set[str]:
    """Gateway → actors → actors.engine; only a benchmark may import a benchmark, only a test a test."""
    forbidden = {"tests"}
    if not module.name.startswith("bench"):
        forbidden.add("bench")
    if module.name.startswith("actors"):
        forbidden.add("gateway")
    offences = module.roots & forbidden
    if module.name.startswith("actors.engine"):
        offences |= {imported for imported in module.imports if re.match(r"actors\.(?!engine\b)", imported)}
    return offences


def pure_cores_know_only_the_vocabulary(module: Module) -> set[str]:
    if module.name not in PURE_CORES:
        return set()
    return {
        imported
        for imported in module.imports
        if imported.startswith("actors.")
        and ".".join(imported.split(".")[:2]) not in PURE_CORES_MAY_IMPORT
        and not imported.startswith("actors.engine.errors")  # What the vocabulary of errors hands on.
    }


def behaviours_touch_nothing_outside(module: Module) -> set[str]:
    """No threads, files, sockets, clocks, chance or `hash()`, which differs from process to process."""
    if not module.is_deterministic:
        return set()
    return (module.roots - DETERMINISTIC_LIBRARIES) | (module.calls & NONDETERMINISTIC_CALLS)


def behaviours_do_not_follow_the_order_of_a_set(module: Module) -> set[str]:
    if not module.is_deterministic:
        return set()
    loops = (node.iter for node in module.nodes if isinstance(node, ast.For | ast.comprehension))
    return {
        ast.unparse(walked)
        for walked in loops
        if isinstance(walked, ast.Set | ast.SetComp)
        or (
            isinstance(walked, ast.Call)
            and isinstance(walked.func, ast.Name)
            and walked.func.id in {"set", "frozenset"}
        )
    }


def no_float_touches_money(module: Module) -> set[str]:
    if module.name not in MONEY:
        return set()
    literals = {
        repr(node.value) for node in module.nodes if isinstance(node, ast.Constant) and type(node.value) is float
    }
    divisions = {
        "/" for node in module.nodes if isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div)
    }
    return literals | divisions | (module.names & {"float", "round", "Decimal"})


def nothing_is_unpickled(module: Module) -> set[str]:
    offences = module.roots & UNPICKLERS
    if "multiprocessing" in module.roots:
        offences |= module.names & UNPICKLING_PIPES
    return offences


def only_the_mailbox_touches_the_hooks_of_pykka(module: Module) -> set[str]:
    if module.name == "actors.engine.mailbox":
        return set()
    inner = {imported for imported in module.imports if imported.startswith("pykka._")}
    return inner | (module.names & {"_create_actor_inbox"})


def modules_are_short(module: Module) -> set[str]:
    return {f"{module.lines} lines"} if module.lines > LINES_MAX else set()


RULES: tuple[Rule, ...] = (
    imports_run_one_way,
    pure_cores_know_only_the_vocabulary,
    behaviours_touch_nothing_outside,
    behaviours_do_not_follow_the_order_of_a_set,
    no_float_touches_money,
    nothing_is_unpickled,
    only_the_mailbox_touches_the_hooks_of_pykka,
    modules_are_short,
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_source_keeps_the_rule(rule: Rule) -> None:
    assert {"actors.messages", "actors.engine.behaviour", "gateway", "bench"} <= MODULES.keys()
    offences = {name: rule(module) for name, module in MODULES.items()}
    assert not {name: found for name, found in offences.items() if found}


@pytest.mark.parametrize(
    ("rule", "name", "text"),
    [
        (imports_run_one_way, "actors.wallet", "from gateway.config import Config"),
        (imports_run_one_way, "actors.engine.node", "from actors.messages import Message"),
        (imports_run_one_way, "actors.engine.node", "from actors import messages"),
        (imports_run_one_way, "gateway.app", "import bench.pipeline"),
        (imports_run_one_way, "gateway.app", "from tests.reference import book"),
        (imports_run_one_way, "bench.book", "from tests.reference import book"),
        (pure_cores_know_only_the_vocabulary, "actors.book", "from actors.wallet import Wallet"),
        (pure_cores_know_only_the_vocabulary, "actors.ledger", "from actors.engine import behaviour"),
        (behaviours_touch_nothing_outside, "actors.wallet", "import time"),
        (behaviours_touch_nothing_outside, "actors.engine.core", "from threading import Lock"),
        (behaviours_touch_nothing_outside, "actors.new_module", "import random"),
        (behaviours_touch_nothing_outside, "actors.ids", "import uuid\nuuid.uuid4()"),
        (behaviours_touch_nothing_outside, "actors.topology", "def f(a): return hash(a)"),
        (behaviours_do_not_follow_the_order_of_a_set, "actors.tracker", "for a in {1, 2}: pass"),
        (behaviours_do_not_follow_the_order_of_a_set, "actors.tracker", "[a for a in set(b)]"),
        (no_float_touches_money, "actors.ledger", "fee = 0.001"),
        (no_float_touches_money, "actors.ledger", "fee = amount / 1000"),
        (no_float_touches_money, "actors.ledger", "amount /= 2"),
        (no_float_touches_money, "actors.market", "float(text)"),
        (nothing_is_unpickled, "gateway.app", "import pickle"),
        (nothing_is_unpickled, "actors.engine.link", "from multiprocessing.connection import Connection"),
        (nothing_is_unpickled, "actors.engine.link", "import multiprocessing\nmultiprocessing.Queue()"),
        (only_the_mailbox_touches_the_hooks_of_pykka, "actors.wallet", "from pykka._envelope import Envelope"),
        (only_the_mailbox_touches_the_hooks_of_pykka, "actors.wallet", "def _create_actor_inbox(self): pass"),
        (modules_are_short, "gateway.app", "\n" * (LINES_MAX + 1)),
    ],
)
def test_every_rule_catches_its_offence(rule: Rule, name: str, text: str) -> None:
    assert rule(Module(name, text))


def test_no_module_imports_itself_through_others() -> None:
    TopologicalSorter({name: module.imports & MODULES.keys() - {name} for name, module in MODULES.items()}).prepare()


@pytest.mark.parametrize("path", sorted(ROOT.glob("[abg]*/**/__init__.py")), ids=lambda path: path.parent.name)
def test_a_package_only_says_what_it_is_and_what_it_exports(path: Path) -> None:
    docstring, *rest = ast.parse(path.read_text("utf-8")).body
    assert isinstance(docstring, ast.Expr)
    for statement in rest:
        assert isinstance(statement, ast.ImportFrom | ast.Assign)
        if isinstance(statement, ast.Assign):
            assert ast.unparse(statement.targets[0]) == "__all__"


def test_the_changelog_says_what_is_not_released_yet() -> None:
    assert "\n## [Unreleased]\n" in (ROOT / "CHANGELOG.md").read_text("utf-8")


LOCKED = ("build", "lint", "lock", "test", "tox", "types")
"""Dependency groups that are locked."""


def requirements_of(lock: str) -> set[str]:
    return set(re.findall(r"^[a-z0-9.-]+==[^ ]+", (ROOT / "requirements" / lock).read_text("utf-8"), re.MULTILINE))


@pytest.mark.parametrize("lock", ["run.txt", "tox.txt", "dev.txt"])
def test_a_lock_has_a_hash_for_everything_and_names_no_index(lock: str) -> None:
    text = (ROOT / "requirements" / lock).read_text("utf-8")
    assert not re.findall(r"https?://|file:|^-", text, re.MULTILINE)
    for requirement in re.split(r"\n(?=\w)", text[text.index("\n" + min(requirements_of(lock))) + 1 :]):
        assert " --hash=sha256:" in requirement, requirement


def test_the_locks_hold_all_that_the_project_asks_for_and_agree_with_each_other() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    groups = project["dependency-groups"]
    dev = requirements_of("dev.txt")
    assert requirements_of("run.txt") | requirements_of("tox.txt") <= dev
    asked = [*project["project"]["dependencies"], *(line for group in LOCKED for line in groups[group])]
    assert {re.split(r"[<>=;]", line)[0].strip() for line in asked} <= {line.split("==")[0] for line in dev}
