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


# ---- the functions fitted: name -> (comment, thunk)

from mpmath import (  # noqa: E402
    atanh, digamma, euler, exp, findroot, log, loggamma, nstr, psi, sqrt, zeta,
)

TABLES = {}


def table(name):
    def register(thunk):
        TABLES[name] = thunk
        return thunk

    return register


def tail(f, power, limit):
    """f(x) x^power as a function of z = 1/x^2, with the limit at z = 0."""
    return lambda z: limit if z == 0 else f(1 / sqrt(z)) / sqrt(z) ** power


def relative_to(g, power):
    """The weight of a tail: an error relative to g(x), the function that the tail is a part of."""
    return lambda z, f: g(1 / sqrt(max(z, mpf(10) ** -8))) / sqrt(max(z, mpf(10) ** -8)) ** power


@table("LGAMMA")
def _():
    """lgamma(1 + t) = t (t - 1) (11/32 + P(t)/Q(t)), t in [0, 2]"""
    c = mpf(11) / 32

    def r(t):
        if t == 0:
            return mpf(euler) - c
        if t == 1:
            return 1 - euler - c
        return loggamma(1 + t) / (t * (t - 1)) - c

    return fit(r, 0, 2, 7, 7, lambda t, f: f + c)


@table("STIRLING")
def _():
    """lgamma(x) = (x - 1/2) log x - x + log(2 pi)/2 + S(1/x^2)/x, x >= 3"""
    rest = lambda x: loggamma(x) - ((x - mpf(1) / 2) * log(x) - x + log(2 * pi) / 2)
    return fit(tail(rest, 1, mpf(1) / 12), 0, mpf(1) / 9, 9, 0, relative_to(loggamma, 1))


ROOT = findroot(digamma, mpf("1.4616321449683623"))


@table("DIGAMMA")
def _():
    """digamma(1 + t) = (t - t0) (19/32 + P(t)/Q(t)), t in [0, 2], t0 the root"""
    c = mpf(19) / 32

    def d(t):
        u = t + 1 - ROOT
        return (digamma(1 + t) / u if abs(u) > mpf(10) ** -40 else psi(1, ROOT)) - c

    return fit(d, 0, 2, 7, 7, lambda t, f: f + c)


@table("DIGAMMA_TAIL")
def _():
    """digamma(x) = log x - 1/(2x) - S(1/x^2)/x^2, x >= 3"""
    rest = lambda x: log(x) - 1 / (2 * x) - digamma(x)
    return fit(tail(rest, 2, mpf(1) / 12), 0, mpf(1) / 9, 9, 0, relative_to(digamma, 2))


@table("TRIGAMMA")
def _():
    """trigamma(x) = 1/x^2 + 1/4 + P(x)/Q(x), x in [0, 3]"""
    c = mpf(1) / 4
    return fit(lambda x: psi(1, 1 + x) - c, 0, 3, 7, 7, lambda x, f: f + c)


@table("TRIGAMMA_TAIL")
def _():
    """trigamma(x) = 1/x + 1/(2 x^2) + S(1/x^2)/x^3, x >= 3"""
    rest = lambda x: psi(1, x) - 1 / x - 1 / (2 * x * x)
    return fit(tail(rest, 3, mpf(1) / 6), 0, mpf(1) / 9, 11, 0, relative_to(lambda x: psi(1, x), 3))


@table("LOG")
def _():
    """log((1 + s)/(1 - s)) = 2 s + s z P(z), z = s^2, |s| <= 3 - 2 sqrt 2"""

    def p(z):
        if z == 0:
            return mpf(2) / 3
        s = sqrt(z)
        return (2 * atanh(s) / s - 2) / z

    return fit(p, 0, (3 - 2 * sqrt(mpf(2))) ** 2, 7)


@table("CONSTANTS")
def _():
    v0 = ROOT - 1
    hi = mpf(float(v0))
    ln2 = log(mpf(2))
    ln2_hi = mpf(int(ln2 * 2**33)) / 2**33
    for name, v in [
        ("digamma root - 1", hi), ("its rest", v0 - hi), ("ln 2, 33 bits", ln2_hi), ("its rest", ln2 - ln2_hi),
        ("log(2 pi)/2", log(2 * pi) / 2),
    ]:
        print(f"  {name}: {float(v)!r}")
    return None


if __name__ == "__main__":
    for name, thunk in TABLES.items():
        if len(sys.argv) > 1 and not any(a in name for a in sys.argv[1:]):
            continue
        print(name, thunk.__doc__ or "")
        result = thunk()
        if result is None:
            continue
        p, q, exact, rounded = result
        print(f"  error {exact:.3g}, with rounded coefficients {rounded:.3g} of 2^-53")
        print("  P", ", ".join(repr(v) for v in p))
        if q:
            print("  Q", ", ".join(repr(v) for v in [1.0] + q))
