#!/usr/bin/env python3
"""Reference values of entropies, distribution functions and KL divergences, by quadrature and sums of the densities' definitions in
30 digits (mpmath). Writes test/distributions-table.txt and test/kl-table.txt: one line per case, numbers as decimal doubles."""

import sys
from mpmath import mp, mpf, inf, quad, nsum, log, exp, gamma, loggamma, beta, pi, sqrt, erfc, besseli, cos, linspace, ncdf, npdf, tanh, binomial, factorial

mp.dps = 30

# name -> (log density of (x, parameters), support of the parameters, whether discrete)
F = {}


def family(name, support, discrete=False):
    def put(f):
        F[name] = (f, support, discrete)
        return f
    return put


REAL = lambda p: (-inf, inf)
POSITIVE = lambda p: (mpf(0), inf)
UNIT = lambda p: (mpf(0), mpf(1))
COUNT = lambda p: (0, inf)


@family("normal", REAL)
def _(x, m, s): return -((x - m) / s) ** 2 / 2 - log(s) - log(2 * pi) / 2
@family("halfNormal", POSITIVE)
def _(x, s): return log(2) - (x / s) ** 2 / 2 - log(s) - log(2 * pi) / 2
@family("studentT", REAL)
def _(x, v, m, s): return loggamma((v + 1) / 2) - loggamma(v / 2) - log(v * pi) / 2 - log(s) - (v + 1) / 2 * log(1 + ((x - m) / s) ** 2 / v)
@family("halfStudentT", POSITIVE)
def _(x, v, s): return log(2) + F["studentT"][0](x, v, 0, s)
@family("cauchy", REAL)
def _(x, m, s): return -log(pi * s * (1 + ((x - m) / s) ** 2))
@family("halfCauchy", POSITIVE)
def _(x, s): return log(2) - log(pi * s * (1 + (x / s) ** 2))
@family("laplace", REAL)
def _(x, m, s): return -abs(x - m) / s - log(2 * s)
@family("logistic", REAL)
def _(x, m, s):
    z = abs(x - m) / s
    return -z - log(s) - 2 * log(1 + exp(-z))
@family("gumbel", REAL)
def _(x, m, s): return -(x - m) / s - exp(-(x - m) / s) - log(s)
@family("uniform", lambda p: (p[0], p[1]))
def _(x, a, b): return -log(b - a)
@family("beta", UNIT)
def _(x, a, b): return (a - 1) * log(x) + (b - 1) * log(1 - x) - log(beta(a, b))
@family("kumaraswamy", UNIT)
def _(x, a, b): return log(a * b) + (a - 1) * log(x) + (b - 1) * log(1 - x ** a)
@family("vonMises", lambda p: (-pi, pi))
def _(x, m, k): return k * cos(x - m) - log(2 * pi * besseli(0, k))
@family("skewNormal", REAL)
def _(x, m, s, a):
    z = (x - m) / s
    return log(2) - z * z / 2 - log(s) - log(2 * pi) / 2 + log(ncdf(a * z))
@family("truncatedNormal", lambda p: (p[2], p[3]))
def _(x, m, s, a, b): return F["normal"][0](x, m, s) - log(ncdf((b - m) / s) - ncdf((a - m) / s))
@family("logNormal", POSITIVE)
def _(x, m, s): return F["normal"][0](log(x), m, s) - log(x)
@family("exponential", POSITIVE)
def _(x, r): return log(r) - r * x
@family("gamma", POSITIVE)
def _(x, a, b): return a * log(b) - loggamma(a) + (a - 1) * log(x) - b * x
@family("inverseGamma", POSITIVE)
def _(x, a, b): return a * log(b) - loggamma(a) - (a + 1) * log(x) - b / x
@family("chiSquare", POSITIVE)
def _(x, v): return F["gamma"][0](x, v / 2, mpf(1) / 2)
@family("weibull", POSITIVE)
def _(x, k, s): return log(k / s) + (k - 1) * log(x / s) - (x / s) ** k
@family("pareto", lambda p: (p[0], inf))
def _(x, m, a): return log(a) + a * log(m) - (a + 1) * log(x)
@family("inverseGaussian", POSITIVE)
def _(x, m, l): return log(l / (2 * pi * x ** 3)) / 2 - l * (x - m) ** 2 / (2 * m * m * x)
@family("bernoulli", lambda p: (0, 1), True)
def _(k, p): return log(p if k else 1 - p)
@family("binomial", lambda p: (0, int(p[0])), True)
def _(k, n, p): return log(binomial(n, k)) + k * log(p) + (n - k) * log(1 - p)
@family("betaBinomial", lambda p: (0, int(p[0])), True)
def _(k, n, a, b): return log(binomial(n, k)) + log(beta(k + a, n - k + b)) - log(beta(a, b))
@family("geometric", COUNT, True)
def _(k, p): return log(p) + k * log(1 - p)
@family("poisson", COUNT, True)
def _(k, r): return k * log(r) - r - loggamma(mpf(k) + 1)
@family("negativeBinomial", COUNT, True)
def _(k, m, f): return loggamma(k + f) - loggamma(f) - loggamma(mpf(k) + 1) + f * log(f / (m + f)) + k * log(m / (m + f))


