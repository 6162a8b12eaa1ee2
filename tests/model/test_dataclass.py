"""Our ``dataclass`` does what that of the standard library does."""

from __future__ import annotations

import dataclasses
from dataclasses import field
from typing import Any, ClassVar

import pytest

from pytest_dockerharden.model.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Word:
    """A value."""

    text: str
    line: int = 1
    notes: tuple[str, ...] = field(default=(), repr=False, compare=False)


@dataclass(slots=True, eq=False)
class Entity:
    """Something with an identity."""

    name: str
    parts: list[str] = field(default_factory=list)
    kind: str = field(default="thing", init=False)
    cache: dict[str, str] = field(default_factory=dict, init=False)
    later: str = field(init=False)


@dataclass(slots=True, eq=False, kw_only=True)
class Named:
    """Keywords alone."""

    size: int
    unit: str = "B"


def test_values_are_equal_and_hash_alike_by_what_is_compared() -> None:
    assert Word("a", 2, ("x",)) == Word("a", 2, ("y",))
    assert len({Word("a"), Word("a", 1), Word("b")}) == 2
    assert Word("a") != ("a", 1, ())


def test_entities_are_themselves_alone() -> None:
    assert Entity("a") != Entity("a")


def test_repr_shows_what_it_may() -> None:
    assert repr(Word("a", 2, ("secret",))) == "Word(text='a', line=2)"


def test_each_object_has_defaults_of_its_own() -> None:
    first, second = Entity("a"), Entity("b", ["given"])
    first.parts.append("x")
    first.cache["k"] = "v"
    assert (first.parts, second.parts, second.cache, second.kind) == (["x"], ["given"], {}, "thing")


def test_a_field_without_any_value_is_not_set() -> None:
    with pytest.raises(AttributeError):
        _ = Entity("a").later


def test_keyword_only_fields_are_refused_by_position() -> None:
    assert (Named(size=1).size, Named(size=1).unit) == (1, "B")
    make: Any = Named
    with pytest.raises(TypeError):
        make(1)


@pytest.mark.parametrize("values", [(), ("a", 1, (), "too many")], ids=["missing", "too-many"])
def test_wrong_arguments_are_refused(values: tuple[Any, ...]) -> None:
    make: Any = Word
    with pytest.raises(TypeError, match="__init__"):
        make(*values)


def test_the_standard_library_works_with_it() -> None:
    word = Word("a", 2)
    assert dataclasses.replace(word, text="b") == Word("b", 2)
    assert dataclasses.asdict(word) == {"text": "a", "line": 2, "notes": ()}
    assert [each.name for each in dataclasses.fields(Word)] == ["text", "line", "notes"]


@dataclass(slots=True)
class Base:
    """What others are made of."""

    kinds: ClassVar[tuple[str, ...]] = ("a",)
    name: str
    size: int = 1


@dataclass(slots=True, kw_only=True)
class Derived(Base):
    """With more of its own, and another default."""

    size: int = 2
    parts: list[str] = field(default_factory=list)


@dataclass(eq=False)
class Open:
    """Without slots."""

    name: str = "a"
    parts: list[str] = field(default_factory=list)


def test_a_derived_class_has_the_fields_of_its_base() -> None:
    assert repr(Derived("a", parts=["x"])) == "Derived(name='a', size=2, parts=['x'])"
    assert [each.name for each in dataclasses.fields(Derived)] == ["name", "size", "parts"]
    assert [each.kw_only for each in dataclasses.fields(Derived)] == [False, True, True]
    assert dataclasses.replace(Derived("a"), parts=["y"]) == Derived("a", parts=["y"])
    assert Derived("a", size=1) != Base("a") == Base("a", 1)
    assert not hasattr(Derived("a"), "__dict__")


def test_what_belongs_to_the_class_is_no_field() -> None:
    assert Base.kinds == Derived("a").kinds == ("a",)


def test_a_class_without_slots_keeps_its_defaults() -> None:
    assert (Open.name, Open().name, Open().parts, hasattr(Open, "parts")) == ("a", "a", [], False)


def test_values_are_taken_apart_by_match() -> None:
    match Word("a", 2):
        case Word(text, line):
            assert (text, line) == ("a", 2)


def test_the_standard_library_derives_from_ours() -> None:
    @dataclasses.dataclass
    class Own(Base):
        more: int = 3

    assert Own("a") == Own("a", 1, 3)


def class_of_its_own() -> Any:
    @dataclass(slots=True)
    class Thing:
        """A thing."""

        name: str
        parts: list[str] = field(default_factory=list)
        size: int = 3

    return Thing


def test_the_many_are_made_as_the_first_ones() -> None:
    thing = class_of_its_own()
    made = [thing("a", size=number) for number in range(30)] + [thing(name="b", parts=["x"]), thing("c", ["y"], 4)]
    assert [(each.name, each.parts, each.size) for each in made] == [
        *(("a", [], number) for number in range(30)),
        ("b", ["x"], 3),
        ("c", ["y"], 4),
    ]
    assert made[0].parts is not made[1].parts


@pytest.mark.parametrize("before", [0, 1, 30], ids=["the first", "the second", "many"])
@pytest.mark.parametrize(
    ("values", "named"),
    [((), {}), ((), {"size": 1}), (("a", [], 1, 2), {}), (("a",), {"name": "b"}), (("a",), {"colour": "red"})],
    ids=["nothing", "a name is missing", "too many", "given twice", "unknown"],
)
def test_wrong_arguments_are_refused_at_any_time(before: int, values: tuple[Any, ...], named: dict[str, Any]) -> None:
    thing = class_of_its_own()
    for _ in range(before):
        thing("a")
    with pytest.raises(TypeError):
        thing(*values, **named)
    assert thing("a").size == 3
