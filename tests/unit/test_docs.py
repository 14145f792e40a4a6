"""The documents are held against the code: what they name exists, and what a user needs to know is in them."""

import argparse
import re
import shlex
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import pytest

from actors import messages
from actors.door import DoorLimits
from actors.engine.core import Limits
from actors.ledger import Ledger
from actors.market import Market, format_decimal
from actors.messages import MarketDefinedEvent, OrderCreateEvent, OrderType, Party, Reason, Side, TimeInForce
from actors.status import OrderStatus
from actors.topology import Topology
from gateway.cli import _make_parser
from gateway.config import (
    DEFAULT_ASSETS,
    DEFAULT_MARKETS,
    SCALARS,
    ConfigurationFile,
    GatewaySection,
    LimitsSection,
    Scalar,
    VenueSection,
    load_settings,
)
from gateway.openapi import openapi_document
from gateway.problems import PROBLEMS

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
READMES = (ROOT / "README.md", ROOT / "README.zh-TW.md")
API, ARCHITECTURE, CONFIGURATION = (
    (ROOT / f"docs/{name}.md").read_text(encoding="utf-8") for name in ("api", "architecture", "configuration")
)

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)
COMMAND = re.compile(r"(?:^\$ |`)(?:\.venv/bin/)?(tradepost [^`\n]+)", re.MULTILINE)
ACTOR = re.compile(r"\b(?:tracker|wallet|matcher|gateway)-\d+\b")
MESSAGE = re.compile(r"\b[A-Z][A-Za-z]+Event\b")


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def prose(text: str) -> str:
    """Return a document without its code blocks."""
    return BLOCK.sub("", text)


def blocks(text: str, language: str) -> list[str]:
    return [body for found, body in BLOCK.findall(text) if found == language]


def rows(text: str) -> Iterator[list[str]]:
    """Return the cells of every line of a table."""
    for line in prose(text).splitlines():
        if line.startswith("| "):
            yield [cell.strip() for cell in line.strip("|").split(" | ")]


def names(text: str) -> set[str]:
    """Return what stands between backquotes."""
    return set(INLINE.findall(prose(text)))


def anchors(text: str) -> set[str]:
    """Return the anchors that a reader of the repository gets for its headings."""
    titles = (title.replace("`", "").lower() for _, title in HEADING.findall(prose(text)))
    return {re.sub(r"[^\w\- ]", "", title).strip().replace(" ", "-") for title in titles}


def by_name(path: Path) -> str:
    return str(path.relative_to(ROOT))


# Links, files, commands


@pytest.mark.parametrize("document", DOCUMENTS, ids=by_name)
def test_every_link_to_a_file_and_to_a_heading_leads_there(document: Path) -> None:
    lost = []
    for target in LINK.findall(prose(read(document))):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        path = document.parent / name if name else document
        if not path.exists() or (anchor and anchor not in anchors(read(path))):
            lost.append(target)
    assert lost == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=by_name)
def test_every_source_file_that_is_named_exists(document: Path) -> None:
    named = {name for name in names(read(document)) if re.match(r"(actors|bench|docs|gateway|tests)/[\w/.*-]*$", name)}
    # A decision stays as it was written, also when what it speaks of has moved on.
    assert document.parent.name == "decisions" or {name for name in named if not list(ROOT.glob(name))} == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=by_name)
def test_every_command_parses(document: Path) -> None:
    assert [line for line in COMMAND.findall(read(document)) if not parses(line)] == []


def parses(command: str) -> bool:
    """Whether the command line takes this; `--help` and `--version` end well."""
    try:
        _make_parser().parse_args(shlex.split(command, comments=True)[1:])
    except SystemExit as end:
        return end.code == 0
    return True


def test_commands_are_found_in_text_and_in_transcripts() -> None:
    text = "Use `tradepost serve --port 0`:\n```console\n$ .venv/bin/tradepost demo --once\n```\n"
    assert COMMAND.findall(text) == ["tradepost serve --port 0", "tradepost demo --once"]


# The README in two languages


def test_both_readmes_have_the_same_code_blocks() -> None:
    english, chinese = (BLOCK.findall(read(path)) for path in READMES)
    assert english == chinese


