"""Writes tests/goldens/safetensors/: a small checkpoint as Hugging Face's own library saves it, and its values.

    python tests/oracle/make_safetensors_goldens.py

values.txt has one line a tensor: dtype, shape as "2x3" ("scalar" without dimensions), the float32 bits of each value in
hexadecimal, and after " : " the name.
"""
import torch
from safetensors.torch import save_file

from golden_io import GOLDENS, versions, write_json

OUT = GOLDENS / "safetensors"
TENSORS = {
    "patch_embed.proj.weight": torch.tensor([[0.5, -1.25, 3.0], [1e-38, 16777216.0, -1e-45]]),
    "größe 🦕\n": torch.tensor(2.5),  # JSON may escape names, and they need not be ASCII
    # -0, the smallest and the largest subnormal, the smallest normal, the largest value
    "half": torch.tensor([-0.0, 2**-24, 1023 * 2**-24, 2**-14, 65504.0, -1 / 3], dtype=torch.float16),
    "brain": torch.tensor([[1.0, -1 / 3], [3e38, 1e-40]], dtype=torch.bfloat16),
    "odd": torch.tensor([7.0], dtype=torch.float16),
    "empty": torch.zeros(0, 4),
}

OUT.mkdir(parents=True, exist_ok=True)
save_file(TENSORS, OUT / "small.safetensors", metadata={"note": 'a "quoted" note'})  # one: their order is random
lines = []
for name, tensor in TENSORS.items():
    dtype = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16"}[tensor.dtype]
    shape = "x".join(map(str, tensor.shape)) if tensor.dim() else "scalar"
    bits = tensor.float().flatten().view(torch.int32).tolist()
    values = " ".join(f"{b & 0xFFFFFFFF:08x}" for b in bits)
    lines.append(f"{dtype} {shape} {values} : {name}".replace("\n", "\\n"))
(OUT / "values.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
write_json(OUT / "meta.json", {"command": "python tests/oracle/make_safetensors_goldens.py", "versions": versions()})
