"""Names of the same tiny models in other libraries' checkpoints, for tests/cpp/layouts_test.cc.

    python tests/oracle/make_layout_goldens.py

Each line of LAYOUT.txt: a tensor's name in the checkpoint, its shape, timm's name, and which of how many parts of
timm's tensor it is; "-" for timm's name where timm has no such tensor. The names are those of transformers' own
classes; that the tensors are the same is seen from the model, which must give what timm's gives. Two models of
generated weights, whose embeddings are the .npy files: vit and dinov2.
"""
import tempfile
from pathlib import Path

import numpy as np
import safetensors.numpy
import timm
import torch
import transformers
from timm.models.vision_transformer import VisionTransformer

from generated import inputs, load_generated
from golden_io import GoldenFolder

CLASSES = 5
VIT = {"dim": 32, "depth": 2, "heads": 2, "patch": 16, "image": 32}
DINOV2 = {"dim": 64, "depth": 3, "heads": 4, "patch": 14, "image": 98}

# Module of a transformers class → module of timm. {} is the number of the block.
COMMON = {
    "embeddings.cls_token": "cls_token",
    "embeddings.position_embeddings": "pos_embed",
    "embeddings.patch_embeddings.projection": "patch_embed.proj",
    "layernorm": "norm",
    "classifier": "head",
}
ATTENTION = {"attention.q_proj": "q", "attention.k_proj": "k", "attention.v_proj": "v", "attention.o_proj": "attn.proj"}
VIT_BLOCK = {**ATTENTION, "layernorm_before": "norm1", "layernorm_after": "norm2", "mlp": "mlp"}
DINOV2_BLOCK = {
    **ATTENTION,
    "norm1": "norm1",
    "norm2": "norm2",
    "mlp": "mlp",
    "layer_scale1.lambda1": "ls1.gamma",
    "layer_scale2.lambda1": "ls2.gamma",
}


def timm_model(sizes: dict, layer_scale: bool) -> VisionTransformer:
    model = VisionTransformer(
        img_size=sizes["image"],
        patch_size=sizes["patch"],
        embed_dim=sizes["dim"],
        depth=sizes["depth"],
        num_heads=sizes["heads"],
        num_classes=CLASSES,
        init_values=1e-5 if layer_scale else None,
    )
    return load_generated(model)


def config_of(kind: type, sizes: dict) -> transformers.PretrainedConfig:
    return kind(
        hidden_size=sizes["dim"],
        num_hidden_layers=sizes["depth"],
        num_attention_heads=sizes["heads"],
        intermediate_size=4 * sizes["dim"],
        image_size=sizes["image"],
        patch_size=sizes["patch"],
        num_labels=CLASSES,
        layer_norm_eps=1e-6,
    )


def timm_tensors(model: VisionTransformer) -> dict[str, torch.Tensor]:
    """timm's state_dict, and each third of a qkv as "blocks.N.q.weight" and so on."""
    tensors = dict(model.state_dict())
    for name in [name for name in tensors if ".attn.qkv." in name]:
        for letter, part in zip("qkv", tensors[name].chunk(3)):
            tensors[name.replace("attn.qkv", letter)] = part
    return tensors


def translate(name: str, prefix: str, block: dict[str, str]) -> str | None:
    """timm's name (or that of a third) of a tensor of a transformers class."""
    name = name.removeprefix(prefix)
    head, _, rest = name.partition("layers." if name.startswith("layers.") else "encoder.layer.")
    if rest:
        number, _, rest = rest.partition(".")
        table, lead, name = block, f"blocks.{number}.", rest
    else:
        table, lead = COMMON, ""
    for module, timm_module in table.items():
        if name == module or name.startswith(module + "."):
            return lead + timm_module + name[len(module) :]
    return None


@torch.no_grad()
def fill(model: torch.nn.Module, reference: VisionTransformer, prefix: str, block: dict[str, str]) -> None:
    """Gives the model timm's weights; what timm has not is numbered through, to be told apart."""
    tensors = timm_tensors(reference)
    for i, (name, tensor) in enumerate(model.state_dict().items()):
        timm_name = translate(name, prefix, block)
        same = timm_name in tensors and tensors[timm_name].shape == tensor.shape
        tensor.copy_(tensors[timm_name] if same else torch.full(tensor.shape, 1000.0 + i))


