"""Regular expressions that are compiled when they are first used.

Start-up is what a small run costs, and of some 240 expressions it uses fewer than 50. ``re.compile`` is still right for
one that every run needs.
"""

from __future__ import annotations

import re
from typing import Any, AnyStr, cast

_METHODS = ("match", "search", "fullmatch", "finditer", "findall", "sub", "subn", "split")


def pattern(source: AnyStr, flags: int = 0, *, needs: tuple[AnyStr, ...] = ()) -> re.Pattern[AnyStr]:
    """What ``re.compile`` gives, later. A mistake in ``source`` shows at first use.

    ``needs`` are texts of which every match holds one, in lower case where the expression ignores case: a text that
    holds none of them is answered for without compiling.
    """
    lazy = Guarded(source, flags, needs) if needs else _Lazy(source, flags)
    return cast("re.Pattern[AnyStr]", lazy)


class _Lazy:
    def __init__(self, source: Any, flags: int) -> None:
        self._source = source
        self._flags = flags

    def __getattr__(self, name: str) -> Any:
        compiled = re.compile(self._source, self._flags)
        # from now on a method is found without coming here
        self.__dict__.update({method: getattr(compiled, method) for method in _METHODS})
        return getattr(compiled, name)


class Guarded(_Lazy):
    """Answers what needs no compiling; its methods give way to those of the compiled one at the first other text."""

    def __init__(self, source: Any, flags: int, needs: tuple[Any, ...]) -> None:
        super().__init__(source, flags)
        self._needs = needs
        self._folds = bool(flags & re.IGNORECASE) or source.startswith("(?i)")

    def _may_match(self, text: Any) -> bool:
        folded = text.casefold() if self._folds else text
        return any(need in folded for need in self._needs)

    def match(self, text: Any) -> Any:
        return self.__getattr__("match")(text) if self._may_match(text) else None

    def search(self, text: Any) -> Any:
        return self.__getattr__("search")(text) if self._may_match(text) else None

    def fullmatch(self, text: Any) -> Any:
        return self.__getattr__("fullmatch")(text) if self._may_match(text) else None

    def finditer(self, text: Any) -> Any:
        return self.__getattr__("finditer")(text) if self._may_match(text) else iter(())

    def sub(self, replacement: Any, text: Any) -> Any:
        return self.__getattr__("sub")(replacement, text) if self._may_match(text) else text
