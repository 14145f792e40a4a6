"""What holds for all tests: what belongs to the smoke share, what CI does not forgive, how Hypothesis draws."""

import os
import shutil
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings

TESTS = Path(__file__).parent
PURE = (TESTS / "unit", TESTS / "property")
"""These are quick and need nothing, so that every supported Python runs all of them."""

# A failure is the same tomorrow and on another machine; `HYPOTHESIS_PROFILE=search` looks for new ones.
settings.register_profile("repeatable", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("search", deadline=None, print_blob=True, max_examples=5_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

_skipped = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Find servers where Debian keeps them: outside the PATH of an ordinary user."""
    config.stash[_skipped] = []
    postgresql = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)
    os.environ["PATH"] = os.pathsep.join((os.environ["PATH"], "/usr/sbin", *postgresql))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Count every unit and property test to the smoke share, before `-m` selects."""
    for item in items:
        if any(item.path.is_relative_to(folder) for folder in PURE):
            item.add_marker(pytest.mark.smoke)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose programs are not here."""
    missing = [name for mark in item.iter_markers("needs") for name in mark.args if shutil.which(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} is not here; `make services` installs it")


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Note a module that skipped itself."""
    report = yield
    if report.skipped:
        collector.config.stash[_skipped].append(collector.nodeid)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note a test that was skipped; one that is expected to fail is not."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        item.config.stash[_skipped].append(item.nodeid)
    return report


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail in CI when anything was skipped: there, everything is installed."""
    if os.environ.get("CI") and session.config.stash[_skipped] and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Name what CI does not forgive."""
    if os.environ.get("CI"):
        for nodeid in config.stash[_skipped]:
            terminalreporter.write_line(f"CI: skipped, which is a failure here: {nodeid}", red=True)
