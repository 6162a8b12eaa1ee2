"""A plan as text for people: one unified diff for each file, what may break, and what was left and why."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher

from pytest_dockerharden.model.secrets import mask
from pytest_dockerharden.model.wording import counted
from pytest_dockerharden.remedy.evidence import Proposal
from pytest_dockerharden.remedy.plan import Plan
from pytest_dockerharden.remedy.wishes import Wish
from pytest_dockerharden.report.excerpt import clean
from pytest_dockerharden.report.lines import masked_line
from pytest_dockerharden.verdicts import PRECONDITIONS, Result

Line = tuple[str, str]
_CONTEXT = 3
_LONG = 2_000
_NAMED = 3
_LAST_WORDS = 3
_SHOWN = 100
_NOTHING_SAFE = "no remedy is sure to change nothing for a working service; --harden-fix-all writes the others as well"


def diff_lines(before: str, after: str, name: str) -> Iterator[Line]:
    """Lines of a unified diff, each with its colour (empty: none). Secrets in them are masked."""
    old, new = before.splitlines(), after.splitlines()
    matcher = SequenceMatcher(None, old, new, autojunk=len(old) > _LONG)
    yield f"--- {name}", "bold"
    yield f"+++ {name}", "bold"
    for group in matcher.get_grouped_opcodes(_CONTEXT):
        first, last = group[0], group[-1]
        yield f"@@ -{_range(first[1], last[2])} +{_range(first[3], last[4])} @@", "cyan"
        for tag, start, end, new_start, new_end in group:
            if tag == "equal":
                yield from ((f" {_shown(old, index)}", "") for index in range(start, end))
                continue
            yield from ((f"-{_shown(old, index)}", "red") for index in range(start, end))
            yield from ((f"+{_shown(new, index)}", "green") for index in range(new_start, new_end))


def _range(start: int, end: int) -> str:
    length = end - start
    return f"{start + 1 if length else start},{length}"


def _shown(lines: list[str], index: int) -> str:
    return clean(masked_line(lines, index))


def plan_lines(plan: Plan, shown: Callable[[str], str], *, written: bool, with_diff: bool = True) -> Iterator[Line]:
    """Everything that there is to say of a plan. ``shown`` gives a path as users see it."""
    for file in sorted(plan.after) if with_diff else ():
        yield from diff_lines(plan.before[file], plan.after[file], shown(file))
    if not plan.after:
        yield _NOTHING_SAFE if plan.safe_only else "no finding has a remedy that can be written by itself", ""
    yield from _breaking(plan, shown)
    yield from _left(plan, shown)
    yield from _for_people(plan, shown)
    yield _sum(plan, written=written), "bold"


def _sum(plan: Plan, *, written: bool) -> str:
    findings = {(w.result.file, w.result.name, w.finding.message) for w in plan.made}
    verb = f"{'was' if len(findings) == 1 else 'were'} mended" if written else "would be mended"
    return f"{counted(len(findings), 'finding')} {verb} in {counted(len(plan.after), 'file')}"


def _breaking(plan: Plan, shown: Callable[[str], str]) -> Iterator[Line]:
    groups: dict[tuple[str, str], list[Wish]] = {}
    for wish in plan.made:
        if wish.remedy.effect != "safe":
            groups.setdefault((wish.result.control.id, wish.remedy.breaks), []).append(wish)
    if groups:
        yield "these change how a service behaves:", "yellow"
    for (control, breaks), wishes in groups.items():
        yield f"  {control} ({_names(wishes, shown)}){f' may break {clean(breaks)}' if breaks else ''}", ""


def _left(plan: Plan, shown: Callable[[str], str]) -> Iterator[Line]:
    groups: dict[tuple[str, str, str], list[Wish]] = {}
    for wish in plan.left:
        groups.setdefault((wish.result.control.id, wish.result.file, wish.reason), []).append(wish)
    if groups:
        yield "left as they are:", "yellow"
    for (control, file, reason), wishes in groups.items():
        yield f"  {shown(file)}: {control} ({_names(wishes, shown)}): {clean(reason)}", ""


def _for_people(plan: Plan, shown: Callable[[str], str]) -> Iterator[Line]:
    """What no edit stands for, because it takes something that no file says, and what --harden-fix holds back."""
    deciding: dict[str, dict[str, list[Result]]] = {}
    held_back = 0
    for result in plan.evaluation.all_results():
        for finding in result.findings if result.fails and result.control not in PRECONDITIONS else ():
            remedy = finding.remedy
            if remedy is None or not remedy.edits:
                said = " ".join(remedy.text.split())[:_SHOWN] if remedy else "no remedy is known"
                deciding.setdefault(result.control.id, {}).setdefault(said, []).append(result)
            elif plan.safe_only and remedy.effect != "safe":
                held_back += 1
    if deciding:
        yield "for people to decide, as no file says it:", "yellow"
    for control, groups in deciding.items():
        results = [result for group in groups.values() for result in group]
        more = f", and {len(groups) - 1} more like it" if len(groups) > 1 else ""
        yield f"  {control} ({_subjects(results, shown)}): {clean(next(iter(groups)))}{more}", ""
    if held_back and plan.after:
        yield f"{counted(held_back, 'finding')} more would be mended by --harden-fix-all, and change a service", ""


def _names(wishes: list[Wish], shown: Callable[[str], str]) -> str:
    return _subjects([wish.result for wish in wishes], shown)


def _subjects(results: list[Result], shown: Callable[[str], str]) -> str:
    def name(result: Result) -> str:
        return shown(result.file) if result.control.judges == "Stage" else result.subject or shown(result.file)

    names = list(dict.fromkeys(map(name, results)))
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return clean(", ".join(names[:_NAMED]) + more)


def proof_lines(
    before: Mapping[str, str],
    after: Mapping[str, str],
    kept: Sequence[Proposal],
    taken_back: Sequence[Proposal],
    shown: Callable[[str], str],
    with_diff: bool,
) -> Iterator[Line]:
    """What a running stack has shown, and what of it was proved."""
    for file in sorted(after) if with_diff else ():
        yield from diff_lines(before[file], after[file], shown(file))
    if kept:
        yield "the stack came up and passed with these, which its first run suggested:", "green"
        yield from ((f"  {p.service}: {p.what}: {clean(p.seen)}", "") for p in kept)
    if taken_back:
        yield "tried or thought of, and left:", "yellow"
    for proposal in taken_back:
        first, *more = proposal.refusal.splitlines()
        yield f"  {proposal.service}: {proposal.what}: {clean(proposal.seen)}, but {clean(first)}", ""
        yield from ((f"      {clean(mask(line.strip()))}", "") for line in more[-_LAST_WORDS:])
