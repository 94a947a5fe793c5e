"""What is saved comes back: structure, types, values; and damaged or foreign files are refused with a reason."""

import io
import json
import math
import os
import stat
import sys
from collections import OrderedDict, defaultdict, namedtuple
from enum import IntEnum
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
import torch
from safetensors import numpy as official, safe_open

import kilnn
from kilnn.base import dtypes
from kilnn.base.device import Device
from kilnn.io import load_safetensors as load, save_safetensors as save
from kilnn.io.atomic import replacing
from kilnn.tensor.create import array_of_tensor, from_host
from kilnn.tensor.size import Size
from tests.oracle import is_tensor


def through_a_file(obj, **options):
    file = io.BytesIO()
    save(obj, file)
    file.seek(0)
    return load(file, **options)


def assert_same(a, b) -> None:
    if is_tensor(b):
        assert is_tensor(a) and a.dtype is b.dtype and a.shape == b.shape and a.requires_grad == b.requires_grad
        assert array_of_tensor(a).tobytes() == array_of_tensor(b).tobytes()
        return
    assert type(a) is type(b)
    if isinstance(b, dict):
        assert [(type(key), key) for key in a] == [(type(key), key) for key in b]
        for key in b:
            assert_same(a[key], b[key])
    elif isinstance(b, list | tuple):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            assert_same(x, y)
    elif isinstance(b, float) and math.isnan(b):
        assert math.isnan(a)
    else:
        assert a == b


def tensor_of(dtype: dtypes.DType, shape: tuple[int, ...] = (2, 3)):
    values = np.arange(math.prod(shape)).reshape(shape)
    return from_host(values.astype(dtype.np))


@pytest.mark.parametrize("dtype", dtypes.DTYPES, ids=repr)
@pytest.mark.parametrize("shape", [(2, 3), (), (0, 3), (1,)])
def test_every_dtype(dtype, shape, tmp_path):
    tensor = tensor_of(dtype, shape)
    assert_same(through_a_file(tensor), tensor)
    save(tensor, tmp_path / "t")
    assert_same(load(tmp_path / "t"), tensor)


STRUCTURES = {
    "plain": [1, -(2**70), True, None, 'text \u00e9\n"', 0.1, -0.0, 1e308],
    "odd floats": [math.inf, -math.inf, math.nan],
    "complex": [1 + 2j, complex(math.inf, -0.0)],
    "empty": [{}, [], (), OrderedDict()],
    "tuples": (1, (2, [3, (4,)])),
    "keys": {1: "int", "1": "str", (1, "a"): "tuple", None: "none", True + 1: "two", 2.5: "float"},
    "ordered": OrderedDict([("b", 1), ("a", OrderedDict(c=2))]),
    "tags as data": {"tensor": 0, "dict": [[1, 2]], "a": {"float": "nan"}},
    "types": [dtypes.float32, dtypes.bool, Device("cuda:1"), Device("cpu")],
    "size": [Size((2, 3)), Size(())],
    "deep": [[[[[[[[[[1]]]]]]]]]],
}


@pytest.mark.parametrize("name", STRUCTURES)
def test_structures(name):
    assert_same(through_a_file(STRUCTURES[name]), STRUCTURES[name])


def test_minus_zero_keeps_its_sign():
    assert math.copysign(1, through_a_file(-0.0)) == -1


def test_a_checkpoint(tmp_path):
    checkpoint = {
        "model": OrderedDict({"0.weight": tensor_of(dtypes.float32), "0.bias": tensor_of(dtypes.bfloat16, (3,))}),
        "optimizer": {"state": {0: {"step": tensor_of(dtypes.float32, ())}}, "param_groups": [{"betas": (0.9, 0.999)}]},
        "epoch": 3,
        "rng": from_host(kilnn.Generator().stream.get_state()),
    }
    path = tmp_path / "checkpoint.safetensors"
    save(checkpoint, path)
    assert_same(load(path), checkpoint)
    with safe_open(path, "np") as file:
        assert set(file.keys()) == {"model.0.weight", "model.0.bias", "optimizer.state.0.step", "rng"}


def test_a_state_dict_keeps_its_names(tmp_path):
    save({"fc.weight": tensor_of(dtypes.float32)}, tmp_path / "s")
    assert official.load_file(tmp_path / "s")["fc.weight"].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_paths_that_spell_alike_stay_apart():
    obj = {
        "a.b": kilnn.zeros(1),
        "a": {"b": kilnn.ones(1)},
        "__metadata__": kilnn.ones(2),
        0: kilnn.ones(3),
        "0": kilnn.ones(4),
    }
    assert_same(through_a_file(obj), obj)


def test_one_object_is_one_object_again():
    tensor = tensor_of(dtypes.float32)
    a, (b, c) = through_a_file([tensor, (tensor, tensor_of(dtypes.float32))])
    assert a is b and a is not c


