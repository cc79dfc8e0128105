"""Writes tests/goldens/torch/: small checkpoints as torch.save writes them, each NAME.pth with its twin
NAME.safetensors, which has the tensors of the types that both readers read, under the names that the dicts' keys give.

    python tests/oracle/make_torch_goldens.py
"""
import io
import zipfile
from collections import OrderedDict

import torch
from safetensors.torch import save_file

from golden_io import GoldenFolder

READ = (torch.float32, torch.float16, torch.bfloat16)
torch.manual_seed(5)


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = torch.nn.Linear(3, 4)
        self.norm = torch.nn.BatchNorm1d(4)  # its num_batches_tracked is an int64


def some(*shape):
    return torch.randn(*shape)


def strided():
    base = torch.randn(4, 6)
    return {
        "whole": base,
        "transposed": base.t(),
        "columns": base[:, 1:3],
        "steps": base[::2, ::3],
        "rows": base[2:],
        "again": base,
        "own_transposed": torch.randn(3, 2, 2).permute(2, 0, 1),
        "squeezed": torch.randn(1, 5, 1).transpose(0, 2),
    }


def shared():
    base = torch.arange(12.0)
    return {"last": base[8:], "first": base[:3], "middle": base[4:8], "empty": base[12:]}


model = Model()
state = model.state_dict()
CHECKPOINTS = {
    "state_dict": state,  # an OrderedDict with an attribute, _metadata
    "plain_dict": dict(state),
    "nested": {"epoch": 3, "state_dict": state, "best": 0.5, "config": {"depths": [2, 2], "name": "vit", "none": None}},
    "teacher_student": {
        "student": OrderedDict((f"module.backbone.{k}", v) for k, v in state.items()),
        "teacher": OrderedDict((f"backbone.{k}", v + 1) for k, v in state.items()),
        "optimizer": {"state": {0: {"step": torch.tensor(7.0), "exp_avg": some(2)}}, "param_groups": [{"lr": 1e-3, "params": [0, 1]}]},
        "epoch": 100,
    },
    "parameters": {"weight": torch.nn.Parameter(some(2, 3)), "frozen": torch.nn.Parameter(some(2), requires_grad=False)},
    "dtypes": {
        "half": torch.tensor([-0.0, 2**-24, 65504.0, -1 / 3], dtype=torch.float16),
        "brain": torch.tensor([[1.0, -1 / 3], [3e38, 1e-40]], dtype=torch.bfloat16),
        "float": torch.tensor([1e-45, -0.0, 3.4e38]),
        "double": torch.ones(2, dtype=torch.float64),
        "long": torch.tensor(5),
        "int": torch.ones(2, dtype=torch.int32),
        "short": torch.ones(2, dtype=torch.int16),
        "char": torch.ones(2, dtype=torch.int8),
        "byte": torch.ones(2, dtype=torch.uint8),
        "bool": torch.ones(2, dtype=torch.bool),
        "complex": torch.ones(2, dtype=torch.complex64),
        "uint16": torch.ones(2, dtype=torch.uint16),
        "float8": torch.ones(2, dtype=torch.float8_e4m3fn),
        "dtype": torch.float16,
    },
    "strided": strided(),
    "shared": shared(),
    "sizes": {"scalar": torch.tensor(2.5), "one": some(1), "empty": torch.zeros(0, 4), "empty_half": torch.zeros(2, 0).half()},
    "names": {"größe 🦕\n": some(2), "": some(1), "a.b": {"c d": some(1)}, 7: [some(1), (some(2), 1)]},
    "integer_keys": {key: some(1) for key in (0, 200, 70000, -5, 2**40, -(2**40), 2**62)},
    "numbers": {"w": some(1), "big": 2**70, "long": 2**40, "negative": -5, "large": 70000, "true": True, "list": list(range(300))},
    "many": {f"blocks.{i}.weight": torch.full((3,), float(i)) for i in range(40)},  # more values than BINPUT counts
    "nothing": {},
}


def flatten(value, name=""):
    if isinstance(value, torch.Tensor):
        yield name, value
    elif isinstance(value, (dict, list, tuple)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from flatten(item, f"{name}.{key}" if value is not top else str(key))


def repacked(data: bytes, *, wide: bool) -> bytes:
    """The same entries as Python's zipfile streams them, with sizes of 32 or 64 bits behind the data."""

    class Stream(io.RawIOBase):  # cannot be sought in, so that zipfile writes data descriptors
        def __init__(self):
            self.bytes = b""

        def writable(self):
            return True

        def write(self, data):
            self.bytes += bytes(data)
            return len(data)

    stream = Stream()
    source = zipfile.ZipFile(io.BytesIO(data))
    with zipfile.ZipFile(stream, "w") as out:
        for info in source.infolist():
            with out.open(zipfile.ZipInfo(info.filename), "w", force_zip64=wide) as entry:
                entry.write(source.read(info))
    return stream.bytes


def seekable(data: bytes, method=zipfile.ZIP_STORED) -> bytes:
    """The same entries with their sizes in the headers."""
    file = io.BytesIO()
    source = zipfile.ZipFile(io.BytesIO(data))
    with zipfile.ZipFile(file, "w", method) as out:
        for info in source.infolist():
            out.writestr(zipfile.ZipInfo(info.filename), source.read(info), method)
    return file.getvalue()


out = GoldenFolder("torch", "make_torch_goldens.py")


def write(name: str, data: bytes, about: str) -> None:
    (out.path / name).write_bytes(data)
    out.meta["files"][name] = about


for name, top in CHECKPOINTS.items():
    torch.save(top, out.path / f"{name}.pth")
    tensors = {key: t.clone().contiguous() for key, t in flatten(top) if t.dtype in READ}
    save_file(tensors, out.path / f"{name}.safetensors")

top = CHECKPOINTS["state_dict"]
for protocol in (3, 4, 5):
    torch.save(top, out.path / f"state_dict.protocol{protocol}.pth", pickle_protocol=protocol)
data = (out.path / "state_dict.pth").read_bytes()
write("state_dict.descriptor32.pth", repacked(data, wide=False), "state_dict.pth as zipfile streams it")
write("state_dict.descriptor64.pth", repacked(data, wide=True), "the same with zip64 descriptors")
write("state_dict.seekable.pth", seekable(data), "the same with the sizes in the headers")

# What has to be refused.
write("refused.deflated.pth", seekable(data, zipfile.ZIP_DEFLATED), "compressed entries")
torch.save(top, out.path / "refused.legacy.pth", _use_new_zipfile_serialization=False)
torch.save(torch.nn.Linear(2, 1), out.path / "refused.module.pth")
torch.save(torch.ones(2), out.path / "refused.tensor.pth")
torch.save({"w": torch.ones(1).expand(1000)}, out.path / "refused.expanded.pth")
torch.save({"a": torch.ones(2), "args": __import__("argparse").Namespace(lr=1)}, out.path / "refused.namespace.pth")
torch.jit.save(torch.jit.script(torch.nn.Linear(2, 1)), out.path / "refused.script.pth")
out.close()
