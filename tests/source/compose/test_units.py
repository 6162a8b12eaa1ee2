from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_dockerharden.source.compose.units import (
    format_duration,
    go_number,
    parse_bool,
    parse_bytes,
    parse_duration,
    parse_float,
    parse_integer,
    scalar_text,
)

QUICK = settings(deadline=None, max_examples=100)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("abc", id="no digits"),
        pytest.param("0x10", id="hexadecimal"),
        pytest.param("1kbb", id="too many letters"),
        pytest.param("1e", id="exponent without digits"),
        pytest.param("1  kb", id="two blanks"),
        pytest.param("1,5g", id="decimal comma"),
        pytest.param("m", id="unit alone"),
        pytest.param("10 apples", id="unknown unit"),
    ],
)
def test_what_is_no_size_has_no_bytes(text: str) -> None:
    assert parse_bytes(text) is None


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("512m", 512 << 20),
        ("512M", 512 << 20),
        ("64kb", 64 << 10),
        ("1GiB", 1 << 30),
        ("1p", 1 << 50),
        ("10t", 10 << 40),
        ("10 mb", 10 << 20),
        ("1b", 1),
        ("100", 100),
        ("5 ", 5),
        ("1.5g", 3 << 29),
        (".5g", 1 << 29),
        ("1e3", 1000),
        ("-1", -1),
    ],
)
def test_sizes_are_powers_of_1024(text: str, size: int) -> None:
    assert parse_bytes(text) == size


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("10", id="no unit"),
        pytest.param("", id="empty"),
        pytest.param("1h 5m", id="blank inside"),
        pytest.param("5sec", id="long unit"),
        pytest.param("1y", id="years"),
        pytest.param("s", id="unit alone"),
        pytest.param(".s", id="point alone"),
        pytest.param("999999999h", id="longer than 292 years"),
        pytest.param("-", id="sign alone"),
    ],
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write it with a unit"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "printed", "seconds"),
    [
        ("10s", "10s", 10),
        ("1m30s", "1m30s", 90),
        ("90m", "1h30m0s", 5400),
        ("1.5h", "1h30m0s", 5400),
        ("1.5h30m", "2h0m0s", 7200),
        ("1m1h", "1h1m0s", 3660),
        ("1d", "24h0m0s", 86400),
        ("1w2d", "216h0m0s", 777600),
        ("100ms", "100ms", 0.1),
        ("1500µs", "1.5ms", 0.0015),
        ("5us", "5µs", 0.000005),
        (".5s", "500ms", 0.5),
        ("1.5s", "1.5s", 1.5),
        ("0", "0s", 0),
        ("0s", "0s", 0),
        ("-5s", "-5s", -5),
        ("+5s", "5s", 5),
    ],
)
def test_durations_print_as_docker_compose_prints_them(text: str, printed: str, seconds: float) -> None:
    assert (format_duration(text), parse_duration(text)) == (printed, pytest.approx(seconds))


@QUICK
@given(st.integers(-(10**17), 10**17))
def test_a_printed_duration_reads_as_itself(nanoseconds: int) -> None:
    printed = format_duration(f"{nanoseconds}ns")
    assert format_duration(printed) == printed
    assert parse_duration(printed) == parse_duration(f"{nanoseconds}ns")


@QUICK
@given(st.text(alphabet="0123456789.-+ eEkKmMgGbBiIhsdwnuµ", max_size=12))
def test_no_text_breaks_the_readers(text: str) -> None:
    parse_bytes(text)
    parse_integer(text)
    parse_float(text)
    try:
        format_duration(text)
    except ValueError as error:
        assert repr(text) in str(error)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.10, "1.1"),
        (20.0, "20"),
        (100000.0, "100000"),
        (999999.0, "999999"),
        (1000000.0, "1e+06"),
        (1234567.0, "1.234567e+06"),
        (123456789.0, "1.23456789e+08"),
        (1e21, "1e+21"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (-0.0, "-0"),
        (-5e-7, "-5e-07"),
        (float("inf"), "+Inf"),
        (7, "7"),
    ],
)
def test_numbers_print_as_go_prints_them(value: float, text: str) -> None:
    assert go_number(value) == text


@QUICK
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_printed_number_reads_as_itself(value: float) -> None:
    assert float(go_number(value)) == value


@pytest.mark.parametrize("text", ["1", "0", "t", "f", "", " true", "ja"])
def test_what_docker_compose_takes_for_no_boolean(text: str) -> None:
    assert parse_bool(text) is None


@pytest.mark.parametrize(
    ("text", "truth"), [("yes", True), ("TRUE", True), ("y", True), ("On", True), ("no", False), ("off", False)]
)
def test_booleans_in_any_case(text: str, truth: bool) -> None:
    assert parse_bool(text) is truth


@pytest.mark.parametrize(("text", "number"), [("80", 80), ("-1", -1), ("1.0", None), ("", None), ("9" * 30, None)])
def test_integers_in_texts(text: str, number: int | None) -> None:
    assert parse_integer(text) == number


@pytest.mark.parametrize(("text", "number"), [("0.5", 0.5), (".5", 0.5), ("1e-1", 0.1), ("1,5", None), (" 1", None)])
def test_numbers_in_texts(text: str, number: float | None) -> None:
    assert parse_float(text) == number


@pytest.mark.parametrize(("value", "text"), [(True, "true"), (False, "false"), (None, ""), (1.0, "1"), ("x", "x")])
def test_scalars_as_texts(value: str | float | bool | None, text: str) -> None:
    assert scalar_text(value) == text