def test_shared_memory_is_stored_once_and_loaded_apart():
    tensor = tensor_of(dtypes.float32, (1000,))
    file = io.BytesIO()
    save({"a": tensor, "b": tensor.detach()}, file)
    assert len(file.getvalue()) < 6000
    file.seek(0)
    loaded = load(file)
    loaded["a"].zero_()
    assert loaded["b"].tolist() == list(range(1000))


def test_views_are_stored_as_they_look():
    tensor = tensor_of(dtypes.float32, (4, 6))
    obj = [tensor.t(), tensor[1:3, ::2], tensor[0].expand(3, 6)]
    loaded = through_a_file(obj)
    assert [x.tolist() for x in loaded] == [x.tolist() for x in obj]


def test_requires_grad_is_kept():
    leaf = kilnn.ones(2, requires_grad=True)
    loaded = through_a_file({"leaf": leaf, "plain": kilnn.ones(2), "result": leaf * 2})
    assert [loaded[k].requires_grad for k in ("leaf", "plain", "result")] == [True, False, True]
    assert all(t.is_leaf for t in loaded.values())


def test_loaded_tensors_may_be_written_to(tmp_path):
    save({"a": kilnn.zeros(3)}, tmp_path / "f")
    for loaded in (load(tmp_path / "f"), through_a_file({"a": kilnn.zeros(3)})):
        loaded["a"].add_(1)
        assert loaded["a"].tolist() == [1, 1, 1]


def test_same_object_same_bytes():
    obj = {"x": tensor_of(dtypes.float32), "y": [tensor_of(dtypes.int8), 3]}
    first, second = io.BytesIO(), io.BytesIO()
    save(obj, first)
    save(obj, second)
    assert first.getvalue() == second.getvalue()


class Color(IntEnum):
    RED = 1


