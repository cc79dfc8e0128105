"""What the recipes give: DINO's formulas restated with NumPy, PyTorch and scikit-learn.

    python tests/oracle/make_recipe_goldens.py

Features are generated (see clusters below), so that the tests have the same bits without a file; digits.png are real
pictures: scikit-learn's handwritten digits.
"""
import warnings

import numpy as np
import scipy.linalg
import timm
import torch
import torch.nn.functional as F
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

import reference
from generated import generate, inputs
from golden_io import GOLDENS, GoldenFolder, versions

SCRIPT = "make_recipe_goldens.py"


def generated(name: str, *shape: int) -> np.ndarray:
    return np.asarray(generate(f"input.{name}", shape), dtype=np.float32).reshape(shape)


def clusters(name: str, rows: int, dim: int, classes: int, spread: float) -> tuple[np.ndarray, np.ndarray]:
    """Row i of class i mod `classes`: spread · center of the class + noise; spread is a power of two, so exact."""
    labels = np.arange(rows) % classes
    centers = generated("centers", classes, dim)
    return np.float32(spread) * centers[labels] + generated(name, rows, dim), labels


def unit_rows(x: np.ndarray) -> np.ndarray:
    x = x.astype(np.float64)
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)


def knn(folder: GoldenFolder) -> dict:
    """eval_knn.py in float64."""
    k, temperature, classes = 20, 0.07, 6
    bank, labels = clusters("bank", 300, 64, classes, 0.25)
    queries, _ = clusters("queries", 40, 64, classes, 0.25)

    def scores(similarity: np.ndarray) -> np.ndarray:
        out = np.zeros((len(similarity), classes))
        for row, values in enumerate(similarity):
            for neighbour in np.argsort(-values, kind="stable")[:k]:
                out[row, labels[neighbour]] += np.exp(values[neighbour] / temperature)
        return out

    folder.save("knn_scores", scores(unit_rows(queries) @ unit_rows(bank).T), "score of each class for each query")
    among = unit_rows(bank) @ unit_rows(bank).T
    np.fill_diagonal(among, -np.inf)
    return {"leaveOneOut": float(np.mean(scores(among).argmax(1) == labels))}


def logistic(folder: GoldenFolder) -> dict:
    """scikit-learn's optimum, by two solvers so that neither's tolerance shows."""
    accuracy = {}
    for name, classes, c in (("five", 5, 1.0), ("two", 2, 0.1)):
        train, labels = clusters("train", 400, 48, classes, 0.25)
        test, truth = clusters("test", 200, 48, classes, 0.25)
        fits = [
            LogisticRegression(C=c, solver=solver, tol=1e-10, max_iter=100_000).fit(train.astype(np.float64), labels)
            for solver in ("lbfgs", "newton-cg")
        ]
        assert np.abs(fits[0].coef_ - fits[1].coef_).max() < 1e-5
        best = fits[1]
        folder.save(f"logistic_{name}_coef", best.coef_, f"coef_, {classes} classes, C = {c}")
        folder.save(f"logistic_{name}_intercept", best.intercept_, "intercept_")
        folder.save(f"logistic_{name}_probability", best.predict_proba(test), "predict_proba of the test rows")
        accuracy[name] = float(best.score(test, truth))
    return {"logisticAccuracy": accuracy}


@torch.no_grad()
def digits(folder: GoldenFolder) -> dict:
    """Digits as the packaged model sees them at 64 x 64; a probe and a k-NN on timm's embeddings."""
    train, rows, size = 300, 500, 64
    data = load_digits()
    pixels = (data.images[:rows] * 15).astype(np.uint8)
    sheet = Image.fromarray(pixels.reshape(rows * 8, 8))
    sheet.save(folder.path / "digits.png", optimize=True)
    folder.meta["files"]["digits.png"] = f"{rows} handwritten digits of 8 x 8 grey pixels, one below the other"
    model = reference.nano()
    model.set_input_size(img_size=size)
    model.reset_classifier(0)
    config = timm.data.resolve_model_data_config(model) | {"input_size": (3, size, size)}
    transform = timm.data.create_transform(**config, is_training=False)
    images = torch.stack([transform(Image.fromarray(digit).convert("RGB")) for digit in pixels])
    x = torch.cat([model(batch) for batch in images.split(50)]).numpy()
    y = data.target[:rows]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        probe = LogisticRegression(max_iter=10_000).fit(x[:train], y[:train])
    folder.save_json("digits_labels", [int(label) for label in y], "the digits")
    return {"digits": {"train": train, "accuracy": float(probe.score(x[train:], y[train:]))}}


