"""timm's resample_abs_pos_embed on generated position embeddings, for tests/cpp/pos_embed_test.cc."""
import torch
from timm.layers import resample_abs_pos_embed

from generated import generate
from golden_io import GoldenFolder

DIM = 8
GRIDS = [  # from (height, width) to (height, width)
    ((14, 14), (7, 7)),
    ((14, 14), (21, 21)),
    ((14, 14), (42, 28)),
    ((14, 14), (10, 17)),
    ((14, 14), (1, 3)),
    ((28, 28), (14, 30)),
    ((37, 37), (16, 16)),
]


def main() -> None:
    folder = GoldenFolder("pos_embed", "make_pos_embed_goldens.py", dim=DIM)
    for old, new in GRIDS:
        pos_embed = generate("pos_embed", (1, 1 + old[0] * old[1], DIM))
        result = resample_abs_pos_embed(
            torch.from_numpy(pos_embed), list(new), list(old), num_prefix_tokens=1, interpolation="bicubic", antialias=True
        )
        name = f"{old[0]}x{old[1]}_to_{new[0]}x{new[1]}"
        folder.save(name, result[0].numpy(), "(tokens, dim) of the generated tensor pos_embed")
    folder.close()


if __name__ == "__main__":
    main()