def lines(checkpoint: dict[str, np.ndarray], reference: VisionTransformer) -> str:
    """The tensors of a checkpoint; which of timm's each is, its values tell."""
    by_value = {}
    for name, tensor in timm_tensors(reference).items():
        part, parts = 0, 1
        for i, letter in enumerate("qkv"):
            if f".{letter}." in name:
                name, part, parts = name.replace(f".{letter}.", ".attn.qkv."), i, 3
        by_value[tensor.numpy().tobytes()] = f"{name} {part} {parts}"
    text = ""
    for name, values in checkpoint.items():
        shape = "x".join(map(str, values.shape))
        text += f"{name} {shape} {by_value.get(values.tobytes(), '- 0 1')}\n"
    return text


def saved(model: transformers.PreTrainedModel) -> dict[str, np.ndarray]:
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        return safetensors.numpy.load_file(Path(folder, "model.safetensors"))


def state_dict(model: torch.nn.Module) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in model.state_dict().items()}


@torch.no_grad()
def transformers_layouts(folder, stem, classes, sizes, reference, block) -> None:
    config_class, model_class, classifier_class = classes
    images = inputs(1, sizes["image"])
    features = reference.forward_features(images)
    embedding = reference.forward_head(features, pre_logits=True)
    for kind, prefix, name in ((model_class, "", stem), (classifier_class, f"{stem}.", f"{stem}_classifier")):
        model = kind(config_of(config_class, sizes)).eval()
        fill(model, reference, prefix, block)
        backbone = getattr(model, stem) if prefix else model
        difference = (backbone(images).last_hidden_state[:, 0] - embedding).abs().max().item()
        print(f"{kind.__name__}: {difference:.1e} from timm")
        assert difference < 1e-5
        if stem == "vit" and prefix:
            assert (model(images).logits - reference(images)).abs().max() < 1e-5
        folder.save_text(name, lines(saved(model), reference), f"{kind.__name__}.save_pretrained()")
        folder.save_text(f"{name}_state_dict", lines(state_dict(model), reference), f"{kind.__name__}.state_dict()")
    folder.save(stem, embedding.numpy(), f"(1, dim), timm's embedding of the generated input; {sizes}")


def dino_layouts(folder: GoldenFolder, reference: VisionTransformer) -> None:
    """The names that facebookresearch/dino has: timm's with the prefixes of main_dino.py, whose MultiCropWrapper keeps
    `backbone` and `head` (DINOHead), and whose student is in DistributedDataParallel's `module`."""
    backbone = {name: t.numpy() for name, t in reference.state_dict().items() if not name.startswith("head.")}
    head_names = [f"mlp.{i}.{leaf}" for i in (0, 2, 4) for leaf in ("weight", "bias")]
    head_names += ["last_layer.weight_g", "last_layer.weight_v"]
    head = {name: np.full((3, 2), 2000.0 + i, np.float32) for i, name in enumerate(head_names)}
    wrapped = {f"backbone.{name}": t for name, t in backbone.items()} | {f"head.{name}": t for name, t in head.items()}
    student = {f"student.module.{name}": tensor for name, tensor in wrapped.items()}
    # Beside a teacher it is another model: the same names, other values.
    other = {name: tensor + 3 for name, tensor in student.items()}
    teacher = {f"teacher.{name}": tensor for name, tensor in wrapped.items()}
    loss = {"dino_loss.center": np.zeros((1, 7), np.float32)}
    optimizer = {"optimizer.state.0.exp_avg": np.zeros((3,), np.float32)}
    layouts = {
        "dino_full_checkpoint": other | teacher | optimizer | loss,
        "dino_teacher": {name.replace("teacher.", "teacher.module."): tensor for name, tensor in teacher.items()},
        "dino_student": student,
        "dino_module": {f"module.{name}": tensor for name, tensor in backbone.items()},
        "dino_backbone": wrapped,
        "dino_state_dict": {f"state_dict.module.{name}": tensor for name, tensor in wrapped.items()},
        "dino_model": {f"model.{name}": tensor for name, tensor in backbone.items()},
        "dino_plain": backbone,
    }
    for name, checkpoint in layouts.items():
        folder.save_text(name, lines(checkpoint, reference), "timm's names with the prefixes of main_dino.py")


def main() -> None:
    folder = GoldenFolder("layouts", Path(__file__).name, transformers=transformers.__version__, classes=CLASSES)
    reference = timm_model(VIT, layer_scale=False)
    vit = (transformers.ViTConfig, transformers.ViTModel, transformers.ViTForImageClassification)
    transformers_layouts(folder, "vit", vit, VIT, reference, VIT_BLOCK)
    dino_layouts(folder, reference)
    dinov2 = (transformers.Dinov2Config, transformers.Dinov2Model, transformers.Dinov2ForImageClassification)
    transformers_layouts(folder, "dinov2", dinov2, DINOV2, timm_model(DINOV2, layer_scale=True), DINOV2_BLOCK)
    folder.close()


if __name__ == "__main__":
    main()
