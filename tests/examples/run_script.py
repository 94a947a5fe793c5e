"""Run a script as `python script.py` would, then write down its numbers and what the engine did.

    python -m tests.examples.run_script examples/tutorial/05_training_loop.py out.json

The file holds `{"stats": kilnn.stats(), "values": {...}}`: the script's global variables that are numbers, or lists and
dictionaries of numbers.
"""

import json
import runpy
import sys

import kilnn


def plain(value):
    """Is it made of numbers, text, lists and dictionaries only?"""
    if isinstance(value, dict):
        return all(isinstance(k, str) and plain(v) for k, v in value.items())
    if isinstance(value, list | tuple):
        return all(map(plain, value))
    return isinstance(value, bool | int | float | str)


def values_of(namespace):
    return {name: v for name, v in namespace.items() if not name.startswith("_") and plain(v)}


if __name__ == "__main__":
    script, out = sys.argv[1:]
    namespace = runpy.run_path(script, run_name="__main__")
    with open(out, "w", encoding="utf-8") as file:
        json.dump({"stats": kilnn.stats(), "values": values_of(namespace)}, file)