@torch.no_grad()
def copy_descriptors(folder: GoldenFolder) -> None:
    """eval_copy_detection.py: CLS and the patches' generalised mean, p = 4; then L2 norm."""
    tokens = reference.nano().forward_features(inputs(2, 224))
    patches = tokens[:, 1:].clamp(min=1e-6)
    descriptor = torch.cat([tokens[:, 0], patches.pow(4).mean(1).pow(1 / 4)], dim=1)
    folder.save("copy_descriptor", F.normalize(descriptor, dim=1).numpy(), "of the generated images 0 and 1, unit length")


def signed(vectors: np.ndarray) -> np.ndarray:
    """Rows turned so that their largest component is positive: scikit-learn's svd_flip(u_based_decision=False)."""
    largest = np.abs(vectors).argmax(axis=1)
    return vectors * np.sign(vectors[np.arange(len(vectors)), largest])[:, None]


def whitening(folder: GoldenFolder) -> None:
    """utils.py, PCA, fitted as eval_copy_detection.py does; "graded": with eigenvalues below 1e-5 of the largest."""
    rows = 120
    for name, centered, step in (("whitened", False, 1.0), ("whitened_centered", True, 1.0), ("whitened_graded", False, 0.5)):
        x = clusters("whitening", rows, 32, 4, 0.5)[0].astype(np.float64) * step ** np.arange(32)
        mean = x.mean(0)
        moments = x - mean if centered else x
        values, vectors = np.linalg.eigh(moments.T @ moments / rows)
        values = np.maximum(values, values.max() * 1e-5)
        order = np.argsort(values, kind="stable")[::-1][:16]
        axes = signed(vectors[:, order].T) / values[order, None] ** 0.5
        folder.save(name, (x[:20] - mean) @ axes.T, f"first 20 of {rows} rows, 16 dimensions, before the L2 norm")


def copy_whitening(folder: GoldenFolder) -> None:
    """The generalised eigenproblem of scipy.linalg.eigh; the moments of the differences as scikit-learn shrinks them."""
    rows, kinds = 120, 3
    x = clusters("whitening", rows, 32, 4, 0.5)[0].astype(np.float64)
    edits = clusters("edits", kinds * rows, 32, 3, 0.25)[0].astype(np.float64)
    for name, shrinkage in (("copies_whitened", 0.01), ("copies_unshrunk", 0.0)):
        within = edits.T @ edits / len(edits)
        within = (1 - shrinkage) * within + shrinkage * np.trace(within) / 32 * np.eye(32)
        _, vectors = scipy.linalg.eigh(np.cov(x.T, bias=True), within)
        axes = signed(vectors[:, ::-1][:, :16].T)
        folder.save(name, (x[:20] - x.mean(0)) @ axes.T, f"first 20 of {rows} rows, 16 dimensions; {kinds} copies of each")


def pca_images(folder: GoldenFolder) -> None:
    """sklearn.decomposition.PCA over all tokens, and over those of the foreground."""
    tokens, _ = clusters("tokens", 98, 24, 3, 1.0)
    pca = PCA(3, svd_solver="full")
    components = pca.fit_transform(tokens.astype(np.float64))
    folder.save("pca_components", components, "of 98 tokens of 24 dimensions")
    folder.save("pca_variance", np.stack([pca.explained_variance_, pca.explained_variance_ratio_]), "and its ratio")
    low, high = components.min(0), components.max(0)
    folder.save("pca_rgb", np.round((components - low) / (high - low) * 255).astype(np.uint16), "scaled to bytes")
    first = (components[:, 0] - low[0]) / (high[0] - low[0])
    inside = first > 0.4
    foreground = np.zeros_like(components)
    foreground[inside] = pca.fit_transform(tokens[inside].astype(np.float64))
    folder.save("pca_foreground", foreground, "fitted to tokens whose first component is above 0.4 of its range")


