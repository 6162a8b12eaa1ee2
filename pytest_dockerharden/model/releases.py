"""Releases of the widely used base images that get no fixes any more."""

from __future__ import annotations

import re

from pytest_dockerharden.model.pattern import pattern
from pytest_dockerharden.model.reference import Reference

# Per image the branches that ended, with the month its publisher gave. From the publishers' release calendars.
# A branch is compared with as many numbers of the tag as it has itself.
_ENDED: dict[str, dict[str, str]] = {
    "python": {
        "2": "2020-01", "3.0": "2009-06", "3.1": "2012-04", "3.2": "2016-02", "3.3": "2017-09", "3.4": "2019-03",
        "3.5": "2020-09", "3.6": "2021-12", "3.7": "2023-06", "3.8": "2024-10", "3.9": "2025-10",
    },
    "node": {
        "0": "2016-12", "4": "2018-04", "5": "2016-06", "6": "2019-04", "7": "2017-06", "8": "2019-12", "9": "2018-06",
        "10": "2021-04", "11": "2019-06", "12": "2022-04", "13": "2020-06", "14": "2023-04", "15": "2021-06",
        "16": "2023-09", "17": "2022-06", "18": "2025-04", "19": "2023-06", "20": "2026-04", "21": "2024-06",
        "23": "2025-06",
    },
    "ruby": {
        "1": "2015-02", "2": "2023-03", "3.0": "2024-04", "3.1": "2025-03", "3.2": "2026-03",
    },
    "php": {"4": "2008-08", "5": "2018-12", "7": "2022-11", "8.0": "2023-11", "8.1": "2025-12"},
    "debian": {"7": "2018-05", "8": "2020-06", "9": "2022-06", "10": "2024-06", "11": "2026-08"},
    "ubuntu": {
        "12.04": "2017-04", "14.04": "2019-04", "16.04": "2021-04", "18.04": "2023-05", "20.04": "2025-05",
        "19.04": "2020-01", "19.10": "2020-07", "20.10": "2021-07", "21.04": "2022-01", "21.10": "2022-07",
        "22.10": "2023-07", "23.04": "2024-01", "23.10": "2024-07", "24.10": "2025-07", "25.04": "2026-01",
    },
    "alpine": {
        "2": "2017-11",
        # two years from the May or November in which it came out
        **{f"3.{minor}": f"{2016 + minor // 2}-{'11' if minor % 2 else '05'}" for minor in range(20)},
        "3.20": "2026-04",
    },
    "centos": {"5": "2017-03", "6": "2020-11", "7": "2024-06", "8": "2021-12"},
    "fedora": {**{str(number): "2023 or before" for number in range(20, 38)}, "38": "2024-05", "39": "2024-11",
               "40": "2025-05"},
    "amazonlinux": {"1": "2023-12", "2018": "2023-12", "2017": "2023-12"},
    "postgres": {
        "8": "2014-07", "9": "2021-11", "10": "2022-11", "11": "2023-11", "12": "2024-11", "13": "2025-11",
    },
    "mysql": {"5": "2023-10", "8.0": "2026-04"},
    "mongo": {"2": "2018-03", "3": "2021-04", "4": "2024-02", "5": "2024-10", "6": "2025-07"},
    "redis": {"2": "2019-10", "3": "2019-10", "4": "2020-04", "5": "2022-04", "6.0": "2022-02"},
    "elasticsearch": {"1": "2017-01", "2": "2018-02", "5": "2019-03", "6": "2022-02"},
    # when the second release after it came out
    "golang": {**{f"1.{minor}": "2021 or before" for minor in range(16)}, "1.16": "2022-03", "1.17": "2022-08",
               "1.18": "2023-02", "1.19": "2023-08", "1.20": "2024-02", "1.21": "2024-08", "1.22": "2025-02",
               "1.23": "2025-08"},
}  # fmt: skip
# images that are no longer published at all
_WITHDRAWN = {
    "openjdk": "2022-07",
    "java": "2017-01",
    "centos": "2021-12",  # what `latest` names
    "adoptopenjdk": "2021-08",
    "jenkins": "2018-07",
}
_CODENAMES = {
    "wheezy": ("debian", "7"), "jessie": ("debian", "8"), "stretch": ("debian", "9"), "buster": ("debian", "10"),
    "bullseye": ("debian", "11"), "precise": ("ubuntu", "12.04"), "trusty": ("ubuntu", "14.04"),
    "xenial": ("ubuntu", "16.04"), "bionic": ("ubuntu", "18.04"), "focal": ("ubuntu", "20.04"),
}  # fmt: skip
_VERSION = pattern(r"(?:centos|fc|v)?(\d+(?:\.\d+)*)")


def end_of_life(image: Reference) -> str:
    """The month (``2024-06``) in which the release of an official image ended; empty where it has not, or is unknown.

    The operating system under a language image counts too: ``node:22-buster``.
    """
    name = image.official
    if not name:
        return ""
    match = _VERSION.match(image.tag)
    ended = _branch_end(name, match[1]) if match else ""
    return ended or given_up(image) or _system_end(image.tag)


def given_up(image: Reference) -> str:
    """The month since which no release at all of an official image gets updates; empty for all others."""
    if image.official == "openjdk" and "-ea" in image.tag:  # early access is what it still publishes
        return ""
    return _WITHDRAWN.get(image.official, "")


def _branch_end(name: str, version: str) -> str:
    numbers = version.split(".")
    branches = _ENDED.get(name, {})
    for length in range(len(numbers), 0, -1):
        ended = branches.get(".".join(numbers[:length]))
        if ended:
            return ended
    return ""


def _system_end(tag: str) -> str:
    for word in re.split(r"[-_]", tag):
        if word in _CODENAMES:
            return _branch_end(*_CODENAMES[word])
        if word.startswith("alpine") and len(word) > 6:
            return _branch_end("alpine", word[6:])
    return ""
