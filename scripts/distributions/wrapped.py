"""Writes test/wrapped.txt: log densities of truncated and censored distributions and their derivatives in every parameter, from
definitions, in 60 digits, for bounds in the middle and in tails whose probability no double holds. Run as
`python3 scripts/distributions/wrapped.py`.

A line: the family, its parameters, "truncated" or "censored", the bounds, the value, the log density and its derivatives. To each
of these belongs, after a colon, the size of the terms that it is the sum of (the density's and the normaliser's), as far as it is
larger: what cancels between them costs digits in any arithmetic."""

from pathlib import Path

from mpmath import mp, mpf, inf

from tails import beta_lower, student_tail

OUT = Path(__file__).resolve().parent.parent.parent / "test" / "wrapped.txt"
mp.dps = 60
half = mpf(1) / 2


def ndtr(z):
    return mp.erfc(-z / mp.sqrt(2)) / 2


def normal(x, m, s):
    return -(((x - m) / s) ** 2) / 2 - mp.log(s) - mp.log(2 * mp.pi) / 2


def student(x, v, m, s):
    return mp.loggamma((v + 1) / 2) - mp.loggamma(v / 2) - mp.log(v * mp.pi) / 2 - mp.log(s) - (v + 1) / 2 * mp.log1p(((x - m) / s) ** 2 / v)


def student_cdf(x, v, m, s):
    z = (x - m) / s
    return student_tail(-z, v) if z < 0 else 1 - student_tail(z, v)


def student_sf(x, v, m, s):
    return student_cdf(-x, v, -m, s)


def gamma(x, a, b):
    return a * mp.log(b) - mp.loggamma(a) + (a - 1) * mp.log(x) - b * x


def gamma_cdf(x, a, b):
    return mp.gammainc(a, 0, b * x, regularized=True)


def gamma_sf(x, a, b):
    return mp.gammainc(a, b * x, mp.inf, regularized=True)


def beta_cdf(x, a, b):
    return beta_lower(x, a, b) if x < 0.5 else 1 - beta_lower(1 - x, b, a)


def laplace_cdf(x, m, s):
    z = (x - m) / s
    return mp.exp(z) / 2 if z < 0 else 1 - mp.exp(-z) / 2


def wald(x, m, k, sign):
    """Φ(z) ± e^(2k/m) Φ(-y): the two halves of the inverse Gaussian."""
    r = mp.sqrt(k / x)
    return ndtr(sign * r * (x / m - 1)) + sign * mp.exp(2 * k / m) * ndtr(-r * (x / m + 1))


def counted(f, last=None):
    """The distribution function of counts with the log probabilities f, and the rest of it to where nothing is left."""
    top = last or 700
    return (
        lambda k, *p: sum((mp.exp(f(mpf(i), *p)) for i in range(int(k) + 1)), mpf(0)),
        lambda k, *p: sum((mp.exp(f(mpf(i), *p)) for i in range(int(k) + 1, min(int(k) + top, last or inf) + 1)), mpf(0)),
    )


def skew_cdf(x, m, s, a):
    density = lambda t: 2 * ndtr(a * t) * mp.exp(-t * t / 2) / mp.sqrt(2 * mp.pi)  # noqa: E731
    return mp.quad(density, [-20, -8, -4, -2, -1, -half, 0, (x - m) / s])


def poisson(k, r):
    return k * mp.log(r) - r - mp.loggamma(k + 1)


def negative_binomial(k, m, f):
    return mp.loggamma(k + f) - mp.loggamma(k + 1) - mp.loggamma(f) + f * mp.log(f / (m + f)) + k * mp.log(m / (m + f))


def binomial(k, p):
    return mp.log(mp.binomial(40, k)) + k * mp.log(p) + (40 - k) * mp.log1p(-p)


def beta_binomial(k, a, b):
    log_beta = lambda x, y: mp.loggamma(x) + mp.loggamma(y) - mp.loggamma(x + y)  # noqa: E731
    return mp.log(mp.binomial(40, k)) + log_beta(k + a, 40 - k + b) - log_beta(a, b)


def zero_inflated(k, r):
    zero = mpf(1) / 4 if k == 0 else mpf(0)
    return mp.log(zero + (1 - mpf(1) / 4) * mp.exp(poisson(k, r)))


def mixture(f):
    return lambda x, a, b, c, d: f(x, a, b) / 4 + f(x, c, d) * 3 / 4


def exponential_like(w):
    """Distribution function and survival from the cumulative hazard w."""
    return (lambda x, *p: -mp.expm1(-w(x, *p)), lambda x, *p: mp.exp(-w(x, *p)))


