"""Every look at a value is counted and blamed on the user's line."""

import pytest

import kilnn as T

LOOKS = {
    "item": lambda x: x[0].item(),
    "bool": lambda x: bool((x > 0).any()),
    "mask": lambda x: x[x > 0],
    "nonzero": T.nonzero,
    "masked_select": lambda x: T.masked_select(x, x > 0),
    "unique": T.unique,
}
NO_LOOKS = {
    "shape": lambda x: x.shape,
    "where": lambda x: T.where(x > 0, x, 0),
    "masked_fill": lambda x: x.masked_fill(x > 0, 0),
}


def pending():
    return T.ones(50_000) * 2 - 1


@pytest.mark.parametrize("name", LOOKS)
def test_a_look_is_one_read_at_its_line(name):
    x = pending()
    before = T.stats()["syncs"]
    LOOKS[name](x)
    assert T.stats()["syncs"] - before == 1
    assert any("test_reads.py" in s.where for s in T.explain().syncs)


@pytest.mark.parametrize("name", NO_LOOKS)
def test_what_reads_nothing(name):
    x = pending()
    with T.expect(syncs=0):
        NO_LOOKS[name](x)


def test_values_on_the_host_are_no_reads():
    with T.expect(syncs=0):
        T.tensor([1.0, 0.0]).nonzero()