def expectation(name, p, f, kinks=()):
    """E f(x, log density) under a family; f has kinks at some points."""
    logp, support, discrete = F[name]
    low, high = support(p)
    if discrete:
        total = mpf(0)
        k = low
        mass = mpf(0)
        while k <= high:
            lp = logp(k, *p)
            w = exp(lp)
            total += w * f(k, lp)
            mass += w
            if high == inf and mass > 0.5 and w < mpf(10) ** -40: break
            k += 1
        return total

    def g(x):
        lp = logp(x, *p)
        w = exp(lp)
        return w * f(x, lp) if w != 0 else mpf(0)
    # Substitutions that make every integrand decay fast: x = low + e^t, x = sinh-like for the line.
    if low == -inf:
        c, s = (p[1], p[2]) if name == "studentT" else (p[0], p[1])
        # Beyond 90 scales the light tails hold less than 1e-38.
        if name not in ("studentT", "cauchy"): return quad(g, sorted([c + s * z for z in (-90, -30, -10, -4, -1, 0, 1, 4, 10, 30, 90)] + list(kinks)))
        h = lambda t: g(c + s * mp.sinh(t)) * s * mp.cosh(t)
        return quad(h, linspace(-60, 60, 13))
    if high == inf:
        h = lambda t: g(low + exp(t)) * exp(t)
        return quad(h, [-160, -60, -20, -8, -4, -1, 1, 2, 4, 8, 20, 60, 160])
    w = high - low
    cuts = sorted({low, high} | {k for k in kinks if low < k < high} | {low + w * mpf(k) / 8 for k in range(1, 8)})
    if name in ("beta", "kumaraswamy"):
        # logit scale: powers at either end
        def h(t):
            e = exp(-abs(t))
            x = 1 / (1 + e) if t > 0 else e / (1 + e)
            rest = e / (1 + e) if t > 0 else 1 / (1 + e)
            a, b = p
            lx, lr = log(x), log(rest)
            if name == "beta": lp = (a - 1) * lx + (b - 1) * lr - log(beta(a, b))
            else: lp = log(a * b) + (a - 1) * lx + (b - 1) * log(-mp.expm1(a * (mp.log1p(-rest) if t > 0 else lx)))
            return exp(lp) * f(Unit(x, rest), lp) * x * rest
        return quad(h, [-160, -60, -20, -8, -4, -1, 1, 2, 4, 8, 20, 60, 160])
    return quad(g, cuts)


class Unit(mpf):
    """A number in (0, 1) that knows its distance from 1."""
    def __new__(cls, x, rest):
        self = mpf.__new__(cls, x)
        self.rest = rest
        return self


def log_density_at(name, p, x):
    if name in ("beta", "kumaraswamy") and isinstance(x, Unit):
        a, b = p
        if name == "beta": return (a - 1) * log(x) + (b - 1) * log(x.rest) - log(beta(a, b))
        return log(a * b) + (a - 1) * log(x) + (b - 1) * log(-mp.expm1(a * mp.log1p(-x.rest)))
    return F[name][0](x, *p)


def cdf(name, p, x):
    logp, support, discrete = F[name]
    low, high = support(p)
    if discrete: return sum(exp(logp(k, *p)) for k in range(low, int(x) + 1))
    g = lambda t: exp(logp(t, *p))
    if low == -inf:
        c, s = (p[1], p[2]) if name == "studentT" else (p[0], p[1])
        if name not in ("studentT", "cauchy"): return quad(g, [c + s * z for z in (-90, -30, -10, -4, -1, 0, 1, 4) if c + s * z < x] + [x])
        h = lambda t: g(c + s * mp.sinh(t)) * s * mp.cosh(t)
        end = mp.asinh((x - c) / s)
        return quad(h, [t for t in (-80, -30, -10, -4, -1, 0, 1, 4) if t < end] + [end])
    h = lambda t: g(low + exp(t)) * exp(t)
    end = log(x - low)
    return quad(h, [t for t in (-200, -60, -20, -8, -4, -2, -1, 0, 1, 2, 4) if t < end] + [end])


