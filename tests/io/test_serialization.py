"""PyTorch's files: what it writes is read, what is written it reads, and hostile files run nothing."""

import argparse
import collections
import io
import math
import os
import pickle
import struct
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
import torch

import kilnn
from kilnn.base.device import Device
from kilnn.io import load, save
from tests.oracle import assert_same_tree

DTYPES = (
    "float32", "float64", "float16", "bfloat16", "uint8", "int8", "int16", "int32", "int64", "bool", "complex64",
    "complex128",
)  # fmt: skip
ARCHIVES = {"zip": True, "before 1.6": False}


def from_torch(obj, archive=True, **options):
    file = io.BytesIO()
    torch.save(obj, file, _use_new_zipfile_serialization=archive)
    file.seek(0)
    return load(file, **options)


def to_torch(obj):
    file = io.BytesIO()
    save(obj, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def through_a_file(obj, **options):
    file = io.BytesIO()
    save(obj, file)
    file.seek(0)
    return load(file, **options)


def tensors(library):
    """One tensor of each dtype and shape, from the same numbers."""
    out = {}
    for name in DTYPES:
        for shape in ((2, 3), (), (0, 3)):
            values = np.arange(math.prod(shape), dtype=np.float64).reshape(shape)
            out[f"{name}{shape}"] = library.tensor(values.tolist()).reshape(shape).to(getattr(library, name))
    return out


@pytest.mark.parametrize("archive", ARCHIVES.values(), ids=ARCHIVES)
def test_every_dtype_is_read(archive):
    assert_same_tree(from_torch(tensors(torch), archive), tensors(torch))


def test_every_dtype_is_written():
    assert_same_tree(tensors(kilnn), to_torch(tensors(kilnn)))


PLAIN = {
    "plain": [1, 255, 256, -1, -(2**31), 2**31, -(2**70), True, None, "text \u00e9\n", 0.1, -0.0, 1e308],
    "odd floats": [math.inf, -math.inf],
    "complex": [1 + 2j],
    "empty": [{}, [], (), OrderedDict(), set()],
    "tuples": (1, (2, [3, (4, 5, 6, 7)])),
    "keys": {1: "int", "1": "str", (1, "a"): "tuple", None: "none", 2.5: "float"},
    "ordered": OrderedDict([("b", 1), ("a", OrderedDict(c=2))]),
    "counted": collections.Counter("abca"),
    "sets and bytes": [{1, 2}, b"\x00\xffx", bytearray(b"ab")],
    "many": list(range(2000)),
    "long text": "x" * 70000,
}


@pytest.mark.parametrize("name", PLAIN)
def test_structures(name):
    for archive in ARCHIVES.values():
        read = from_torch(PLAIN[name], archive)
        assert read == PLAIN[name] and type(read) is type(PLAIN[name])
    for back in (to_torch(PLAIN[name]), through_a_file(PLAIN[name])):
        assert back == PLAIN[name] and type(back) is type(PLAIN[name])


def test_types():
    ours = [kilnn.float32, kilnn.bool, Device("cuda:1"), Device("cpu"), kilnn.Size((2, 3))]
    theirs = [torch.float32, torch.bool, torch.device("cuda:1"), torch.device("cpu"), torch.Size((2, 3))]
    assert from_torch(theirs) == ours == through_a_file(ours) and to_torch(ours) == theirs
    assert isinstance(through_a_file(ours)[4], kilnn.Size)
    assert math.isnan(through_a_file(math.nan)) and math.copysign(1, to_torch(-0.0)) == -1


def test_objects_that_occur_twice_and_in_themselves():
    shared = [1]
    loop = {"a": shared, "b": shared}
    loop["self"] = loop
    for loaded in (from_torch(loop), through_a_file(loop), to_torch(loop)):
        assert loaded["a"] is loaded["b"] and loaded["self"] is loaded
    holder: list = []
    inside = (holder,)
    holder.append(inside)
    with pytest.raises(ValueError, match=r"save: obj\[0\]\[0\] contains itself"):
        save(inside, io.BytesIO())


def shared_tensors(library):
    """Tensors that share memory in each way: whole, parts, transposed, stepped, expanded."""
    base = library.arange(24.0).reshape(4, 6)
    parameter = library.nn.Parameter(library.ones(3))
    return {
        "base": base, "same": base.detach(), "row": base[1], "turned": base.t(), "rows": base[1:3],
        "step": base[1:, ::2], "spread": base[0].expand(2, 6), "alone": library.arange(6.0).view(2, 3).t(),
        "cut": library.arange(10.0)[2:5], "parameter": parameter, "tied": parameter,
        "leaf": library.ones(2, requires_grad=True), "result": library.ones(2, requires_grad=True) * 2,
    }  # fmt: skip


@pytest.mark.parametrize("archive", ARCHIVES.values(), ids=ARCHIVES)
def test_views_and_sharing_are_read(archive):
    theirs = shared_tensors(torch)
    ours = from_torch(theirs, archive)
    expected = {k: v.detach().requires_grad_(v.requires_grad) if k == "result" else v for k, v in theirs.items()}
    assert_same_tree(ours, expected)
    for name in ("base", "row", "turned", "rows", "alone", "cut"):
        assert ours[name].stride() == theirs[name].stride(), name
    assert type(ours["parameter"]) is kilnn.nn.Parameter and ours["tied"] is ours["parameter"]
    assert ours["leaf"].is_leaf and ours["result"].is_leaf and not ours["row"].requires_grad
    for tree in (ours, theirs):
        tree["base"][1].mul_(10)
    for name in ("base", "same", "row", "turned", "rows"):
        assert_same_tree(ours[name], theirs[name], what=name)


def test_views_and_sharing_are_written():
    ours = shared_tensors(kilnn)
    theirs = to_torch(ours)
    detached = {k: v.detach().requires_grad_(v.requires_grad) if k == "result" else v for k, v in ours.items()}
    assert_same_tree(detached, theirs)
    for name in ours:
        assert tuple(theirs[name].stride()) == tuple(ours[name].stride()), name
    assert isinstance(theirs["parameter"], torch.nn.Parameter) and theirs["tied"] is theirs["parameter"]
    theirs["base"].zero_()
    for name in ("same", "row", "turned", "rows", "step", "spread"):
        assert not theirs[name].any(), name
    again = through_a_file(ours)
    again["base"].zero_()
    assert not again["rows"].any() and not again["turned"].any()


def test_attributes_of_tensors():
    theirs, ours = torch.ones(2), kilnn.ones(2)
    theirs.note = ours.note = "kept"
    assert from_torch(theirs).note == to_torch(ours).note == through_a_file(ours).note == "kept"
    weight, mine = torch.nn.Parameter(torch.ones(2)), kilnn.nn.Parameter(kilnn.ones(2))
    weight.note = mine.note = 3
    assert from_torch(weight).note == to_torch(mine).note == 3
    file = io.BytesIO()
    hidden = torch.ones(2)
    hidden.__dict__["add_"] = 3
    torch.save(hidden, file)
    file.seek(0)
    with pytest.raises(pickle.UnpicklingError, match="hide methods.*add_"):
        load(file)


def test_state_dicts_keep_their_metadata():
    theirs = torch.nn.BatchNorm1d(2).state_dict()
    ours = from_torch(theirs)
    assert ours._metadata == theirs._metadata and list(ours) == list(theirs)
    assert to_torch(kilnn.nn.BatchNorm1d(2).state_dict())._metadata[""] == {"version": 2}


def test_paths_links_and_mapping(tmp_path):
    path = tmp_path / "model.pt"
    torch.save({"w": torch.arange(100000.0), "b": torch.arange(3)}, path)
    for options in ({}, {"mmap": True}, {"mmap": False}, {"weights_only": False}):
        loaded = load(path, **options)
        loaded["w"].add_(1)
        assert loaded["w"][-1].item() == 100000 and loaded["b"].tolist() == [0, 1, 2]
    save({"w": kilnn.arange(100.0)}, path)
    assert torch.load(path, weights_only=True, mmap=True)["w"].sum().item() == load(path, mmap=True)["w"].sum().item()
    with pytest.raises(ValueError, match="f must be a file filename in order to use the torch.load mmap argument"):
        load(io.BytesIO(path.read_bytes()), mmap=True)
    torch.save(1, path, _use_new_zipfile_serialization=False)
    with pytest.raises(RuntimeError, match="mmap can only be used with files saved with"):
        load(path, mmap=True)
    assert os.listdir(tmp_path) == ["model.pt"]


def test_safetensors_by_suffix(tmp_path):
    save({"w": kilnn.ones(2)}, tmp_path / "m.safetensors")
    assert (tmp_path / "m.safetensors").read_bytes()[8:9] == b"{"
    assert load(tmp_path / "m.safetensors")["w"].tolist() == [1, 1]


def test_map_location():
    file = io.BytesIO()
    save({"w": kilnn.ones(2)}, file)
    content = file.getvalue()
    with zipfile.ZipFile(file) as archive:
        pickled = archive.read("archive/data.pkl")
    on_gpu = io.BytesIO()
    with zipfile.ZipFile(on_gpu, "w") as archive:
        archive.writestr("archive/data.pkl", pickled.replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0"))
        archive.writestr("archive/data/0", struct.pack("<2f", 1, 1))
    for where in ("cpu", Device("cpu"), {"cuda:0": "cpu"}, lambda storage, location: storage):
        on_gpu.seek(0)
        assert load(on_gpu, where)["w"].device == Device("cpu")
    on_gpu.seek(0)
    with pytest.raises(RuntimeError, match=r"saved from 'cuda:0' and goes to 'cuda:0'.*map_location='cpu'"):
        load(on_gpu)
    assert load(io.BytesIO(content))["w"].tolist() == [1, 1]


def test_what_cannot_be_written(tmp_path):
    for value, words in ((object(), "object"), (np.zeros(2), r"numpy\.ndarray"), (argparse.Namespace(), "Namespace")):
        with pytest.raises(TypeError, match=rf"save: cannot keep obj\['a'\]\[1\]; received .*{words}"):
            save({"a": [0, value]}, tmp_path / "f.pt")
    with pytest.raises(TypeError, match=r"a key of obj\['a'\] is a tensor"):
        save({"a": {kilnn.zeros(1): 1}}, io.BytesIO())
    with pytest.raises(TypeError, match="save: expected a path or a file opened for writing bytes, but got int"):
        save(1, 3)
    with pytest.raises(NotImplementedError, match=r"before PyTorch 1\.6"):
        save(1, io.BytesIO(), _use_new_zipfile_serialization=False)
    with pytest.raises(NotImplementedError, match="pickle_protocol"):
        save(1, io.BytesIO(), pickle_protocol=4)
    with pytest.raises(TypeError, match="load: expected a path or a file opened for reading bytes, but got int"):
        load(3)
    with pytest.raises(FileNotFoundError):
        load("/no/such/file")
    assert not list(tmp_path.iterdir())


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "f.pt"
    save({"a": 1}, path)

    def fail(file, name, pickled, storages):
        file.write(b"half of it")
        raise OSError("no space")

    monkeypatch.setattr("kilnn.io.serialization.write_archive", fail)
    with pytest.raises(OSError, match="no space"):
        save({"a": 2}, path)
    assert load(path) == {"a": 1} and os.listdir(tmp_path) == ["f.pt"]


# -- safety -----------------------------------------------------------------------------------------------------------

ran = []


def touch(*args):
    ran.append(args)
    return args


class Foreign:
    def __init__(self, how):
        self.how = how

    def __reduce__(self):
        return self.how


class Plain:
    def __init__(self):
        self.value = 3


def archive_of(pickled: bytes, **entries: bytes) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a/data.pkl", pickled)
        for name, data in entries.items():
            archive.writestr(f"a/data/{name.removeprefix('_')}", data)
    file.seek(0)
    return file


def tensor_pickle(shape="K\x02\x85", strides="K\x01\x85", offset="K\x00", numel="K\x02", kind="FloatStorage") -> bytes:
    """The pickle of one tensor, with parts to damage."""
    text = (
        "\x80\x02ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storage"
        f"ctorch\n{kind}\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu{numel}tQ{offset}{shape}{strides}\x89}}tR."
    )
    return text.encode("latin1")


def test_the_maker_of_hostile_files_can_make_a_right_one():
    assert load(archive_of(tensor_pickle(), _0=struct.pack("<2f", 1, 2))).tolist() == [1, 2]
    touch(1)
    assert ran == [(1,)]
    ran.clear()


HOSTILE = {
    "function": pickle.dumps(Foreign((touch, (1,))), 2),
    "os.system": b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R.",
    "eval": b"\x80\x02c__builtin__\neval\nX\x01\x00\x00\x001\x85R.",
    "exec": b"\x80\x02cbuiltins\nexec\nX\x01\x00\x00\x001\x85R.",
    "getattr": b"\x80\x02cbuiltins\ngetattr\nctorch\nTensor\nX\x07\x00\x00\x00__new__\x86R.",
    "stack global": b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.",
    "inst": b"(S'true'\nios\nsystem\n.",
    "obj": b"(cos\nsystem\nX\x04\x00\x00\x00trueo.",
    "extension": b"\x80\x02\x82\x01.",
    "build on a class": b"\x80\x02ctorch\nSize\n}X\x05\x00\x00\x00__add\x8c\x01xsb.",
    "build on a function": b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n}X\x01\x00\x00\x00a\x8c\x01xsb.",
    "build on a dict": b"\x80\x02}}b.",
    "build on a tensor": tensor_pickle()[:-1] + b"}X\x01\x00\x00\x00aK\x01sb.",
    "foreign class": pickle.dumps(Plain(), 2),
    "torch's own load": b"\x80\x02ctorch.storage\n_load_from_bytes\nX\x01\x00\x00\x00a\x85R.",
    "numpy": pickle.dumps(np.float64(1), 2),
    "huge bytearray": b"\x80\x02cbuiltins\nbytearray\n\x8a\x06\x00\x00\x00\x00\x00\x10\x85R.",
    "call of a dtype": b"\x80\x02ctorch\nfloat32\n)R.",
    "call of a tensor": tensor_pickle()[:-1] + b")R.",
    "a class as data": b"\x80\x02ctorch\nSize\n.",
    "dotted name": b"\x80\x04\x8c\x05torch\x8c\x0cSize.__add__\x93)R.",
    "no stack": b"\x80\x02R.",
    "no mark": b"\x80\x02K\x01t.",
    "a mark as data": b"\x80\x02(.",
    "memo": b"\x80\x02h\x07.",
    "cut": tensor_pickle()[:-9],
    "empty": b"",
    "too long": tensor_pickle(shape="K\x03\x85"),
    "negative stride": tensor_pickle(strides="J\xff\xff\xff\xff\x85"),
    "negative shape": tensor_pickle(shape="J\xff\xff\xff\xff\x85"),
    "offset": tensor_pickle(offset="K\x01"),
    "ranks": tensor_pickle(shape="K\x01K\x02\x86"),
    "no storage class": tensor_pickle(kind="Size"),
    "unhashable key": b"\x80\x02}]K\x01s.",
    "huge storage": b"\x80\x02" + tensor_pickle(numel="\x8a\x05\x00\x00\x00\x00\x7f")[2:],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pickles_run_nothing(name):
    with pytest.raises((pickle.UnpicklingError, RuntimeError)):
        load(archive_of(HOSTILE[name], _0=struct.pack("<2f", 1, 2)))
    assert not ran


def test_refused_classes_are_named():
    with pytest.raises(pickle.UnpicklingError, match=r"the file wants tests\.io\.test_serialization\.touch.*Fix: save"):
        load(archive_of(HOSTILE["function"]))
    with pytest.raises(pickle.UnpicklingError, match=r"argparse\.Namespace"):
        from_torch({"args": argparse.Namespace(lr=1)}, weights_only=False)


def test_allowed_classes():
    content = {"args": argparse.Namespace(lr=1), "plain": Plain(), "w": torch.ones(2)}
    for archive in ARCHIVES.values():
        with kilnn.serialization.safe_globals([argparse.Namespace, Plain]):
            loaded = from_torch(content, archive)
        assert loaded["args"].lr == 1 and type(loaded["plain"]) is Plain and loaded["plain"].value == 3
    with pytest.raises(pickle.UnpicklingError):
        from_torch(content)
    kilnn.serialization.add_safe_globals([(Plain, "old.place.Plain")])
    assert kilnn.serialization.get_safe_globals() == [Plain]
    assert load(archive_of(b"\x80\x02cold.place\nPlain\n)\x81.")).__class__ is Plain
    kilnn.serialization.clear_safe_globals()
    with pytest.raises(ValueError, match="runs code"):
        kilnn.serialization.add_safe_globals([eval])


@pytest.mark.parametrize("cut", [5, 60, 300, -1, -30])
def test_damaged_files(cut, tmp_path):
    for archive in ARCHIVES.values():
        file = io.BytesIO()
        torch.save({"w": torch.arange(50.0)}, file, _use_new_zipfile_serialization=archive)
        path = tmp_path / "f.pt"
        path.write_bytes(file.getvalue()[:cut])
        for source in (path, io.BytesIO(path.read_bytes())):
            with pytest.raises((RuntimeError, pickle.UnpicklingError)):
                load(source)


def test_other_archives():
    other = io.BytesIO()
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("a.txt", "x")
    other.seek(0)
    with pytest.raises(RuntimeError, match=r"file not found: data\.pkl"):
        load(other)
    script = io.BytesIO()
    with zipfile.ZipFile(script, "w") as archive:
        archive.writestr("a/data.pkl", "x")
        archive.writestr("a/constants.pkl", "x")
    script.seek(0)
    with pytest.raises(RuntimeError, match="TorchScript archive"):
        load(script)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", b"\x80\x02N.")
    packed.seek(0)
    with pytest.raises(RuntimeError, match="compressed"):
        load(packed)
    big = archive_of(tensor_pickle(), _0=struct.pack(">2f", 1, 2))
    with zipfile.ZipFile(big, "a") as archive:
        archive.writestr("a/byteorder", "big")
    big.seek(0)
    assert load(big).tolist() == [1, 2]
