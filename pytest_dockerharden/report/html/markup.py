"""HTML that cannot be broken out of: what is not markup already is escaped."""

from __future__ import annotations

from html import escape

from pytest_dockerharden.report.excerpt import clean

Content = str | None


class Markup(str):
    """Text that is HTML."""

    __slots__ = ()


def text(value: str) -> Markup:
    """Text of a file, a container or ours, as HTML. Line ends stay."""
    if value.isalnum():
        return Markup(value)
    return Markup(escape("\n".join(map(clean, value.split("\n")))))


def prose(value: str) -> Markup:
    """Text of a documentation: what stands in backticks is code."""
    parts = value.replace("\n", " ").split("`")
    return join(*(tag("code", part) if index % 2 else part for index, part in enumerate(parts)))


def tag(name: str, /, *content: Content, **attributes: str | int | bool | None) -> Markup:
    """An element. ``class_`` and ``for_`` lose their underscore, others become dashes; None and False are left out."""
    return Markup(f"<{name}{_attributes(attributes)}>{join(*content)}</{name}>")


def join(*content: Content) -> Markup:
    """One after the other, escaped where they are no markup."""
    return Markup("".join(part if isinstance(part, Markup) else text(part) for part in content if part))


def _attributes(attributes: dict[str, str | int | bool | None]) -> str:
    written = []
    for name, value in attributes.items():
        if value is None or value is False:
            continue
        name = name.rstrip("_").replace("_", "-")
        written.append(f" {name}" if value is True else f' {name}="{text(str(value))}"')
    return "".join(written)


def table(caption: Content, head: Content, *body: Content, class_: str) -> Markup:
    """A table that scrolls by itself where it is wider than the page; by keyboard as well."""
    made = tag("table", tag("caption", caption), tag("thead", head), *body, class_=class_)
    return tag("div", made, class_="scroll", tabindex="0")


def columns(*titles: str) -> Markup:
    """A row of column headers."""
    return tag("tr", *(tag("th", title, scope="col") for title in titles))


def details(summary: Content, *content: Content, **attributes: str | int | bool | None) -> Markup:
    """What opens when it is asked for."""
    return tag("details", tag("summary", summary), *content, **attributes)


def section(anchor: str, title: str, *content: Content) -> Markup:
    """A part of the page with a heading that is its name."""
    return tag(
        "section", tag("h2", title, id=f"{anchor}-title"), *content, id=anchor, aria_labelledby=f"{anchor}-title"
    )
