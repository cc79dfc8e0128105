"""Checksums of generated tensors, which C++ and JavaScript must reproduce bit for bit. See README.md.

    python tests/oracle/make_generated_goldens.py

Each line of NAME.txt: the tensor's name, its shape, its checksum, and its first and last value; the last three as
hexadecimal, the values as float32 bits. The files of models also state timm's names and shapes, in timm's order.
"""
from pathlib import Path

import timm

from generated import checksum, generate
from golden_io import GoldenFolder
from make_model_goldens import FORWARD_ONLY, FULL

# One tensor for each rule that the models do not use, and a name beyond ASCII.
OTHERS = {
    "input": (3, 224, 224),
    "input.1": (3, 224, 224),
    "input.7": (3, 5, 7),
    "blocks.0.ls1.gamma": (768,),
    "head.weight": (10, 768),
    "head.bias": (10,),
    "reg_token": (1, 4, 384),
    "größe.weight": (3, 5),
}


def line(name: str, shape: tuple[int, ...]) -> str:
    tensor = generate(name, shape)
    first, last = tensor.reshape(-1)[[0, -1]].view("<u4")
    return f"{name} {'x'.join(map(str, shape))} {checksum(tensor):08x} {first:08x} {last:08x}\n"


def main() -> None:
    folder = GoldenFolder("generated", Path(__file__).name)
    tensors = {"others": OTHERS}
    for name in (FULL, *FORWARD_ONLY):
        state = timm.create_model(name, pretrained=False).state_dict()
        tensors[name] = {key: tuple(tensor.shape) for key, tensor in state.items()}
    for name, shapes in tensors.items():
        lines = [line(key, shape) for key, shape in shapes.items()]
        folder.save_text(name, "".join(lines), f"{len(lines)} tensors: name, shape, checksum, first, last")
    folder.close()


if __name__ == "__main__":
    main()
