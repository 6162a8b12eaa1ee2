"""PyYAML is imported cheaply, and works for everybody else in the process as it always did."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import re
compiled = re.compile
from pytest_dockerharden.source.compose.libyaml import yaml
assert re.compile is compiled
print(type(yaml.reader.Reader.NON_PRINTABLE).__name__)
text = "{a: 2024-05-01, b: yes, c: 0x1f, d: 1.5e+3, e: ~, f: 12:30:45}"
for loader in (yaml.SafeLoader, yaml.CSafeLoader, yaml.FullLoader):
    print(yaml.load(text, loader))
try:
    yaml.load("a: \\x07", yaml.SafeLoader)
except yaml.reader.ReaderError as error:
    print(error.reason)
print(yaml.safe_dump({"a": "yes", "b": "1"}).split())
"""
LOADED = "{'a': datetime.date(2024, 5, 1), 'b': True, 'c': 31, 'd': 1500.0, 'e': None, 'f': 45045}"


def test_what_nothing_here_calls_is_compiled_when_somebody_calls_it() -> None:
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=Path(__file__).parents[3], capture_output=True, text=True, check=False
    )
    assert result.stdout.splitlines() == [
        "_Lazy",
        LOADED,
        LOADED,
        LOADED,
        "special characters are not allowed",
        "['a:', \"'yes'\", 'b:', \"'1'\"]",
    ], result.stderr
