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
    limit = exact + mpf(2) ** -54
    fixed = {}
    for k in order[:keep]:
        fixed[k] = mpf(float(c[k]))
        again, worst = remez(points, n, m, fixed)
        if worst > 2 * limit:
            break
        c = again
    c = [mpf(float(v)) for v in c]
    p_c, q_c = c[: n + 1], [mpf(1)] + c[n + 1 :]
    worst = max(abs(polynomial(p_c, x) / polynomial(q_c, x) - v) / w for x, v, w in points)
    return [float(v) for v in p_c], [float(v) for v in q_c[1:]], float(exact * 2**53), float(worst * 2**53)


# ---- the functions fitted: name -> (comment, thunk)

from mpmath import (  # noqa: E402
    atanh, bernoulli, besseli, digamma, erf, erfc, erfinv, euler, exp, expm1, findroot, log, loggamma, psi, sqrt,
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


def scaled_erfc(z):
    """z exp(z^2) erfc(z)"""
    if z < 25:
        return z * exp(z * z) * erfc(z)
    total, term, k = mpf(0), mpf(1), 0
    while abs(term) > mpf(10) ** -70 and k < 300:
        total += term
        k += 1
        term *= -(2 * k - 1) / (2 * z * z)
    return total / sqrt(pi)


def tail_fit(f, limit, c, k, low, degree):
    """f(z) - c in t = (z - k)/(z + k) from z = low on."""

    def g(t):
        return (limit if t == 1 else f(k * (1 + t) / (1 - t))) - c

    return fit(g, (mpf(low) - k) / (mpf(low) + k), 1, degree, 0, lambda t, f: f + c)


@table("ERF")
def _():
    """erf(x) = x + x P(x^2), |x| <= 1"""
    p = lambda y: erf(sqrt(y)) / sqrt(y) - 1 if y else 2 / sqrt(pi) - 1
    return fit(p, 0, 1, 11, 0, lambda y, f: mpf(1) / 8)


@table("ERFC_TAIL")
def _():
    """erfc(x) = exp(-x^2) (1/2 + P(t))/x, t = (x - 2)/(x + 2), x >= 3/4"""
    return tail_fit(scaled_erfc, 1 / sqrt(pi), mpf(1) / 2, 2, "0.75", 23)


@table("NDTR")
def _():
    """ndtr(x) = (1/2 + x/2) + x P(x^2), |x| <= 1"""
    p = lambda y: (erf(sqrt(y / 2)) / sqrt(y) if y else sqrt(2 / pi)) / 2 - mpf(1) / 2
    return fit(p, 0, 1, 9, 0)


@table("NDTR_TAIL")
def _():
    """ndtr(-x) = exp(-x^2/2) (3/8 + P(t))/x, t = (x - 11/4)/(x + 11/4), x >= 7/8"""
    f = lambda x: scaled_erfc(x / sqrt(mpf(2))) / sqrt(mpf(2))
    return tail_fit(f, 1 / sqrt(2 * pi), mpf(3) / 8, mpf(11) / 4, "0.875", 23)


@table("EXPM1")
def _():
    """exp(r) - 1 = r + r^2 P(r), |r| <= log(2)/2"""
    p = lambda r: (expm1(r) - r) / (r * r) if r else mpf(1) / 2
    return fit(p, -log(mpf(2)) / 2, log(mpf(2)) / 2, 9, 0, lambda r, f: 1 / (r * r + mpf(10) ** -3))


def normal_quantile(p):
    """The quantile of the normal distribution for small p, by Newton's iteration on log ndtr."""
    if p > mpf(10) ** -8:
        return -sqrt(mpf(2)) * erfinv(1 - 2 * p)
    target = log(p)
    x = sqrt(-2 * target - log(-4 * pi * target))
    for _ in range(60):
        h = scaled_erfc(x / sqrt(mpf(2))) / sqrt(mpf(2)) / x
        step = (log(h) - x * x / 2 - target) * h * sqrt(2 * pi)
        x += step
        if abs(step) < mpf(10) ** -50:
            return -x
    raise ArithmeticError(p)


@table("NDTRI")
def _():
    """ndtri(1/2 + q) = q (5/2 + P(w)/Q(w)), w = 9/64 - q^2, |q| <= 3/8"""
    c = mpf(5) / 2

    def g(w):
        u = mpf(9) / 64 - w
        return (sqrt(mpf(2)) * erfinv(2 * sqrt(u)) / sqrt(u) if u > mpf(10) ** -40 else sqrt(2 * pi)) - c

    return fit(g, 0, mpf(9) / 64, 7, 7, lambda w, f: f + c)


@table("NDTRI_TAIL")
def _():
    """ndtri(p) = -r - r P(s)/Q(s), r = sqrt(-log p), s = r - 23/16, p in 2^-1074..1/8"""
    f = lambda s: -normal_quantile(exp(-((s + mpf(23) / 16) ** 2))) / (s + mpf(23) / 16) - 1
    return fit(f, 0, mpf("25.86"), 11, 11, lambda s, f: f + 1, 2, 12)


@table("LOG_I0")
def _():
    """log I0(x) = z P(z)/Q(z), z = x^2/4, |x| <= 10"""
    return fit(lambda z: log(besseli(0, 2 * sqrt(z))) / z if z else mpf(1), 0, 25, 11, 11, density=12)


@table("LOG_I0_TAIL")
def _():
    """log I0(x) = x - log(2 pi x)/2 + q P(q)/Q(q), q = 1/x, x >= 10"""

    def g(q):
        return (log(besseli(0, 1 / q)) - 1 / q + log(2 * pi / q) / 2) / q if q else mpf(1) / 8

    x = lambda q: 1 / max(q, mpf(10) ** -3)
    return fit(g, 0, mpf(1) / 10, 6, 6, lambda q, f: log(besseli(0, x(q))) * x(q), density=12)


@table("BESSEL_RATIO")
def _():
    """I1(x)/I0(x) = x/2 P(z)/Q(z), z = x^2/4, |x| <= 18"""
    f = lambda x: besseli(1, x) / besseli(0, x) * 2 / x
    return fit(lambda z: f(2 * sqrt(z)) if z else mpf(1), 0, 81, 9, 9, density=12)


@table("BESSEL_RATIO_TAIL")
def _():
    """I1(x)/I0(x) = 1 - q P(q), q = 1/x, x >= 18"""
    h = lambda q: (1 - besseli(1, 1 / q) / besseli(0, 1 / q)) / q if q else mpf(1) / 2
    return fit(h, 0, mpf(1) / 18, 11, 0, lambda q, f: 1 / max(q, mpf(10) ** -3), density=12)


@table("TEMME")
def _():
    """c_k(eta) = sum over n of d[k][n] eta^n of Temme's expansion of the incomplete gamma functions (DLMF 8.12.9 to 8.12.12);
    the terms that a >= 256 and |eta| <= 0.134 need, one line for each k"""
    sizes = [13, 11, 8, 6, 4, 3]
    top = sizes[0] + 2 * len(sizes) + 4
    # mu = lambda - 1 as a series in eta, from mu mu' = eta (1 + mu).
    alpha = [mpf(0), mpf(1)]
    for n in range(2, top + 3):
        rest = sum(alpha[i] * (n + 1 - i) * alpha[n + 1 - i] for i in range(2, n))
        alpha.append((alpha[n - 1] - rest) / (n + 1))
    # The coefficients g_k of Stirling's series for gamma, from those of its logarithm.
    bernoulli_terms = {2 * j - 1: bernoulli(2 * j) / (2 * j * (2 * j - 1)) for j in range(1, 8)}
    g = [mpf(1)]
    for k in range(1, len(sizes) + 1):
        g.append(sum(j * v * g[k - j] for j, v in bernoulli_terms.items() if j <= k) / k)
    d = [[(n + 2) * alpha[n + 2] - (1 if n == 0 else 0) for n in range(top)]]
    for k in range(1, len(sizes)):
        d.append([(-1) ** k * g[k] * d[0][n] + (n + 2) * d[k - 1][n + 2] for n in range(top - 2 * k)])
    for k, size in enumerate(sizes):
        print("  D", ", ".join(repr(float(v)) for v in d[k][:size]))
    return None


@table("CONSTANTS")
def _():
    v0 = ROOT - 1
    hi = mpf(float(v0))
    ln2 = log(mpf(2))
    ln2_hi = mpf(int(ln2 * 2**33)) / 2**33
    ln2_41 = mpf(int(ln2 * 2**41)) / 2**41
    for name, v in [
        ("ln 2, 41 bits", ln2_41), ("its rest", ln2 - ln2_41), ("1/ln 2", 1 / ln2),
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
