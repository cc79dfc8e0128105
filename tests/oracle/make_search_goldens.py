"""Exact nearest neighbours as NumPy finds them in float64, for tests/cpp/search_test.cc.

The vectors are like embeddings: clusters in a few dimensions, turned into many, with noise; some are there twice, so that
scores tie. 37 dimensions are no multiple of anything that kernels work in.
"""
import numpy as np

from golden_io import GoldenFolder

ROWS, DIM, QUERIES, K = 400, 37, 6, 10
MIN_SCORE = {"cosine": 0.9, "dot": 7.0}


def vectors() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(7)
    centers, turn = random.normal(size=(20, 6)), random.normal(size=(6, DIM)) / 2
    points = centers[random.integers(20, size=ROWS + QUERIES)] + 0.3 * random.normal(size=(ROWS + QUERIES, 6))
    x = (points @ turn + 0.1 * random.normal(size=(ROWS + QUERIES, DIM))).astype(np.float32)
    x[:ROWS] *= random.uniform(0.5, 2, size=(ROWS, 1)).astype(np.float32)
    x[100:110] = x[200:210]  # ties
    x[301] = x[300]
    x[ROWS] = x[205]  # a query that is there twice
    return x[:ROWS], x[ROWS:]


def stored(x: np.ndarray, metric: str) -> np.ndarray:
    """As the index keeps them: float32, of length 1 under cosine."""
    x64 = x.astype(np.float64)
    return x if metric == "dot" else (x64 / np.linalg.norm(x64, axis=1, keepdims=True)).astype(np.float32)


def scores(queries: np.ndarray, rows: np.ndarray, metric: str) -> np.ndarray:
    # einsum without BLAS sums each product in the same order, so that equal vectors get equal scores.
    q, x = queries.astype(np.float64), rows.astype(np.float64)
    products = np.einsum("qd,nd->qn", q, x, optimize=False)
    if metric == "dot":
        return products
    return products / (np.linalg.norm(q, axis=1)[:, None] * np.linalg.norm(x, axis=1)[None])


def topk(s: np.ndarray, allowed: np.ndarray, k: int, least: float = -np.inf) -> tuple[np.ndarray, np.ndarray]:
    ids, best = np.full((len(s), k), -1.0), np.full((len(s), k), -np.inf)
    for i, row in enumerate(s):
        usable = np.flatnonzero(allowed & (row >= least))
        order = usable[np.lexsort((usable, -np.round(row[usable], 12)))][:k]  # ties by row
        ids[i, : len(order)], best[i, : len(order)] = order, row[order]
    return ids.astype(np.float32), best


def main() -> None:
    folder = GoldenFolder("search", "make_search_goldens.py", k=K, min_score=MIN_SCORE)
    x, queries = vectors()
    folder.save("rows", x, "the vectors")
    folder.save("queries", queries, "the queries; the first is vectors 105 and 205")
    every = np.ones(ROWS, bool)
    removed = np.arange(ROWS) % 3 != 1  # what is left
    allowed = np.arange(ROWS) % 7 < 2
    for metric in ("cosine", "dot"):
        s = scores(queries, stored(x, metric), metric)
        cases = {
            "all": (every, K, -np.inf),
            "removed": (removed, K, -np.inf),
            "allowed": (removed & allowed, K, -np.inf),
            "min_score": (every, K, MIN_SCORE[metric]),
            "more_than_rows": (allowed, ROWS + 5, -np.inf),
        }
        for name, (rows, k, least) in cases.items():
            ids, best = topk(s, rows, k, least)
            folder.save(f"{metric}_{name}_rows", ids, f"row numbers, {metric}, -1 where there are fewer")
            folder.save(f"{metric}_{name}_scores", best, "their scores")
    folder.close()


if __name__ == "__main__":
    main()