# Name: log density, distribution function, survival function, parameters, pairs of bounds.
FAMILIES = {
    "normal": (normal, lambda x, m, s: ndtr((x - m) / s), lambda x, m, s: ndtr((m - x) / s), [(0.5, 1.5)], [(-1, 2), (20, 21), (-60, -58)]),
    "halfNormal": (lambda x, s: normal(x, 0, s) + mp.log(2), lambda x, s: mp.erf(x / s / mp.sqrt(2)), lambda x, s: 2 * ndtr(-x / s), [(1.5,)], [(0.5, 2), (70, 71)]),
    "studentT": (student, student_cdf, student_sf, [(4.5, 0.5, 1.5), (1.25, -0.25, 2), (60, 0, 1)], [(-1, 2), (3, 4), (-30, -20), (1e6, 2e6), (-0.25, 0.5)]),
    "halfStudentT": (lambda x, v, s: student(x, v, 0, s) + mp.log(2), lambda x, v, s: 1 - 2 * student_tail(x / s, v), lambda x, v, s: 2 * student_tail(x / s, v), [(4.5, 1.5)], [(0.5, 2), (10, 20), (1e6, 2e6)]),
    "cauchy": (lambda x, m, s: student(x, 1, m, s), lambda x, m, s: student_cdf(x, mpf(1), m, s), lambda x, m, s: student_sf(x, mpf(1), m, s), [(0.5, 1.5)], [(-1, 2), (-1e6, -1e5), (1e4, 1e6)]),
    "halfCauchy": (lambda x, s: student(x, 1, 0, s) + mp.log(2), lambda x, s: 1 - 2 * student_tail(x / s, mpf(1)), lambda x, s: 2 * student_tail(x / s, mpf(1)), [(1.5,)], [(0.5, 2), (1e4, 1e6)]),
    "laplace": (lambda x, m, s: -abs(x - m) / s - mp.log(2 * s), laplace_cdf, lambda x, m, s: laplace_cdf(-x, -m, s), [(0.5, 1.5)], [(-1, 2), (-3000, -2000), (2000, 2001)]),
    "logistic": (lambda x, m, s: -(x - m) / s - mp.log(s) - 2 * mp.log1p(mp.exp(-(x - m) / s)), lambda x, m, s: 1 / (1 + mp.exp((m - x) / s)), lambda x, m, s: 1 / (1 + mp.exp((x - m) / s)), [(0.5, 1.5)], [(-1, 2), (-1500, -1499), (1500, 1502)]),
    "gumbel": (lambda x, m, s: -(x - m) / s - mp.exp(-(x - m) / s) - mp.log(s), lambda x, m, s: mp.exp(-mp.exp((m - x) / s)), lambda x, m, s: -mp.expm1(-mp.exp((m - x) / s)), [(0.5, 1.5)], [(-1, 2), (-12, -11), (1200, 1202), (40, 70)]),
    "beta": (lambda x, a, b: (a - 1) * mp.log(x) + (b - 1) * mp.log1p(-x) + mp.loggamma(a + b) - mp.loggamma(a) - mp.loggamma(b),
             beta_cdf, lambda x, a, b: beta_cdf(1 - x, b, a), [(2.25, 3.5), (0.5, 0.75), (300, 20)], [(0.25, 0.75), (1e-9, 1e-6), (0.99, 0.999)]),
    "kumaraswamy": (lambda x, a, b: mp.log(a * b) + (a - 1) * mp.log(x) + (b - 1) * mp.log1p(-(x**a)), lambda x, a, b: 1 - (1 - x**a) ** b, lambda x, a, b: (1 - x**a) ** b, [(2.25, 3.5)], [(0.25, 0.75), (1e-9, 1e-6), (0.99, 0.999)]),
    "logNormal": (lambda x, m, s: normal(mp.log(x), m, s) - mp.log(x), lambda x, m, s: ndtr((mp.log(x) - m) / s), lambda x, m, s: ndtr((m - mp.log(x)) / s), [(0.5, 1.5)], [(0.5, 3), (1e-30, 1e-29), (1e30, 1e31)]),
    "exponential": (lambda x, r: mp.log(r) - r * x, *exponential_like(lambda x, r: r * x), [(2,)], [(0.25, 1), (500, 501), (1e-9, 2e-9)]),
    "gamma": (gamma, gamma_cdf, gamma_sf, [(2.25, 1.5), (0.25, 2), (400, 1)], [(0.5, 3), (1e-6, 2e-6), (900, 1000)]),
    "inverseGamma": (lambda x, a, s: gamma(1 / x, a, s) - 2 * mp.log(x), lambda x, a, s: gamma_sf(1 / x, a, s), lambda x, a, s: gamma_cdf(1 / x, a, s), [(2.25, 1.5)], [(0.5, 3), (0.001, 0.002), (1e6, 2e6)]),
    "chiSquare": (lambda x, v: gamma(x, v / 2, half), lambda x, v: gamma_cdf(x, v / 2, half), lambda x, v: gamma_sf(x, v / 2, half), [(3,), (0.5,)], [(0.5, 3), (1800, 2000), (1e-6, 2e-6)]),
    "weibull": (lambda x, k, s: mp.log(k / s) + (k - 1) * mp.log(x / s) - (x / s) ** k, *exponential_like(lambda x, k, s: (x / s) ** k), [(1.5, 2)], [(0.5, 3), (200, 210), (1e-6, 2e-6)]),
    "pareto": (lambda x, m, a: mp.log(a) + a * mp.log(m) - (a + 1) * mp.log(x), *exponential_like(lambda x, m, a: a * mp.log(x / m)), [(0.25, 2.5)], [(0.5, 3), (1e200, 1e201)]),
    "inverseGaussian": (lambda x, m, k: mp.log(k / (2 * mp.pi * x**3)) / 2 - k * (x - m) ** 2 / (2 * m * m * x), lambda x, m, k: wald(x, m, k, 1), lambda x, m, k: wald(x, m, k, -1), [(1.5, 2)], [(0.5, 3), (0.0005, 0.0006), (2000, 2010)]),
    "skewNormal": (lambda x, m, s, a: normal(x, m, s) + mp.log(2 * ndtr(a * (x - m) / s)), skew_cdf, lambda x, *p: 1 - skew_cdf(x, *p), [(0.5, 1.5, 2)], [(0.25, 2)]),
    "poisson": (poisson, *counted(poisson), [(3.5,), (0.001,)], [(2, 6), (150, 200)]),
    "negativeBinomial": (negative_binomial, *counted(negative_binomial), [(3.5, 2.25)], [(2, 6), (1000, 1100)]),
    "binomial": (binomial, *counted(binomial, 40), [(0.25,), (1e-12,)], [(7, 12), (35, 39)]),
    "betaBinomial": (beta_binomial, *counted(beta_binomial, 40), [(2.25, 3.5), (0.5, 30), (1e4, 1e3)], [(7, 12), (35, 39)]),
    "zeroInflated": (zero_inflated, *counted(zero_inflated), [(3.5,)], [(1, 6), (2, 150)]),
    "mixture": (lambda x, *p: mp.log(mixture(lambda y, a, b: mp.exp(gamma(y, a, b)))(x, *p)), mixture(gamma_cdf), mixture(gamma_sf), [(2.25, 1.5, 8, 2)], [(0.5, 3), (900, 1000)]),
}
COUNTS = {"poisson", "negativeBinomial", "binomial", "betaBinomial", "zeroInflated"}


