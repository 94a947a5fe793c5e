"""The documentation runs: each page's Python blocks in order, in a process of its own; and its links lead somewhere."""

import os
import re
import subprocess
import sys
from operator import attrgetter
from pathlib import Path

import pytest

import kilnn
from tests.docs.execute_page import blocks_of, execute

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "examples/tutorial/README.md", *sorted((ROOT / "docs").rglob("*.md"))]
WITH_CODE = [page for page in PAGES if blocks_of(page.read_text(encoding="utf-8"))]


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", WITH_CODE, ids=name_of)
def test_the_blocks_run(page):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.docs.execute_page", name_of(page)],
        cwd=ROOT,
        env=os.environ | {"JAX_PLATFORMS": "cpu", "KILNN_VERIFY": "1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, f"{place_of(done.stderr, name_of(page))}\n{done.stderr}"


def place_of(traceback: str, page: str) -> str:
    """`page:line` of the innermost line of the page in a traceback, with the error."""
    lines = re.findall(rf'File "{re.escape(page)}", line (\d+)', traceback)
    error = traceback.strip().splitlines()[-1] if traceback.strip() else "no output"
    return f"{page}:{lines[-1] if lines else '?'}: {error}"


def test_no_block_is_overlooked():
    assert {"README.md", "docs/engine.md"} <= {name_of(page) for page in WITH_CODE}
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        assert len(blocks_of(text)) == text.count("```python"), name_of(page)
    assert len(blocks_of((ROOT / "docs" / "engine.md").read_text(encoding="utf-8"))) > 30


def test_the_small_engine_is_small():
    part_one = (ROOT / "docs" / "engine.md").read_text(encoding="utf-8").split("# Part two")[0]
    lines = [line for block in blocks_of(part_one) for line in block.code.splitlines() if line.strip()]
    assert 250 <= len(lines) <= 310


def test_a_failing_block_is_named_by_page_and_line(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# Title\n\n```python\nx = 1\n```\n\ntext\n\n```sh\nnot python\n```\n\n```python\ny = x\nassert y == 2\n```\n"
    )
    with pytest.raises(AssertionError) as error:
        execute(page)
    assert error.traceback[-1].path == page
    assert error.traceback[-1].lineno + 1 == 15
    page.write_text("```python\nx = 1\n```\n```python\nassert x == 1\n```\n")
    assert execute(page) == 2


def test_a_block_without_an_end_is_an_error():
    with pytest.raises(ValueError, match="line 2 has no end"):
        blocks_of("```python\nx = 1\n")


def test_the_place_of_an_error():
    text = 'Traceback\n  File "docs/a.md", line 7, in <module>\n  File "/x.py", line 9, in f\nValueError: no\n'
    assert place_of(text, "docs/a.md") == "docs/a.md:7: ValueError: no"


def missing_names(readme: str) -> list[str]:
    """The names that the README's "Not there yet" calls missing."""
    listed = re.search(r"^- Not there yet: (.*?)(?=^- )", readme, re.M | re.S)
    return re.findall(r"`kilnn\.([\w.]+)`", listed[1]) if listed else []


def test_what_the_readme_calls_missing_is_missing():
    names = missing_names((ROOT / "README.md").read_text(encoding="utf-8"))
    assert names
    for name in names:
        with pytest.raises(AttributeError):
            attrgetter(name)(kilnn)
    assert missing_names("- Not there yet: `kilnn.a.b`, `kilnn.c`.\n- Other: `kilnn.d`\n") == ["a.b", "c"]


def anchor(heading: str) -> str:
    """The fragment that a heading gets on GitHub."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def dead_links(page: Path) -> list[str]:
    """Links of a page to files or headings that are not there."""
    text = page.read_text(encoding="utf-8")
    dead = []
    for target, fragment in re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)", text):
        file = (page.parent / target).resolve() if target else page
        if not file.exists():
            dead.append(target)
        elif fragment and fragment not in {anchor(h) for h in re.findall(r"^#+ (.*)$", file.read_text(), re.M)}:
            dead.append(f"{target}#{fragment}")
    return dead


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    assert dead_links(page) == []


def test_the_check_of_links_can_fail(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# A title: here\n[a](#a-title-here) [b](page.md#a-title) [c](nothing.md) [d](https://example.org/x)\n"
    )
    assert dead_links(page) == ["page.md#a-title", "nothing.md"]
