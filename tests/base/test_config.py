"""Flags: read from the environment once, checked with an error that names the flag."""

import os
import subprocess
import sys

import pytest

from kilnn.base.config import FLAGS, Config, config


def test_defaults():
    fresh = Config({})
    assert {flag.name: getattr(fresh, flag.name) for flag in FLAGS} == {
        "eager": False,
        "verify": False,
        "cache_size": 64,
        "disk_cache": True,
        "disk_cache_dir": "",
        "disk_cache_mb": 1024,
        "trace_cap": 2000,
        "malloc": True,
        "gc_freeze": True,
        "native": True,
    }


def test_every_flag_has_its_variable_and_meaning():
    for flag in FLAGS:
        assert flag.variable == f"KILNN_{flag.name.upper()}"
        assert flag.meaning
        assert flag.name in Config.__slots__ and flag.name in Config.__annotations__


@pytest.mark.parametrize("text", ["1", "true", "YES", " on "])
def test_switch_on(text):
    assert Config({"KILNN_EAGER": text}).eager is True


@pytest.mark.parametrize("text", ["0", "False", "no", "off"])
def test_switch_off(text):
    assert Config({"KILNN_MALLOC": text}).malloc is False


def test_empty_means_default():
    assert Config({"KILNN_MALLOC": "", "KILNN_CACHE_SIZE": " "}).cache_size == 64


def test_numbers():
    assert Config({"KILNN_CACHE_SIZE": "7"}).cache_size == 7


@pytest.mark.parametrize(
    ("variable", "text", "words"),
    [
        ("KILNN_EAGER", "maybe", "switch; received 'maybe'; expected one of 1, true, yes, on, 0"),
        ("KILNN_CACHE_SIZE", "many", "count; received 'many'; expected a whole number above 0"),
        ("KILNN_TRACE_CAP", "0", "count; received '0'"),
        ("KILNN_TRACE_CAP", "-3", "count; received '-3'"),
        ("KILNN_TRACE_CAP", "1.5", "count; received '1.5'"),
    ],
)
def test_wrong_value(variable, text, words):
    with pytest.raises(ValueError, match=f"environment variable {variable} is a {words}"):
        Config({variable: text})


def test_assigning_is_checked():
    flags = Config({})
    flags.eager = True
    flags.cache_size = 3
    assert flags.eager is True and flags.cache_size == 3
    with pytest.raises(ValueError, match=r"config\.eager is a switch; received 2"):
        flags.eager = 2
    with pytest.raises(ValueError, match=r"config\.cache_size is a count; received True"):
        flags.cache_size = True
    with pytest.raises(AttributeError, match="no flag 'egaer'; the flags are eager, verify"):
        flags.egaer = True
    with pytest.raises(AttributeError, match="cannot be deleted"):
        del flags.eager


def test_override_restores():
    before = config.cache_size
    with pytest.raises(KeyError), config.override(cache_size=2, eager=True):
        assert config.cache_size == 2 and config.eager
        raise KeyError
    assert config.cache_size == before
    with pytest.raises(ValueError, match="cache_size"), config.override(verify=True, cache_size=-1):
        pass
    assert repr(Config({})).startswith("config(eager=False, ")


def test_read_in_a_new_process():
    code = "from kilnn.base.config import config; print(config.trace_cap, config.verify)"
    environment = {**os.environ, "KILNN_TRACE_CAP": "17", "KILNN_VERIFY": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["17", "True"]