def parts(name, kind, low, high, x):
    """The log density as a sum of functions of the parameters."""
    density, cdf, sf = FAMILIES[name][:3]
    step = 1 if name in COUNTS else 0

    def log_cdf(*p):
        below, above = cdf(mpf(low), *p), sf(mpf(low), *p)
        return mp.log(below) if below < half else mp.log1p(-above)

    def log_sf(*p):
        below, above = cdf(mpf(high) - step, *p), sf(mpf(high) - step, *p)
        return mp.log(above) if above < half else mp.log1p(-below)

    def minus_log_mass(*p):
        below = mpf(0) if low == -inf else cdf(mpf(low) - step, *p)
        above = mpf(0) if high == inf else sf(mpf(high), *p)
        if below > half:
            return -mp.log(sf(mpf(low) - step, *p) - above)
        if above > half:
            return -mp.log(cdf(mpf(high), *p) - below)
        return -mp.log1p(-below - above)

    if kind == "censored" and x <= low:
        return [log_cdf]
    if kind == "censored" and x >= high:
        return [log_sf]
    at_x = lambda *p: density(mpf(x), *p)  # noqa: E731
    return [at_x, minus_log_mass] if kind == "truncated" else [at_x]


def slope(f, p, i):
    h = mpf(10) ** -20 * (abs(mpf(p[i])) or 1)
    ahead, behind = ([mpf(v) + side * h if j == i else mpf(v) for j, v in enumerate(p)] for side in (1, -1))
    return (f(*ahead) - f(*behind)) / (2 * h)


def total(terms):
    size = sum(map(abs, terms))
    value = sum(terms) if abs(sum(terms)) > size * mpf(10) ** -25 else mpf(0)
    return f"{float(value)!r}:{float(size):.1e}" if size > 2 * abs(value) else repr(float(value))


def main():
    lines = []
    for name, (_, _, _, parameters, bounds) in FAMILIES.items():
        for p in parameters:
            for low, high in bounds:
                x = (low + high) // 2 if name in COUNTS else low + 0.25 * (high - low)
                cases = [("truncated", low, inf, x), ("truncated", -inf, high, x), ("truncated", low, high, x)]
                cases += [("censored", low, high, y) for y in (low, high, x)]
                for kind, a, b, y in cases:
                    terms = parts(name, kind, a, b, y)
                    numbers = [total([f(*map(mpf, p)) for f in terms])] + [total([slope(f, p, i) for f in terms]) for i in range(len(p))]
                    lines.append(" ".join([name, ",".join(repr(float(v)) for v in p), kind, *(repr(float(v)) for v in (a, b, y)), *numbers]))
        print(name, flush=True)
    OUT.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