CASES = {
    "normal": [(0.5, 1.75)], "halfNormal": [(1.5,)], "studentT": [(4.5, 0.25, 1.5), (1.25, 0, 1)], "halfStudentT": [(4.5, 2)],
    "cauchy": [(0.5, 2)], "halfCauchy": [(1.5,)], "laplace": [(0.5, 1.25)], "logistic": [(-1, 0.75)], "gumbel": [(0.5, 1.5)],
    "uniform": [(-1, 2.5)], "beta": [(2.5, 0.75), (0.5, 0.5)], "kumaraswamy": [(2.5, 0.75), (0.5, 3)], "vonMises": [(0, 2), (0, 30)],
    "skewNormal": [(0.5, 1.5, 3)], "truncatedNormal": [(0.5, 1.5, -1, 2), (0, 1, 3, 6)], "logNormal": [(0.25, 0.75)],
    "exponential": [(1.5,)], "gamma": [(2.5, 1.5), (0.375, 2)], "inverseGamma": [(3.5, 2)], "chiSquare": [(3,)],
    "weibull": [(1.5, 2), (0.75, 1)], "pareto": [(1.5, 3.5)], "inverseGaussian": [(1.5, 2), (1, 0.25)],
    "bernoulli": [(0.3125,)], "binomial": [(12, 0.3125)], "betaBinomial": [(12, 1.5, 2.5)], "geometric": [(0.3125,)],
    "poisson": [(3.5,), (40,)], "negativeBinomial": [(3.5, 1.25)],
}
POINTS = [0.0625, 0.5, 1.5, 4]
SHIFTED = {"pareto": [1.75, 2.5, 8], "uniform": [-0.5, 0.5, 2], "truncatedNormal": None, "beta": [0.0625, 0.5, 0.9375], "kumaraswamy": [0.0625, 0.5, 0.9375]}