def test_both_readmes_have_the_same_sections_tables_and_links() -> None:
    shapes = []
    for path in READMES:
        text = prose(read(path))
        links = {link for link in LINK.findall(text) if not link.startswith("README")}
        shapes.append(([level for level, _ in HEADING.findall(text)], [row[0] for row in rows(text)][1:], links))
    assert shapes[0] == shapes[1]


# Pictures


@pytest.mark.parametrize("document", [READMES[0], ROOT / "docs/architecture.md"], ids=by_name)
def test_pictures_name_real_actors_and_messages(document: Path) -> None:
    pictures = "\n".join(blocks(read(document), "mermaid"))
    possible = Topology(2, 2, 1)
    actors = {*possible.wallet_names, *possible.matcher_names, *possible.tracker_names}
    drawn = set(ACTOR.findall(pictures))
    assert drawn <= actors | {"gateway-0"}
    default = Topology()
    assert {*default.wallet_names, *default.matcher_names, *default.tracker_names, "gateway-0"} <= drawn
    assert [name for name in MESSAGE.findall(pictures) if not hasattr(messages, name)] == []


def test_the_picture_of_states_has_all_of_them() -> None:
    (picture,) = [block for block in blocks(ARCHITECTURE, "mermaid") if block.startswith("stateDiagram")]
    assert set(re.findall(r"\b[A-Z_]{5,}\b", picture)) == set(OrderStatus)


def test_every_message_has_its_road() -> None:
    types = {
        name
        for name, value in vars(messages).items()
        if isinstance(value, type) and issubclass(value, messages.Message) and value is not messages.Message
    }
    assert types - names(ARCHITECTURE) == set()


# The API


def test_the_table_of_problems_is_that_of_the_code() -> None:
    table = {
        row[1].strip("`"): (int(row[0]), row[2])
        for row in rows(API)
        if len(row) == 4 and re.fullmatch(r"\d{3}", row[0])
    }
    assert table == {code: (kind.status, kind.title) for code, kind in PROBLEMS.items()}


def test_every_problem_that_is_shown_has_its_status_and_title() -> None:
    shown = [
        msgspec.json.decode(text) for text in re.findall(r'^\{\n  "type": "urn.*?^\}', API, re.MULTILINE | re.DOTALL)
    ]
    assert shown
    for document in shown:
        kind = PROBLEMS[document["code"]]
        assert (document["status"], document["title"]) == (kind.status, kind.title)


def test_every_call_is_described() -> None:
    described = {name.partition("?")[0] for name in names(API)}
    calls = {f"{method.upper()} {path}" for path, methods in openapi_document()["paths"].items() for method in methods}
    posts = {f"POST /v1/admin/accounts/{{account}}/{kind}" for kind in ("deposits", "withdrawals")}
    assert calls - described == set()
    assert posts <= calls


@pytest.mark.parametrize("words", [OrderStatus, Reason])
def test_every_status_and_reason_is_explained(words: type[OrderStatus] | type[Reason]) -> None:
    assert {str(word) for word in words} - names(API) == set()


# Settings and limits


def options(parser: argparse.ArgumentParser) -> set[str]:
    """Return the long options of a parser and of all its commands."""
    found: set[str] = set()
    for action in parser._actions:
        found |= {option for option in action.option_strings if option.startswith("--")}
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                found |= options(command)
    return found


def test_every_flag_is_documented() -> None:
    text = " ".join(INLINE.findall(CONFIGURATION))
    assert {flag for flag in options(_make_parser()) if not re.search(rf"{flag}\b", text)} == set()


def default_of(scalar: Scalar) -> str:
    section = {"venue": VenueSection(), "gateway": GatewaySection(), "limits": LimitsSection()}[scalar.section]
    return str(getattr(section, scalar.name))


def test_the_table_of_settings_is_that_of_the_code() -> None:
    table = [row for row in rows(CONFIGURATION) if row[0].startswith("`--")]
    assert table == [
        [f"`{s.flag}`", f"`{s.variable}`", f"`[{s.section}] {s.name}`", f"`{default_of(s)}`", s.help] for s in SCALARS
    ]