def correspondence(folder: GoldenFolder) -> None:
    """Mutual nearest neighbours by cosine, best first: rows of (a, b, score)."""
    a, _ = clusters("patches_a", 40, 16, 40, 1.0)
    b, _ = clusters("patches_b", 48, 16, 40, 1.0)
    scores = unit_rows(a) @ unit_rows(b).T
    pairs = [(i, j, scores[i, j]) for i, j in enumerate(scores.argmax(1)) if scores[:, j].argmax() == i]
    folder.save("correspondence", np.array(sorted(pairs, key=lambda pair: -pair[2])), "mutual pairs")


def attention_masks(folder: GoldenFolder) -> None:
    """visualize_attention.py --threshold 0.6 on the packaged model's last attention."""
    maps = torch.from_numpy(np.load(GOLDENS / reference.NANO / "attention.npy")[-1]).flatten(1)
    values, order = torch.sort(maps)
    kept = torch.cumsum(values / values.sum(1, keepdim=True), 1) > 1 - 0.6
    masks = torch.zeros_like(maps).scatter(1, order, kept.float())
    folder.save("attention_masks", masks.numpy().astype(np.uint16), "heads x patches, of its attention.npy")


def label_propagation(folder: GoldenFolder) -> None:
    """eval_video_segmentation.py on made features: the first frame, the last two, radius 2, five neighbours."""
    h, w, dim, classes, reach, topk, last = 8, 10, 12, 3, 2, 5, 2
    base = generated("video", h * w, dim)
    frames = [F.normalize(torch.from_numpy(base + np.float32(0.5) * generated(f"frame{t}", h * w, dim)), dim=1) for t in range(6)]
    # A square of class 1 and a bar of class 2 before the ground.
    mask = np.zeros((h, w), dtype=np.int64)
    mask[1:4, 1:5] = 1
    mask[5:7] = 2
    first = F.one_hot(torch.from_numpy(mask.ravel()), classes).float()
    rows, columns = np.divmod(np.arange(h * w), w)
    near = (abs(rows[:, None] - rows) <= reach) & (abs(columns[:, None] - columns) <= reach)
    near = torch.from_numpy(near)
    queue: list[tuple[torch.Tensor, torch.Tensor]] = []
    soft = []
    for frame in frames[1:]:
        sources = [(frames[0], first), *queue]
        affinity = torch.cat([torch.exp(frame @ source.T / 0.1) * near for source, _ in sources], dim=1)
        least = affinity.topk(topk, dim=1).values[:, -1:]
        affinity = torch.where(affinity < least, 0.0, affinity)
        labels = affinity / affinity.sum(1, keepdim=True) @ torch.cat([seg for _, seg in sources])
        queue = [*queue, (frame, labels)][-last:]
        soft.append(labels.T.reshape(classes, h, w))
    folder.save("propagated", torch.stack(soft).numpy(), "frames 1 to 5 x classes x grid: soft labels")

    large = F.interpolate(soft[-1][None], scale_factor=4, mode="bilinear", align_corners=False)[0]
    low, high = large.amin((1, 2), keepdim=True), large.amax((1, 2), keepdim=True)
    classes_of = ((large - low) / (high - low)).argmax(0).numpy().astype(np.uint8)
    resized = np.asarray(Image.fromarray(classes_of).resize((61, 45), Image.Resampling.NEAREST))
    folder.save("segmented", resized.astype(np.uint16), "of the last frame, patches of 4 pixels, at 61 x 45")


def main() -> None:
    folder = GoldenFolder("recipes", SCRIPT)
    folder.meta["versions"] = versions("scikit-learn")
    values = {**knn(folder), **logistic(folder), **digits(folder)}
    copy_descriptors(folder)
    whitening(folder)
    copy_whitening(folder)
    pca_images(folder)
    correspondence(folder)
    attention_masks(folder)
    label_propagation(folder)
    folder.save_json("values", values, "accuracies")
    folder.close()
    print(values)


if __name__ == "__main__":
    main()
