"""What mkdocs does besides: add the pages that are made from the registry, and link every control that is named."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import controls  # noqa: E402

_NAMED = re.compile(r"(?<!\[)`([a-z0-9]+(?:-[a-z0-9]+)+)`(?!\])")


def on_files(files: Files, config: Any) -> Files:
    """Add the generated pages."""
    for path, text in controls.pages().items():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Link the first naming of each control in a line to its page; code blocks are left alone."""
    if page.file.src_uri.startswith("controls/"):
        return markdown
    up = "../" * page.file.src_uri.count("/")
    parts = re.split(r"(^```.*?^```)", markdown, flags=re.MULTILINE | re.DOTALL)
    return "".join(part if part.startswith("```") else _NAMED.sub(lambda m: _linked(m, up), part) for part in parts)


def _linked(match: re.Match[str], up: str) -> str:
    return f"[`{match[1]}`]({up}controls/{match[1]}.md)" if match[1] in controls.load_all() else match[0]
