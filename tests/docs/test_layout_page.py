"""docs/layout.md names every file of the package, and no other."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "layout.md"
FOLDER = re.compile(r"^## `(kilnn/[\w/]*)`")
ENTRY = re.compile(r"^- `([\w/]+\.py)`: \S")


def listed(text: str) -> list[str]:
    """The files of the lists, as paths from the repository's root."""
    folder, found = None, []
    for line in text.splitlines():
        heading = FOLDER.match(line)
        if line.startswith("## "):
            folder = heading[1] if heading else None
        entry = ENTRY.match(line)
        if entry and folder:
            found.append(folder + entry[1])
    return found


def package_files() -> set[str]:
    return {p.relative_to(ROOT).as_posix() for p in (ROOT / "kilnn").rglob("*.py") if p.name != "__init__.py"}


def suggestion(path: str) -> str:
    folder, _, name = path.removeprefix("kilnn/").rpartition("/")
    first = (ast.get_docstring(ast.parse((ROOT / path).read_text(encoding="utf-8"))) or "what it does").split("\n")[0]
    return f"docs/layout.md, under `kilnn/{folder}/`:  - `{name}`: {first}"


def test_every_file_has_one_line():
    found = listed(PAGE.read_text(encoding="utf-8"))
    missing = sorted(package_files() - set(found))
    assert not missing, "add to " + "\n".join(map(suggestion, missing))
    assert len(found) == len(set(found)), sorted(f for f in found if found.count(f) > 1)


def test_every_named_file_exists():
    text = PAGE.read_text(encoding="utf-8")
    named = set(listed(text)) | set(re.findall(r"`((?:kilnn|tests|benchmarks|examples|docs)/[\w./]*)`", text))
    assert len(named) > 100
    gone = sorted(name for name in named if not (ROOT / name).exists())
    assert not gone, f"docs/layout.md names files that are not there: {gone}"


def test_packages_only_re_export():
    """`__init__.py` files are left out of the page because there is nothing to say about them. The package's own also
    says what is loaded at its first use: imports for type checkers, functions for Python."""
    for path in (ROOT / "kilnn").rglob("__init__.py"):
        for statement in ast.parse(path.read_text(encoding="utf-8")).body:
            plain = isinstance(statement, ast.Import | ast.ImportFrom | ast.Assign) or (
                isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant | ast.Call)
            )
            late = isinstance(statement, ast.If) and path.parent.name == "kilnn"
            assert plain or late, f"{path}:{statement.lineno}: only imports and __all__ belong here"


def test_the_check_of_the_list_can_fail():
    text = PAGE.read_text(encoding="utf-8")
    assert "kilnn/engine/values.py" in listed(text)
    assert "kilnn/engine/values.py" not in listed(text.replace("- `values.py`: ", "- values.py: "))
    assert "kilnn/engine/nothing.py" in listed(text.replace("- `values.py`: ", "- `nothing.py`: "))