def test_every_environment_variable_is_documented() -> None:
    sources = [
        path.read_text(encoding="utf-8") for folder in ("actors", "gateway") for path in ROOT.glob(f"{folder}/**/*.py")
    ]
    variables = {name for text in sources for name in re.findall(r"TRADEPOST_[A-Z_]+[A-Z]", text)}
    assert "TRADEPOST_LOG_LEVEL" in variables
    assert variables - {"TRADEPOST_NAME"} - names(CONFIGURATION) == set()


def test_the_file_that_is_shown_says_what_holds_without_it(tmp_path: Path) -> None:
    (shown,) = blocks(CONFIGURATION, "toml")
    file = msgspec.convert(tomllib.loads(shown), ConfigurationFile)
    assert file == ConfigurationFile(assets=DEFAULT_ASSETS, markets=DEFAULT_MARKETS)
    path = tmp_path / "tradepost.toml"
    path.write_text(shown, encoding="utf-8")
    assert load_settings({}, {}, str(path)) == load_settings({}, {"TRADEPOST_CONFIG": "/dev/null"})


def maxima() -> dict[str, int]:
    """Return every named maximum of the source with its value."""
    found: dict[str, int] = {}
    for folder in ("actors", "gateway"):
        for path in ROOT.glob(f"{folder}/**/*.py"):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            if "demo" in path.parts or path.name in ("__init__.py", "__main__.py"):
                continue
            constants: dict[str, Any] = vars(import_module(name))
            found |= {key: value for key, value in constants.items() if re.fullmatch(r"[A-Z][A-Z_]*_MAX(_S)?", key)}
    structs = (Limits(), DoorLimits(), LimitsSection(), GatewaySection())
    for struct in structs:
        found |= {k: v for k, v in msgspec.structs.asdict(struct).items() if k.endswith(("_max", "_mark"))}
    return found


def test_every_named_maximum_is_in_the_table_of_limits_with_its_value() -> None:
    table = {
        row[0].strip("`"): int(row[1].replace(",", ""))
        for row in rows(ARCHITECTURE)
        if len(row) == 3 and re.fullmatch(r"[\d,]+", row[1])
    }
    assert table == maxima()


# Money


def test_the_example_of_two_wallets_is_what_two_ledgers_say() -> None:
    settings = load_settings({}, {"TRADEPOST_CONFIG": "/dev/null"})
    market = Market(settings.venue.markets[0])
    definition: MarketDefinedEvent = market.definition
    bobs, alices = Ledger(), Ledger()
    alices.deposit("alice", "BTC", 2 * 10**8)
    bobs.deposit("bob", "USDT", 50_000 * 10**8)
    one, part = market.parse_quantity("1"), market.parse_quantity("0.4")
    ask = order(1, "alice", Side.SELL, market.parse_price("27000"), one)
    bid = order(2, "bob", Side.BUY, market.parse_price("27050"), part)
    assert alices.hold(ask, market) is not None
    held = bobs.hold(bid, market)
    assert held is not None
    assert market.format_quote(held.held) == "10820.00000000"
    maker = Party(1, "alice", definition.maker_fee_ppm, one - part, False)
    taker = Party(2, "bob", definition.taker_fee_ppm, 0, True)
    bobs.settle(market, ask.price, part, taker, None)
    alices.settle(market, ask.price, part, None, maker)
    expected = [
        [wallet, sums.asset, *(format_decimal(amount, 8) for amount in msgspec.structs.astuple(sums)[1:7])]
        for wallet, ledger in (("wallet-0", bobs), ("wallet-1", alices))
        for sums in ledger.audit()
    ]
    assert [row for row in rows(ARCHITECTURE) if len(row) == 8 and row[0].startswith("wallet-")] == expected
    topology = Topology(2)
    assert (topology.wallet_of("bob"), topology.wallet_of("alice")) == (0, 1)


def order(order_id: int, account: str, side: Side, price: int, quantity: int) -> OrderCreateEvent:
    return OrderCreateEvent(
        order_id, account, "BTC-USDT", side, OrderType.LIMIT, TimeInForce.GTC, False, price, quantity, 0, "", 0
    )