Point = namedtuple("Point", "x")
REFUSED = {
    "function": (lambda: 0, "builtins.function|function"),
    "set": ({1}, "set"),
    "bytes": (b"x", "bytes"),
    "array": (np.zeros(2), r"numpy\.ndarray.*kilnn\.tensor\("),
    "numpy number": (np.float64(1), r"numpy\.float64.*\.item\(\)"),
    "numpy text": (np.str_("a"), r"numpy\.str_"),
    "default dict": (defaultdict(int), r"collections\.defaultdict.*dict\("),
    "named tuple": (Point(1), "Point"),
    "enum": (Color.RED, "Color"),
    "module": (math, "module"),
    "object": (object(), "object"),
    "torch tensor": (torch.zeros(1), r"torch\.Tensor"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_classes_are_refused_by_path(name, tmp_path):
    value, words = REFUSED[name]
    path = tmp_path / "f"
    with pytest.raises(TypeError, match=rf"save: cannot keep obj\['opt'\]\[1\]\['x'\]; received .*({words})"):
        save({"opt": (0, {"x": value})}, path)
    assert not list(tmp_path.iterdir())


def test_keys_are_refused_by_path():
    with pytest.raises(TypeError, match=r"cannot keep the key of obj\['a'\]\[frozenset\(\)\]; received frozenset"):
        save({"a": {frozenset(): 1}}, io.BytesIO())
    with pytest.raises(TypeError, match=r"a key of obj\['a'\] is a tensor"):
        save({"a": {kilnn.zeros(1): 1}}, io.BytesIO())


def test_containers_that_contain_themselves():
    obj: dict = {"a": []}
    obj["a"].append(obj)
    with pytest.raises(ValueError, match=r"save: obj\['a'\]\[0\] contains itself"):
        save(obj, io.BytesIO())
    twice = [1]
    assert through_a_file([twice, twice]) == [[1], [1]]


def test_wrong_files():
    with pytest.raises(TypeError, match="save: expected a path or a file opened for writing bytes, but got int"):
        save(1, 3)
    with pytest.raises(TypeError, match="load: expected a path or a file opened for reading bytes, but got int"):
        load(3)
    with pytest.raises(FileNotFoundError):
        load("/no/such/file")
    with pytest.raises(FileNotFoundError):
        save(1, "/no/such/folder/file")


def test_other_safetensors_files(tmp_path):
    path = tmp_path / "f.safetensors"
    official.save_file({"w": np.ones((2, 2), np.float32), "b": np.ones(2, ml_dtypes.bfloat16)}, path)
    for loaded in (load(path), load(io.BytesIO(path.read_bytes()))):
        assert loaded["w"].tolist() == [[1, 1], [1, 1]] and loaded["b"].dtype is dtypes.bfloat16


def file_with(description) -> io.BytesIO:
    """A safetensors file with one tensor and this description, right or wrong."""
    text = description if isinstance(description, str) else json.dumps(description)
    return io.BytesIO(official.save({"w": np.arange(3.0)}, {"kilnn": text}))


def described(root, *entries):
    return {"version": 1, "root": root, "tensors": list(entries)}


def test_the_maker_of_wrong_files_can_make_a_right_one():
    assert load(file_with(described({"tensor": 0}, {"data": "w"}))).tolist() == [0, 1, 2]


DAMAGED = {
    "no json": "{",
    "no object": "[]",
    "too deep": "[" * 100_000,
    "part missing": {"version": 1, "root": 1},
    "newer": {**described(1), "version": 2},
    "unknown tag": described({"exec": "1"}),
    "two tags": described({"tuple": [], "dict": []}),
    "bad pairs": described({"dict": [1]}),
    "bad key": described({"dict": [[[1], 2]]}),
    "bad dtype": described({"dtype": "float8"}),
    "bad device": described({"device": "toaster"}),
    "bad float": described({"float": "x"}),
    "bad complex": described({"complex": [1, 2, 3]}),
    "no such tensor": described({"tensor": 5}),
    "no number": described({"tensor": "w"}),
    "no such data": described({"tensor": 0}, {"data": "x"}),
    "no data": described({"tensor": 0}, {}),
    "not pairs": described({"tensor": 0}, {"data": "w", "complex128": True}),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_descriptions(name):
    with pytest.raises(ValueError, match=r"load: the description inside the file cannot be read|no safetensors file"):
        load(file_with(DAMAGED[name]))


@pytest.mark.parametrize("cut", [0, 4, 20, 100, -1])
def test_damaged_files(cut, tmp_path):
    file = io.BytesIO()
    save({"w": tensor_of(dtypes.float32, (50,))}, file)
    content = file.getvalue()[:cut]
    with pytest.raises(ValueError, match="load: this is no safetensors file"):
        load(io.BytesIO(content))
    (tmp_path / "f").write_bytes(content)
    with pytest.raises(ValueError, match="load: this is no safetensors file"):
        load(tmp_path / "f")


def test_nothing_is_executed():
    """Names of code in the file stay text."""
    text = described({"dict": [["__reduce__", "os.system"], ["__class__", "builtins.eval"]]})
    assert load(file_with(text)) == {"__reduce__": "os.system", "__class__": "builtins.eval"}
    used = {
        name for name in ("pickle", "marshal", "importlib") if name in vars(sys.modules["kilnn.io.safetensors_format"])
    }
    assert not used


def test_map_location():
    text = described([{"tensor": 0}, {"tensor": 1}], {"data": "w", "device": "cuda:3"}, {"data": "w"})
    with pytest.raises(
        RuntimeError, match=r"saved from 'cuda:3' and goes to 'cuda:3'.*Fix: load with map_location='cpu'"
    ):
        load(file_with(text))
    for where in ("cpu", Device("cpu"), {"cuda:3": "cpu"}):
        a, b = load(file_with(text), map_location=where)
        assert a.device == b.device == Device("cpu")
    for moved in (lambda storage, location: storage, lambda storage, location: storage.to(device="cpu")):
        assert load(file_with(text), map_location=moved)[0].device == Device("cpu")
    with pytest.raises(RuntimeError, match="saved from 'cuda:3' and goes to 'cuda:3'"):
        load(file_with(text), map_location=lambda storage, location: None)
    with pytest.raises(RuntimeError, match=r"function given as map_location has to return the storage.*received int"):
        load(file_with(text), map_location=lambda storage, location: 3)
    with pytest.raises(TypeError, match=r"map_location is a device, its name, a dict .*; received int"):
        load(file_with(text), map_location=3)
    with pytest.raises(RuntimeError, match="Expected one of"):
        load(file_with(text), map_location="toaster")


class Broken(RuntimeError):
    pass


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "f"
    save({"a": 1}, path)

    def fail(arrays, draft, metadata):
        Path(draft).write_bytes(b"half of it")
        raise Broken

    monkeypatch.setattr("kilnn.io.safetensors_format.safetensors_numpy.save_file", fail)
    with pytest.raises(Broken):
        save({"a": 2}, path)
    assert load(path) == {"a": 1} and os.listdir(tmp_path) == ["f"]


def test_replacing(tmp_path):
    path = tmp_path / "f"
    with replacing(path) as draft:
        draft.write_text("new")
        assert not path.exists() and draft.parent == tmp_path
    assert path.read_text() == "new"
    path.chmod(0o640)
    link = tmp_path / "link"
    link.symlink_to(path)
    with replacing(link) as draft:
        draft.write_text("newer")
    assert link.is_symlink() and path.read_text() == "newer" and stat.S_IMODE(path.stat().st_mode) == 0o640
    with pytest.raises(KeyboardInterrupt), replacing(path) as draft:
        draft.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "newer" and sorted(os.listdir(tmp_path)) == ["f", "link"]
    with replacing("/dev/null") as draft:
        assert draft == Path("/dev/null")
