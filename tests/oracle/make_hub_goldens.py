"""config.json files as timm writes them for the hub, of small models of the family, for tests/js/hub_config.test.mjs.

    python tests/oracle/make_hub_goldens.py

NAME.json: the file; NAME_tensors.json: names and shapes of state_dict(); NAME.npy: model(x) of the generated input, with
generated weights. full.json: what timm writes for three models of full size, by name.
"""
import json
import tempfile
from pathlib import Path

import timm
import torch
from timm.models._hub import save_config_for_hf

from generated import generate, load_generated
from golden_io import GoldenFolder

TINY = dict(embed_dim=64, depth=2, num_heads=2)
EVERYTHING = dict(
    img_size=(96, 64),
    patch_size=(8, 8),
    mlp_ratio=2.5,
    init_values=1e-5,
    reg_tokens=3,
    no_embed_class=True,
    pre_norm=True,
    act_layer="quick_gelu",
    norm_layer="layernorm",
    global_pool="avg",
    num_classes=6,
    qkv_bias=True,
    class_token=True,
    drop_path_rate=0.1,
)
MODELS = {
    "everything": ("vit_tiny_patch16_224", EVERYTHING),
    "registers": ("vit_small_patch14_reg4_dinov2.lvd142m", dict(img_size=42)),
    "quickgelu": ("vit_base_patch16_clip_quickgelu_224.openai", dict(img_size=48)),
    "unlisted": ("vit_large_patch14_clip_224.openai", dict(img_size=42)),
    "unlisted_registers": ("vit_large_patch14_reg4_dinov2.lvd142m", dict(img_size=28)),
    "none": ("deit_tiny_patch16_224.fb_in1k", dict(img_size=32, global_pool="")),
}
FULL = ("vit_small_patch14_reg4_dinov2.lvd142m", "vit_base_patch16_clip_224.openai", "deit_tiny_patch16_224.fb_in1k")


def config_of(model: torch.nn.Module) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "config.json")
        save_config_for_hf(model, str(file))  # what save_for_hf and push_to_hf_hub call
        return json.loads(file.read_text())


@torch.no_grad()
def save(folder: GoldenFolder, name: str, model: torch.nn.Module) -> None:
    load_generated(model)
    size = (3, *model.patch_embed.img_size)
    image = torch.from_numpy(generate("input", size))[None]
    shapes = {key: list(tensor.shape) for key, tensor in model.state_dict().items()}
    folder.save_json(name, config_of(model), "timm's config.json")
    (folder.path / f"{name}_tensors.json").write_text(json.dumps(shapes) + "\n")
    folder.meta["files"][f"{name}_tensors.json"] = "its tensors"
    folder.save(name, model(image).numpy(), "model(x) of the generated input")


def main() -> None:
    folder = GoldenFolder("hub", Path(__file__).name)
    for name, (architecture, arguments) in MODELS.items():
        save(folder, name, timm.create_model(architecture, pretrained=False, **TINY, **arguments))
    model = timm.create_model("deit_tiny_patch16_224.fb_in1k", pretrained=False, **TINY, img_size=32)
    model.reset_classifier(7, "avg")
    save(folder, "reset", model)
    full = {name: config_of(timm.create_model(name, pretrained=False)) for name in FULL}
    folder.save_json("full", full, "timm's config.json by name")
    folder.close()


if __name__ == "__main__":
    main()
