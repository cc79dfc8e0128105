"""Fits the rational function of src/model/gelu.cc and prints its coefficients and error.

    python tests/oracle/fit_gelu.py

Φ(x) = 1/2 + x · R(x²) with R = P / Q of degrees 5 and 5 on |x| ≤ 5.4, beyond which 1 - Φ is below float32's resolution.
Minimax by Lawson's reweighting of a linearised least squares fit; the error is that of gelu(x) = x · Φ(x).
"""
import math

import numpy as np

LIMIT, DEGREE, POINTS, ROUNDS = 5.4, 5, 4000, 60


def gelu(x):
    return np.array([v * 0.5 * math.erfc(-v / math.sqrt(2)) for v in x])


def fit():
    x = (np.cos(np.pi * (np.arange(POINTS) + 0.5) / POINTS) + 1) / 2 * LIMIT
    target = np.array([0.5 * math.erf(v / math.sqrt(2)) / v for v in x])
    s = (x / LIMIT) ** 2
    weight, lawson, q_values = x * np.maximum(x, 0.3), np.ones(POINTS), np.ones(POINTS)
    best = None
    for _ in range(ROUNDS):
        powers = np.stack([s**i for i in range(DEGREE + 1)], 1)
        matrix = np.concatenate([powers, -target[:, None] * powers[:, 1:]], 1)
        w = np.sqrt(lawson) * weight / np.abs(q_values)
        solution = np.linalg.lstsq(matrix * w[:, None], target * w, rcond=None)[0]
        p, q = solution[: DEGREE + 1], np.concatenate([[1], solution[DEGREE + 1 :]])
        q_values = powers @ q
        error = np.abs((powers @ p / q_values - target) * weight)
        if best is None or error.max() < best[0]:
            best = error.max(), p, q
        lawson *= error / error.max() + 1e-3
        lawson /= lawson.mean()
    scale = LIMIT ** (2.0 * np.arange(DEGREE + 1))
    return best[0], np.float32(best[1] / scale), np.float32(best[2] / scale)


def horner(coefficients, t):
    result = np.full_like(t, coefficients[-1])
    for c in coefficients[-2::-1]:
        result = np.float32(result * t) + c
    return result


if __name__ == '__main__':
    minimax, p, q = fit()
    print('P', [float(c) for c in p])
    print('Q', [float(c) for c in q])
    print(f'largest error of the fit: {minimax:.1e}')
    x = np.linspace(-8, 8, 400001, dtype=np.float32)
    clamped = np.clip(x, -np.float32(LIMIT), np.float32(LIMIT))
    t = clamped * clamped
    result = x * (np.float32(0.5) + clamped * (horner(p, t) / horner(q, t)))
    print(f'in float32: {np.abs(result - gelu(x.astype(np.float64))).max():.1e} for |x| ≤ 8')
