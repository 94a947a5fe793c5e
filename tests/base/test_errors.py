"""Message texts and the search for the user's line."""

import pytest

from kilnn.base import errors
from kilnn.base.errors import PACKAGE_FOLDER, UNKNOWN_SITE, StateLostError, message, user_site


def test_message():
    assert message("conv2d: wrong channels") == "conv2d: wrong channels."
    assert (
        message("conv2d: wrong channels", received=(2, 3), expected=[4], fix="pass 4 channels.")
        == "conv2d: wrong channels; received (2, 3); expected [4]. Fix: pass 4 channels."
    )


def test_state_lost_is_a_runtime_error():
    with pytest.raises(RuntimeError):
        raise StateLostError("step 3")


def line_here() -> errors.Site:
    return user_site()


def test_own_line():
    site = line_here()
    assert site.filename == __file__ and site.function == "line_here"
    assert site.lineno == line_here.__code__.co_firstlineno + 1
    assert str(site) == f"{__file__}:{site.lineno} in line_here"


def test_depth_skips_frames():
    assert user_site(2).function != "test_depth_skips_frames"


def inside_package(source: str) -> dict:
    """Names defined by a source that claims to lie in the package's folder."""
    namespace: dict = {"user_site": user_site}
    exec(compile(source, PACKAGE_FOLDER + "nn/fake.py", "exec"), namespace)
    return namespace


def test_frames_of_the_package_are_skipped():
    fake = inside_package("def inner():\n    return user_site()\ndef outer():\n    return inner()\n")
    site = fake["outer"]()
    assert site.filename == __file__ and site.function == "test_frames_of_the_package_are_skipped"


@pytest.mark.parametrize("name", ["<doctest page[0]>", "<ipython-input-3-1a2b>", "/tmp/ipykernel_7/1.py", "<stdin>"])
def test_cells_are_user_code(name):
    fake = inside_package("def call(f):\n    return f()\n")
    namespace = {"call": fake["call"], "user_site": user_site}
    exec(compile("def cell():\n    return user_site()\nsite = call(cell)\n", name, "exec"), namespace)
    assert namespace["site"].filename == name and namespace["site"].lineno == 2


def test_a_folder_with_a_similar_name_is_user_code():
    namespace: dict = {"user_site": user_site}
    exec(compile("site = user_site()", PACKAGE_FOLDER.rstrip("/") + "_examples/a.py", "exec"), namespace)
    assert namespace["site"].filename.endswith("_examples/a.py")


def test_no_user_frame(monkeypatch):
    monkeypatch.setattr(errors, "PACKAGE_FOLDER", "")
    assert user_site() is UNKNOWN_SITE
