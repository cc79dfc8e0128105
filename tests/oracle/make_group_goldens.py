"""Clusters and a map of vectors as scikit-learn makes them: HDBSCAN on cosine distance, and PCA.

    python tests/oracle/make_group_goldens.py
"""
import warnings

import numpy as np
from sklearn.cluster import HDBSCAN
from sklearn.decomposition import PCA

from golden_io import GoldenFolder, versions

SCRIPT = "make_group_goldens.py"
DIM = 12
# Size and spread of each cluster; the last two have one center's neighbourhood in common.
CLUSTERS = [(140, 0.05), (90, 0.15), (60, 0.1), (40, 0.2), (50, 0.04), (50, 0.04)]
NOISE = 70
PARAMETERS = [
    {"min_cluster_size": 5, "min_samples": 5},
    {"min_cluster_size": 25, "min_samples": 3},
    {"min_cluster_size": 8, "min_samples": 15},
]


def points() -> tuple[np.ndarray, np.ndarray]:
    """(n, DIM) of length 1 in no order, and which cluster each was drawn from; -1: from none."""
    random = np.random.default_rng(11)
    centers = random.normal(size=(len(CLUSTERS), DIM))
    centers[-1] = centers[-2] + 0.25 * random.normal(size=DIM)
    drawn = [center / np.linalg.norm(center) + spread * random.normal(size=(size, DIM)) / np.sqrt(DIM / 4)
             for center, (size, spread) in zip(centers, CLUSTERS)]
    x = np.concatenate([*drawn, random.normal(size=(NOISE, DIM))])
    labels = np.concatenate([np.repeat(np.arange(len(CLUSTERS)), [size for size, _ in CLUSTERS]), np.full(NOISE, -1)])
    order = random.permutation(len(x))
    x, labels = x[order], labels[order]
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32), labels


def main() -> None:
    x, drawn = points()
    folder = GoldenFolder("groups", SCRIPT, parameters=PARAMETERS)
    folder.meta["versions"] = versions("scikit-learn")
    folder.save("points", x, "vectors of length 1: six clusters and noise")
    folder.save("drawn", drawn.astype(np.float64), "the cluster that each was drawn from, -1: none")
    exact = x.astype(np.float64)
    for i, parameters in enumerate(PARAMETERS):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            fitted = HDBSCAN(metric="cosine", algorithm="brute", **parameters).fit(exact)
        folder.save(f"labels_{i}", fitted.labels_.astype(np.float64), f"HDBSCAN with parameters {i}: labels_")
        folder.save(f"probabilities_{i}", fitted.probabilities_.astype(np.float64), "probabilities_ of the same")
        print(parameters, np.unique(fitted.labels_, return_counts=True))
    folder.save("pca", PCA(2, svd_solver="full").fit_transform(exact), "PCA(2).fit_transform")
    folder.close()


if __name__ == "__main__":
    main()
