"""Where the coefficients of assembly/special.ts come from: weighted minimax fits, polynomial and rational, of
arbitrary-precision values (mpmath, 60 digits) by Remez' exchange. The lowest coefficients are rounded to doubles first and
the rest fitted again, so that the rounding of a leading coefficient costs nothing.

`python3 scripts/accuracy/fits.py` prints every table, `... fits.py NAME` those whose name contains NAME."""

import sys
from mpmath import mp, mpf, matrix, lu_solve, cos, pi

mp.dps = 60


def chebyshev(lo, hi, count):
    lo, hi = mpf(lo), mpf(hi)
    return [(lo + hi) / 2 - (hi - lo) / 2 * cos(pi * k / (count - 1)) for k in range(count)]


def polynomial(c, x):
    s = mpf(0)
    for a in reversed(c):
        s = s * x + a
    return s


def solve(reference, n, m, fixed, q_values):
    """P and Q (Q0 = 1) whose weighted error alternates with the same size on the reference points."""
    free = [k for k in range(n + 1 + m) if k not in fixed]
    size = len(free) + 1
    c, e = None, None
    for _ in range(60 if m else 1):
        a, b = matrix(size, size), matrix(size, 1)
        for i, ((x, f, w), q) in enumerate(zip(reference, q_values)):
            basis = [x**k for k in range(n + 1)] + [-f * x**k for k in range(1, m + 1)]
            for j, k in enumerate(free):
                a[i, j] = basis[k]
            a[i, size - 1] = w * q if i % 2 else -w * q
            b[i] = f - sum(v * basis[k] for k, v in fixed.items())
        s = lu_solve(a, b)
        values = dict(fixed)
        values.update(zip(free, s))
        c = [values[k] for k in range(n + 1 + m)]
        q_new = [polynomial([mpf(1)] + c[n + 1 :], x) for x, _, _ in reference]
        e_new = s[size - 1]
        done = e is not None and abs(e_new - e) <= mpf(10) ** -6 * abs(e_new)
        q_values, e = q_new, e_new
        if done:
            break
    return c, abs(e), q_values


def remez(points, n, m, fixed):
    size = n + 1 + m - len(fixed) + 1
    index = [round((len(points) - 1) * k / (size - 1)) for k in range(size)]
    best = None
    q_values = [mpf(1)] * size
    for _ in range(30):
        c, e, q_values = solve([points[i] for i in index], n, m, fixed, q_values)
        p_c, q_c = c[: n + 1], [mpf(1)] + c[n + 1 :]
        errors = [(polynomial(p_c, x) / polynomial(q_c, x) - f) / w for x, f, w in points]
        worst = max(abs(v) for v in errors)
        if best is None or worst < best[1]:
            best = (c, worst)
        if worst <= e * mpf("1.02"):
            break
        # One extremum for each run of one sign; then drop the smallest ends until the count is right.
        extrema = []
        for i, v in enumerate(errors):
            if extrema and (v > 0) == (errors[extrema[-1]] > 0):
                if abs(v) > abs(errors[extrema[-1]]):
                    extrema[-1] = i
            else:
                extrema.append(i)
        while len(extrema) > size:
            extrema.pop(0 if abs(errors[extrema[0]]) < abs(errors[extrema[-1]]) else -1)
        if len(extrema) < size:
            break
        index = extrema
        q_values = [polynomial(q_c, points[i][0]) for i in index]
    return best


def fit(f, lo, hi, n, m=0, weight=lambda x, f: abs(f), keep=2, density=24):
    """P (degree n) and Q (degree m, its constant 1 left out) as doubles with the largest error of the exact fit and of the
    rounded one, in units of 2^-53 of the weight."""
    points = []
    for x in chebyshev(lo, hi, density * (n + m + 2)):
        v = f(x)
        points.append((x, v, weight(x, v)))
    order = []
    for k in range(max(n, m) + 1):
        order += [k] * (k <= n) + [n + k] * (1 <= k <= m)
    c, exact = remez(points, n, m, {})
    fixed = {}
    for k in order[:keep]:
        fixed[k] = mpf(float(c[k]))
        c, _ = remez(points, n, m, fixed)
    c = [mpf(float(v)) for v in c]
    p_c, q_c = c[: n + 1], [mpf(1)] + c[n + 1 :]
    worst = max(abs(polynomial(p_c, x) / polynomial(q_c, x) - v) / w for x, v, w in points)
    return [float(v) for v in p_c], [float(v) for v in q_c[1:]], float(exact * 2**53), float(worst * 2**53)
