"""What all benchmarks share: the line about the machine, minimum/median/maximum, ratios, and the results file."""

import os
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import orjson

LIBRARIES = ("pykka", "msgspec", "orjson", "aiohttp", "uvloop")


def machine() -> str:
    """Return one line about what the figures were measured on."""
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    processors = len(os.sched_getaffinity(0))
    return f"{processors} × {model}, Linux {platform.release()}, CPython {platform.python_version()}, {libraries}"


def spread(values: Sequence[float], form: str = ",.0f") -> str:
    """Return minimum, median and maximum."""
    return " / ".join(format(figure, form) for figure in (min(values), median(values), max(values)))


def ratios(values: Sequence[float], baseline: Sequence[float]) -> list[float]:
    """Return the ratio of each value to the baseline that was measured next to it."""
    return [value / base for value, base in zip(values, baseline, strict=True)]


def write_results(file: str | None, results: Any) -> None:
    """Write the figures as JSON, if a file was asked for."""
    if file:
        Path(file).write_bytes(
            orjson.dumps(msgspec.to_builtins(results), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)
        )
