"""Walk the syntax tree of shell text and write down the simple commands in source order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from functools import lru_cache, partial
from itertools import count
from typing import TYPE_CHECKING, cast

from pytest_dockerharden.model.dataclass import dataclass
from pytest_dockerharden.model.origin import TextOrigin
from pytest_dockerharden.model.shell import EMPTY_SCRIPT, Command, Connector, Redirect, Script, Word
from pytest_dockerharden.source.places import Places
from pytest_dockerharden.source.scalars import place_of_scalar
from pytest_dockerharden.source.shell import wrappers
from pytest_dockerharden.source.shell.text import Text
from pytest_dockerharden.source.shell.through import DEEPEST, Given, Inner, look_through

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

LONGEST = 1 << 18
"""Characters of shell text that are parsed; a longer script is incomplete and empty."""

MOST_SPLIT = 20_000
"""Words that variables with several words may become in one script; from there on they count as unknown."""

Heredocs = Mapping[int, tuple[str, Places, bool]]
"""Bodies kept apart from the text: offset of the ``<``, then body, its places, whether it is expanded."""

_BLOCKS = {
    "if_statement": "if",
    "while_statement": "while",
    "for_statement": "for",
    "c_style_for_statement": "for",
    "case_statement": "case",
    "function_definition": "function",
    "subshell": "()",
}
_SUBSTITUTIONS = {"command_substitution": "$()", "process_substitution": "<()"}
_CONNECTORS = {"&&": "&&", "||": "||", "|": "|", "|&": "|", "&": "&"}
_REDIRECTS = frozenset(["file_redirect", "herestring_redirect", "heredoc_redirect"])
_NOT_COMMANDS = frozenset(["|", ")", "<<", "<<-", "heredoc_start", "heredoc_end", "heredoc_body"])
_WORDS = frozenset(
    ["word", "number", "string", "raw_string", "concatenation", "simple_expansion", "expansion", "ansi_c_string"]
)
_UNKNOWN_AFTER = frozenset(["unset", "read", "getopts", "mapfile", "readarray", "printf", "let"])
_DECLARERS = frozenset(["export", "declare", "local", "readonly", "typeset"])


@lru_cache(maxsize=1)
def _parser() -> Parser:
    import tree_sitter_bash
    from tree_sitter import Language, Parser

    return Parser(Language(tree_sitter_bash.language()))


@dataclass(slots=True)
class Draft:
    """A command that is being written. ``before`` is the command whose output is piped into it, if any."""

    node: Node
    via: tuple[str, ...]
    words: list[Word] = field(default_factory=list)
    nodes: dict[int, Node] = field(default_factory=dict)
    assignments: list[tuple[str, Word]] = field(default_factory=list)
    redirects: list[Redirect] = field(default_factory=list)
    heredoc: Inner | None = None
    variables: dict[str, str | None] = field(default_factory=dict)
    connector: str = ""
    before: Draft | None = None
    pipeline: int = -1


@dataclass(slots=True)
class Context:
    """Where the walk is. A connector follows the last of ``siblings``. ``certain`` is False where it may not run."""

    via: tuple[str, ...] = ()
    siblings: list[Draft] = field(default_factory=list)
    certain: bool = True
    in_block: bool = False

    def inside(self, name: str) -> Context:
        return Context((*self.via, name), self.siblings, certain=False, in_block=True)

    def perhaps(self) -> Context:
        return Context(self.via, self.siblings, certain=False, in_block=self.in_block)


Steps = list[tuple["Node", Context]]


class Walker:
    """Reads one piece of shell text. ``variables`` are those known at its start; assignments change them."""

    def __init__(
        self,
        text: str,
        place: Places,
        variables: Mapping[str, str | None],
        via: tuple[str, ...] = (),
        heredocs: Heredocs | None = None,
        pipelines: Iterator[int] | None = None,
    ) -> None:
        self.text = Text(text, place)
        self.variables = dict(variables)
        self.via = via
        self.heredocs = heredocs or {}
        self.pipelines = pipelines or count()
        self.drafts: list[Draft] = []
        self.complete = True
        self.split = 0

    def script(self) -> Script:
        commands = tuple(self.commands())
        text = self.text.text
        return Script(text, commands, self.text.place.origin(0, len(text.rstrip("\n"))), self.complete)

    def commands(self) -> list[Command]:
        if len(self.text.text) > LONGEST:
            self.complete = False
            return []
        root = _parser().parse(self.text.source).root_node
        self.complete = not root.has_error
        self.walk(root)
        return [command for draft in self.drafts for command in self.finished(draft)]

    def walk(self, root: Node) -> None:
        """Depth first with a stack of its own: the input may nest deeper than Python recurses."""
        stack: Steps = [(root, Context(self.via))]
        while stack:
            node, context = stack.pop()
            if node.is_named:
                steps = self.visit(node, context)
                steps.reverse()
                stack.extend(steps)
            elif node.type in _CONNECTORS and context.siblings:
                context.siblings[-1].connector = _CONNECTORS[node.type]

    def visit(self, node: Node, context: Context) -> Steps:
        """Take one node; what is to be visited next, in order."""
        kind = node.type
        visitor = _VISITORS.get(kind)
        if visitor is not None:
            return visitor(self, node, context)
        if not node.child_count:
            return []
        if kind == "case_item":
            return [(child, context) for child in node.children if child.type not in _NOT_COMMANDS]
        if kind in _BLOCKS or kind in _SUBSTITUTIONS:
            if len(context.via) >= DEEPEST:
                self.complete = False
                return []
            context = self.entered(node, context)
        return [(child, context) for child in node.children]

    def entered(self, node: Node, context: Context) -> Context:
        kind = node.type
        if kind in _SUBSTITUTIONS:
            return Context((*context.via, _SUBSTITUTIONS[kind]), certain=False, in_block=context.in_block)
        if not context.in_block:
            self.forget_assigned(node)
        return context.inside(_BLOCKS[kind])

    def and_or(self, node: Node, context: Context) -> Steps:
        """``a && b || c``: what stands behind ``||`` may not run."""
        steps = []
        for child in node.children:
            steps.append((child, context))
            if child.type == "||":
                context = context.perhaps()
        return steps

    def pipeline(self, node: Node, context: Context) -> Steps:
        """Each part runs in a shell of its own."""
        context = context.perhaps()
        return [(child, context) for child in node.children]

    def draft(self, node: Node, context: Context) -> Draft:
        draft = Draft(node, context.via)
        before = context.siblings[-1] if context.siblings else None
        if before is not None:
            before.connector = before.connector or ";"
            draft.before = before if before.connector == "|" else None
        self.drafts.append(draft)
        context.siblings.append(draft)
        return draft

    def command(self, node: Node, context: Context) -> Steps:
        draft = self.draft(node, context)
        steps: Steps = []
        for child in node.children:
            kind = child.type
            if kind == "variable_assignment":
                draft.assignments.append(self.text.pair(child, self.variables))
            elif kind in _REDIRECTS:
                steps += self.redirect(child, context)
                continue
            else:
                self.add_words(draft, child.children[0] if kind == "command_name" and child.child_count else child)
            if child.child_count:
                steps += [(found, context) for found in _substitutions(child)]
        self.note_changes(draft, context)
        return steps

    def simple(self, node: Node, context: Context) -> Steps:
        """``[ ... ]``, ``export A=1``, ``unset A``: their leaves are the words."""
        draft = self.draft(node, context)
        stack = node.children[::-1]
        while stack:
            child = stack.pop()
            if child.is_named and child.type.endswith("_expression") and child.type != "brace_expression":
                stack.extend(reversed(child.children))
            elif child.type == "variable_assignment":
                name, value = self.text.pair(child, self.variables)
                known = None if value.value is None else f"{name}={value.value}"
                draft.words.append(self.text.word(child, known))
                self.variables[name] = value.value if context.certain else None
            else:
                self.add_words(draft, child)
        self.note_changes(draft, context)
        return [(found, context) for found in _substitutions(node)]

    def assignment(self, node: Node, context: Context) -> Steps:
        draft = self.draft(node, context)
        for child in [node] if node.type == "variable_assignment" else node.children:
            if child.type == "variable_assignment":
                name, value = self.text.pair(child, self.variables)
                draft.assignments.append((name, value))
                self.variables[name] = value.value if context.certain else None
        return [(found, context) for found in _substitutions(node)]

    def redirected(self, node: Node, context: Context) -> Steps:
        """Its redirections are visited after its body, and belong to the command that then is the last one."""
        if node.children[0].type in _REDIRECTS:
            self.draft(node, context)
        return [(child, context) for child in node.children]

    def redirect(self, node: Node, context: Context) -> Steps:
        """A redirection of the last command. The grammar counts arguments behind the target to it."""
        if not context.siblings:
            return []
        draft = context.siblings[-1]
        if node.type == "heredoc_redirect":
            return self.heredoc(node, draft, context)
        words = [child for child in node.children if child.is_named and child.type != "file_descriptor"]
        closes = any(child.type in (">&-", "<&-") for child in node.children)
        if words and not closes:
            self.add_redirect(draft, node, words.pop(0))
        for word in words:
            self.add_words(draft, word)
        return [(found, context) for found in _substitutions(node)]

    def add_redirect(self, draft: Draft, node: Node, target: Node) -> None:
        start = self.text.span(node)[0]
        kept = self.heredocs.get(start)
        if kept is not None:
            self.add_body(draft, *kept)
        else:
            operator = self.text.text[start : self.text.span(target)[0]].strip()
            draft.redirects.append(Redirect(operator, self.text.unsplit(target, self.variables)))

    def heredoc(self, node: Node, draft: Draft, context: Context) -> Steps:
        """The grammar puts what follows ``<<A`` on its line (``| sh``, ``&& b``, arguments) inside the heredoc."""
        steps: Steps = []
        quoted = False
        for child in node.children:
            kind = child.type
            if kind == "heredoc_start":
                quoted = self.text.of(child)[:1] in ("'", '"', "\\")
            elif kind == "heredoc_body":
                start, end = self.text.span(child)
                self.add_body(draft, self.text.text[start:end], self.text.place.from_(start), not quoted)
                steps += [(found, context) for found in _substitutions(child)]
            elif kind in _WORDS:
                self.add_words(draft, child)
            elif kind not in _NOT_COMMANDS or kind == "|":
                steps.append((child, context))
        return steps

    def add_body(self, draft: Draft, body: str, place: Places, expand: bool) -> None:
        value = None if expand and ("$" in body or "`" in body) else body
        draft.redirects.append(Redirect("<<", Word(body, value, place.origin(0, len(body.rstrip("\n"))))))
        draft.heredoc = (body, place)

    def add_words(self, draft: Draft, node: Node) -> None:
        draft.nodes[len(draft.words)] = node
        words = self.text.words(node, self.variables if self.split <= MOST_SPLIT else {})
        self.split += len(words) if len(words) > 1 else 0
        draft.words += words

    def note_changes(self, draft: Draft, context: Context) -> None:
        """After ``read X`` or ``unset X`` the value of X is not known; after ``. file`` or ``eval`` none is."""
        name = draft.words[0].text if draft.words else ""
        if not self.variables or not name:
            return
        if wrappers.may_run_another(wrappers.base_name(name)):
            draft.variables = dict(self.variables)
        if name in (".", "source", "eval"):
            self.variables.clear()
        elif name in _UNKNOWN_AFTER or (name in _DECLARERS and not context.certain):
            for word in draft.words[1:]:
                self.variables.pop(word.text.partition("=")[0], None)

    def forget_assigned(self, block: Node) -> None:
        """What a block sets is not known in it or after it: it may run any number of times."""
        stack = [block] if self.variables else []
        while stack:
            node = stack.pop()
            if node.type in ("variable_assignment", "for_statement"):
                name = next((child for child in node.children if child.type == "variable_name"), None)
                if name is not None:
                    self.variables.pop(self.text.of(name), None)
            stack.extend(node.children)

    def finished(self, draft: Draft) -> list[Command]:
        """The command, and what it runs itself."""
        draft.pipeline = next(self.pipelines) if draft.before is None else draft.before.pipeline
        command = Command(
            tuple(draft.words),
            self.text.place.origin(*self.text.word_span(draft.node)),
            cast(Connector, draft.connector),
            draft.pipeline,
            tuple(draft.assignments),
            tuple(draft.redirects),
            draft.via,
        )
        if not wrappers.may_run_another(command.name):
            return [command]
        texts = {index: partial(self.text.literal, node) for index, node in draft.nodes.items()}

        def read(text: str, place: Places, via: tuple[str, ...]) -> tuple[list[Command], bool]:
            walker = Walker(text, place, draft.variables, via, pipelines=self.pipelines)
            return walker.commands(), walker.complete

        inner, complete = look_through(command, Given(texts, draft.heredoc), read)
        self.complete = self.complete and complete
        return [command, *inner]


_VISITORS = {
    "command": Walker.command,
    "declaration_command": Walker.simple,
    "list": Walker.and_or,
    "pipeline": Walker.pipeline,
    "redirected_statement": Walker.redirected,
    "test_command": Walker.simple,
    "unset_command": Walker.simple,
    "variable_assignment": Walker.assignment,
    "variable_assignments": Walker.assignment,
    **dict.fromkeys(_REDIRECTS, Walker.redirect),
}


def script_of_words(words: Sequence[Word]) -> Script:
    """An exec-form list as a script of one command, looked through. The environment is not known."""
    if not words:
        return EMPTY_SCRIPT
    first, last = words[0].origin, words[-1].origin
    origin = TextOrigin(first.file, first.line, first.column, last.end_line, last.end_column)
    command = Command(tuple(words), origin)
    pipelines = count(1)
    texts = {index: partial(_text_of, word) for index, word in enumerate(words)}

    def read(text: str, place: Places, via: tuple[str, ...]) -> tuple[list[Command], bool]:
        walker = Walker(text, place, {}, via, pipelines=pipelines)
        return walker.commands(), walker.complete

    inner, complete = look_through(command, Given(texts), read)
    return Script(" ".join(word.raw for word in words), (command, *inner), origin, complete)


def _text_of(word: Word) -> Inner | None:
    return None if word.value is None else (word.value, place_of_scalar(word.value, word.origin, raw=word.raw))


def _substitutions(node: Node) -> list[Node]:
    """The outermost ``$( )`` and ``<( )`` in a node, in order."""
    found, stack = [], [node]
    while stack:
        current = stack.pop()
        if current.type in _SUBSTITUTIONS:
            found.append(current)
        elif current.child_count:
            stack.extend(reversed(current.children))
    return found
