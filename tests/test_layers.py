"""The arrows of ARCHITECTURE.md: who may import whom, and no circles."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = "pytest_dockerharden"
ROOT = Path(__file__).parents[1] / PACKAGE

# what each place may import of ours; a place that is not here may import all but the pytest side
SMALL = {"paths", "tomlfile"}
MAY_IMPORT: dict[str, set[str]] = {
    "model": set(),
    "paths": set(),
    "tomlfile": {"paths"},
    "judge": {"model"},
    "controls": {"model"},
    "predict": {"model"},
    "source": {"model", "paths"},
    "assemble": {"model", "paths", "predict", "source"},
    "stack": {"model", "source"},
    "observe": {"model", "stack"},
    "drills": {"model", "observe", "stack"},
    "combinations": {"model", "paths"},
    "waivers": {"model"} | SMALL,
    "suites": {"model"} | SMALL,
    "policy": {"assemble", "combinations", "model", "suites", "waivers"} | SMALL,
    "verdicts": {"judge", "model", "waivers"},
    "agreement": {"verdicts"},
    "discovery": {"model", "paths", "source"},
    "report": {"evaluation", "model", "suites", "verdicts"} | SMALL,
}
PYTEST_SIDE = {
    "plugin", "session", "items", "protocol", "late_report", "collection", "terminal", "fixtures", "current", "cli",
    "live", "imaging", "mending", "scanner_ids",
}  # fmt: skip


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_name(path): path for path in sorted(ROOT.rglob("*.py"))}


@cache
def imports(module: str) -> frozenset[tuple[str, str]]:
    """Every module that ``module`` imports, and when: at ``import``, in a ``call``, or for ``types`` alone."""
    found = set()
    tree = ast.parse(FILES[module].read_text(encoding="utf-8"))
    for node, when in walk(tree, "import"):
        for name in imported(node):
            # `from package import module` imports the module
            found.add((name if name in FILES or not name.startswith(PACKAGE) else name.rpartition(".")[0], when))
    return frozenset(found)


def walk(node: ast.AST, when: str) -> Iterator[tuple[ast.AST, str]]:
    for child in ast.iter_child_nodes(node):
        yield child, when
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            yield from walk(child, "types")
        else:
            yield from walk(child, "call" if isinstance(child, ast.FunctionDef) else when)


def imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are absolute"
        for alias in node.names:
            yield f"{node.module}.{alias.name}" if node.module in FILES else str(node.module)


def place_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def ours(module: str) -> Iterator[tuple[str, str]]:
    return ((name, when) for name, when in imports(module) if name.startswith(f"{PACKAGE}."))


def needed(module: str) -> set[str]:
    """What must be there before ``module``: within one place, a call may import what imports its module."""
    found = {name for name, when in ours(module) if when == "import"}
    found |= {name for name, when in ours(module) if when == "call" and place_of(name) != place_of(module)}
    return found - {module}


@pytest.mark.parametrize("module", [name for name in FILES if place_of(name) in MAY_IMPORT])
def test_a_module_imports_only_what_its_place_may(module: str) -> None:
    allowed = MAY_IMPORT[place_of(module)] | {place_of(module)}
    assert not {name for name, _ in ours(module) if place_of(name) not in allowed}


@pytest.mark.parametrize("module", [name for name in FILES if place_of(name) not in PYTEST_SIDE | {""}])
def test_only_the_side_of_pytest_knows_pytest(module: str) -> None:
    assert not {name for name, _ in ours(module) if place_of(name) in PYTEST_SIDE}


def test_no_module_imports_itself_by_way_of_others() -> None:
    try:
        list(TopologicalSorter({module: needed(module) for module in FILES}).static_order())
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@pytest.mark.parametrize(
    "module", [name for name in FILES if place_of(name) == "controls" and name != f"{PACKAGE}.controls"]
)
def test_a_control_does_no_input_or_output(module: str) -> None:
    # names of files may be put together; nothing is asked of the machine
    foreign = {name.split(".")[0] for name, _ in imports(module) if name != "os.path"} - {PACKAGE}
    assert foreign.isdisjoint({"docker", "io", "os", "pathlib", "pytest", "socket", "subprocess", "urllib", "yaml"})


def test_the_plugin_module_imports_the_standard_library_and_pytest_alone() -> None:
    tree = ast.parse(FILES[f"{PACKAGE}.plugin"].read_text(encoding="utf-8"))
    at_top = {name.split(".")[0] for node in tree.body for name in imported(node)}
    assert at_top - sys.stdlib_module_names == {"pytest"}


def test_every_module_says_what_it_is_for_and_delays_its_annotations() -> None:
    for module, path in FILES.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert ast.get_docstring(tree), module
        names = {alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names}
        has_annotations = any(isinstance(node, (ast.FunctionDef, ast.AnnAssign)) for node in ast.walk(tree))
        assert "annotations" in names or not has_annotations, module
