"""The colours of the HTML report can be told from each other, light and dark."""

from __future__ import annotations

import re
from importlib import resources

import pytest

STYLE = resources.files("pytest_dockerharden.report.html").joinpath("style.css").read_text(encoding="utf-8")
SCHEMES = [dict(re.findall(r"--([\w-]+): #(\w+)", block)) for block in re.findall(r":root \{(.*?)\}", STYLE, re.S)[:2]]
VERDICTS = ("failed", "error", "tolerated", "waived", "unknown", "passed", "drift")
PAIRS = [
    *((verdict, f"{verdict}-soft") for verdict in VERDICTS),
    *((colour, "card") for colour in (*VERDICTS, "dim", "ink", "link")),
    *(("dim", ground) for ground in ("page", "code", "failed-soft", "passed-soft")),
    *(("ink", ground) for ground in ("net-soft", "failed-soft")),
    *(("card", ground) for ground in ("failed", "ink")),
]


def luminance(colour: str) -> float:
    """Relative luminance, as WCAG 2 defines it."""
    full = colour if len(colour) == 6 else "".join(digit * 2 for digit in colour)
    parts = [int(full[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [pytest.param(SCHEMES[0], id="light"), pytest.param(SCHEMES[1], id="dark")])
def test_text_stands_out_from_its_ground(scheme: dict[str, str]) -> None:
    """4.5 is what WCAG 2 AA asks for."""
    faint = []
    for text, ground in PAIRS:
        dark, light = sorted((luminance(scheme[text]), luminance(scheme[ground])))
        if (light + 0.05) / (dark + 0.05) < 4.5:
            faint.append((text, ground))
    assert faint == []
