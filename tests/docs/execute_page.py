"""Run the Python blocks of a documentation page in order, in one namespace.

    python -m tests.docs.execute_page docs/engine.md

A block is what stands between a line "```python" and the next "```". Errors name the page's own lines.
"""

import sys
from pathlib import Path
from typing import NamedTuple


class Block(NamedTuple):
    line: int  # of the first line of code
    code: str


def blocks_of(text: str) -> list[Block]:
    """The Python blocks of a page, in order."""
    found: list[Block] = []
    start: int | None = None
    inside = False  # a block of another language
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        mark = line.strip()
        if start is not None:
            if mark == "```":
                found.append(Block(start, "\n".join(lines[start - 1 : number - 1]) + "\n"))
                start = None
        elif inside:
            inside = mark != "```"
        elif mark == "```python":
            start = number + 1
        else:
            inside = mark.startswith("```")
    if start is not None:
        raise ValueError(f"the block that begins at line {start} has no end")
    return found


def execute(path: Path) -> int:
    """Run the blocks of a page; the number of them. An exception's traceback names page and line."""
    namespace = {"__name__": "__main__"}
    blocks = blocks_of(path.read_text(encoding="utf-8"))
    for block in blocks:
        exec(compile("\n" * (block.line - 1) + block.code, str(path), "exec"), namespace)
    return len(blocks)


if __name__ == "__main__":
    for page in sys.argv[1:]:
        print(f"{page}: {execute(Path(page))} blocks")