PAIRS = [
    ("normal", (0.5, 1.75), "normal", (-0.25, 1.25)), ("normal", (0.5, 1.75), "normal", (0.5, 1.7500001)),
    ("halfNormal", (1.5,), "halfNormal", (2.25,)), ("logNormal", (0.25, 0.75), "logNormal", (0.5, 1.25)),
    ("laplace", (0.5, 1.25), "laplace", (-0.25, 2)), ("exponential", (1.5,), "exponential", (0.5,)),
    ("gamma", (2.5, 1.5), "gamma", (1.25, 0.5)), ("inverseGamma", (3.5, 2), "inverseGamma", (2.25, 1.5)),
    ("chiSquare", (3,), "chiSquare", (5.5,)), ("beta", (2.5, 0.75), "beta", (1.25, 3)),
    ("kumaraswamy", (2.5, 0.75), "beta", (1.25, 3)), ("kumaraswamy", (0.5, 3), "beta", (1.5, 0.5)), ("kumaraswamy", (2, 1.5), "beta", (2, 2)),
    ("gumbel", (0.5, 1.5), "gumbel", (-0.25, 2)), ("weibull", (1.5, 2), "weibull", (2.25, 1.25)),
    ("weibull", (1.5, 2), "gamma", (2.5, 1.5)), ("weibull", (1.5, 2), "exponential", (0.75,)), ("gamma", (2.5, 1.5), "weibull", (1.5, 2)),
    ("gamma", (2.5, 1.5), "exponential", (0.75,)), ("exponential", (1.5,), "gamma", (2.5, 1.5)), ("gamma", (2.5, 1.5), "logNormal", (0.25, 0.75)),
    ("gamma", (2.5, 1.5), "inverseGamma", (3.5, 2)), ("logNormal", (0.25, 0.75), "gamma", (2.5, 1.5)), ("inverseGamma", (3.5, 2), "gamma", (2.5, 1.5)),
    ("logNormal", (0.25, 0.75), "inverseGamma", (3.5, 2)), ("logNormal", (0.25, 0.75), "weibull", (1.5, 2)), ("weibull", (1.5, 2), "logNormal", (0.25, 0.75)),
    ("halfNormal", (1.5,), "gamma", (2.5, 1.5)), ("halfNormal", (1.5,), "exponential", (0.75,)), ("gamma", (2.5, 1.5), "halfNormal", (1.5,)),
    ("halfNormal", (1.5,), "normal", (0.5, 1.75)), ("gamma", (2.5, 1.5), "inverseGaussian", (1.5, 2)), ("inverseGaussian", (1.5, 2), "gamma", (2.5, 1.5)),
    ("pareto", (1.5, 3.5), "pareto", (1.25, 2.5)), ("pareto", (1.5, 3.5), "gamma", (2.5, 1.5)), ("pareto", (1.5, 3.5), "exponential", (0.5,)),
    ("uniform", (-1, 2.5), "uniform", (-2, 3)), ("uniform", (-1, 2.5), "normal", (0.5, 1.75)), ("uniform", (-1, 2.5), "laplace", (0.5, 1.25)),
    ("uniform", (-1, 2.5), "gumbel", (0.5, 1.5)), ("uniform", (0.25, 2.5), "gamma", (2.5, 1.5)), ("beta", (2.5, 0.75), "uniform", (-1, 2.5)),
    ("beta", (2.5, 0.75), "exponential", (0.75,)), ("beta", (2.5, 0.75), "normal", (0.5, 1.75)), ("cauchy", (0.5, 2), "cauchy", (-0.25, 1.25)),
    ("normal", (0.5, 1.75), "laplace", (-0.25, 1.25)), ("laplace", (0.5, 1.25), "normal", (-0.25, 1.75)), ("normal", (0.5, 1.75), "gumbel", (-0.25, 2)),
    ("gumbel", (0.5, 1.5), "normal", (-0.25, 1.75)), ("laplace", (0.5, 1.25), "gumbel", (-0.25, 2)), ("logistic", (-1, 0.75), "normal", (0.5, 1.75)),
    ("studentT", (4.5, 0.25, 1.5), "normal", (0.5, 1.75)), ("vonMises", (0, 2), "vonMises", (0.75, 3.5)),
    ("truncatedNormal", (0.5, 1.5, -1, 2), "truncatedNormal", (0, 1, -2, 3)), ("truncatedNormal", (0.5, 1.5, -1, 2), "normal", (0, 1)),
    ("bernoulli", (0.3125,), "bernoulli", (0.75,)), ("binomial", (12, 0.3125), "binomial", (12, 0.75)), ("binomial", (12, 0.3125), "binomial", (15, 0.25)),
    ("poisson", (3.5,), "poisson", (5.25,)), ("geometric", (0.3125,), "geometric", (0.5,)), ("negativeBinomial", (3.5, 1.25), "negativeBinomial", (2.5, 1.25)),
    ("negativeBinomial", (3.5, 1.25), "negativeBinomial", (2.5, 2)), ("poisson", (3.5,), "negativeBinomial", (3.5, 1.25)), ("betaBinomial", (12, 1.5, 2.5), "binomial", (12, 0.375)),
    ("poisson", (3.5,), "geometric", (0.25,)),
]


def double(x):
    return repr(float(x))


def main():
    out = open("test/distributions-table.txt", "w")
    for name, cases in CASES.items():
        for p in cases:
            p = tuple(mpf(v) for v in p)
            mean = expectation(name, p, lambda x, lp: x) if not (name in ("cauchy", "halfCauchy")) else None
            if mean is not None and name != "vonMises":
                heavy = name == "studentT" and p[0] <= 2
                variance = None if heavy else expectation(name, p, lambda x, lp: (x - mean) ** 2)
            else: mean, variance = None, None
            entropy = -expectation(name, p, lambda x, lp: lp)
            low, high = F[name][1](p)
            if name == "truncatedNormal": points = [low + (high - low) * k / 4 for k in (1, 2, 3)]
            elif name == "vonMises": points = []
            else: points = [mpf(x) for x in SHIFTED.get(name, POINTS)]
            if F[name][2]: points = [k for k in (0, 2, 7) if k <= high]
            show = lambda x: "-" if x is None else double(x)
            cdfs = " ".join(f"{double(x)}:{double(cdf(name, p, x))}" for x in points)
            out.write(f"{name} {','.join(double(v) for v in p)} {show(mean)} {show(variance)} {double(entropy)} {cdfs}\n")
            out.flush()
    out.close()
    out = open("test/kl-table.txt", "w")
    for q, a, p, b in PAIRS:
        a = tuple(mpf(v) for v in a)
        b = tuple(mpf(v) for v in b)
        kl = expectation(q, a, lambda x, lp: lp - log_density_at(p, b, x), b[:1] if p == "laplace" else ())
        out.write(f"{q} {','.join(double(v) for v in a)} {p} {','.join(double(v) for v in b)} {double(kl)}\n")
        out.flush()
    out.close()


if __name__ == "__main__":
    sys.exit(main())
