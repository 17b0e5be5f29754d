# Writes test/sampler-tables.txt, one line of JSON a case: the parameters of a sampler, edges of about 32 cells of about equal probability,
# the exact probabilities of these cells (from scipy's distribution functions, or a quadrature where it has none that holds), and
# mean, standard deviation and excess kurtosis where they are finite. Run: python3 test/sampler-tables.py
import json, math, os
import numpy as np
from scipy import stats, special, integrate

CELLS = 32
cases = []

def clean(x):
    return None if x is None or not np.isfinite(x) else float(x)

def case(family, parameters, dist=None, cdf=None, ppf=None, moments=None, discrete=False):
    cdf = cdf or dist.cdf
    ppf = ppf or dist.ppf
    if moments is None and dist is not None:
        m, v, _, k = dist.stats("mvsk")
        moments = (m, math.sqrt(v) if np.isfinite(v) else None, k)
    moments = moments or (None, None, None)
    edges = []
    for j in range(1, CELLS):
        x = float(ppf(j / CELLS))
        if 0 < x < 1e-300 or (family == "Beta" and x > 1 - 1e-12): continue  # samples are held to [2^-1022, 1 - 2^-53]
        if np.isfinite(x) and (not edges or x > edges[-1]): edges.append(x)
    below = [0.0] + [float(cdf(x)) for x in edges] + [1.0]
    probabilities = [b - a for a, b in zip(below, below[1:])]
    # merge cells too small for a chi-square
    i = 0
    while i < len(probabilities) and len(probabilities) > 1:
        if probabilities[i] < 1e-3:
            j = i - 1 if i else i
            probabilities[j] += probabilities.pop(j + 1)
            edges.pop(j)
            i = 0
        else: i += 1
    cases.append({"family": family, "parameters": [clean(x) if np.isfinite(x) else ("Infinity" if x > 0 else "-Infinity") for x in parameters],
        "edges": edges, "probabilities": probabilities, "mean": clean(moments[0]), "sd": clean(moments[1]), "kurtosis": clean(moments[2]) })

case("Uniform", (-2, 3), stats.uniform(-2, 5))
case("Normal", (1, 2), stats.norm(1, 2))
case("LogNormal", (0.5, 0.7), stats.lognorm(0.7, scale=math.exp(0.5)))
case("HalfNormal", (2,), stats.halfnorm(scale=2))

def truncated(mu, sigma, low, high):
    a, b = (low - mu) / sigma, (high - mu) / sigma
    flip = a + b < 0 if np.isfinite(a + b) else np.isfinite(b)
    # work in the upper tail, in logarithms of the survival function
    lo, hi = (-b, -a) if flip else (a, b)
    ls = lambda x: special.log_ndtr(-x)
    def survival(x):  # P(X > x) for the turned variable
        x = min(max(x, lo), hi)
        top, bottom = ls(x), ls(lo)
        if np.isfinite(hi):
            h = ls(hi)
            return math.exp(top - bottom) * -math.expm1(min(h - top, 0)) / -math.expm1(h - bottom)
        return math.exp(top - bottom)
    def cdf(x):
        z = (x - mu) / sigma
        return survival(-z) if flip else 1 - survival(z)
    def ppf(p):
        left, right = max(lo, -40.0), min(hi, max(lo, 0) + 40.0)
        for _ in range(200):
            mid = 0.5 * (left + right)
            z = -mid if flip else mid
            if (survival(mid) > p) if flip else (1 - survival(mid) < p): left = mid
            else: right = mid
        mid = 0.5 * (left + right)
        return mu + sigma * (-mid if flip else mid)
    case("TruncatedNormal", (mu, sigma, low, high), cdf=cdf, ppf=ppf)
for p in [(0, 1, -1, 1), (1, 2, -np.inf, 0), (0, 1, 5, np.inf), (0, 1, 5, 5.1), (0, 1, 30, np.inf), (3, 2, -np.inf, -57), (0, 1, -2, 7),
          (0, 1, -0.1, 8), (0, 1, -np.inf, np.inf), (0, 1, 0.5, 4), (1, 0.5, -3, 0.9), (0, 1, -4, -1), (0, 1, -0.001, 2.4)]: truncated(*p)

for p in [(1, 2, 5), (0, 1, -0.5), (0, 1, 0)]: case("SkewNormal", p, stats.skewnorm(p[2], p[0], p[1]))
for p in [(3, 1, 2), (0.5, 0, 1), (30, 0, 1), (1e6, -1, 3)]: case("StudentT", p, stats.t(p[0], p[1], p[2]))
case("HalfStudentT", (4, 2), cdf=lambda x: 2 * stats.t.cdf(x / 2, 4) - 1, ppf=lambda p: 2 * stats.t.ppf((1 + p) / 2, 4))
case("Cauchy", (1, 2), stats.cauchy(1, 2))
case("HalfCauchy", (2,), stats.halfcauchy(scale=2))
case("Laplace", (1, 2), stats.laplace(1, 2))
case("Logistic", (1, 2), stats.logistic(1, 2))
case("Gumbel", (1, 2), stats.gumbel_r(1, 2))
case("Exponential", (0.1,), stats.expon(scale=10))
for a in (1e-3, 0.1, 0.5, 0.999, 1, 1.5, 3, 100, 1e6, 1e12): case("Gamma", (a, 2), stats.gamma(a, scale=0.5))
case("InverseGamma", (3, 2), stats.invgamma(3, scale=2))
case("InverseGamma", (50, 2), stats.invgamma(50, scale=2))
for nu in (0.5, 7): case("ChiSquare", (nu,), stats.chi2(nu))
for p in [(0.5, 2), (5, 1)]: case("Weibull", p, stats.weibull_min(p[0], scale=p[1]))
case("Pareto", (1.5, 3), stats.pareto(3, scale=1.5))
case("Pareto", (2, 20), stats.pareto(20, scale=2))
for mu, lam in [(1, 0.1), (2, 1), (1, 1e4), (3, 1e10)]: case("InverseGaussian", (mu, lam), stats.invgauss(mu / lam, scale=lam))
for a, b in [(0.5, 0.5), (2, 5), (0.01, 3), (1e-3, 1e-3), (1e5, 2e5), (1, 1), (0.7, 4e3)]: case("Beta", (a, b), stats.beta(a, b))
case("Kumaraswamy", (2, 3), cdf=lambda x: 1 - (1 - x**2) ** 3, ppf=lambda p: math.sqrt(1 - (1 - p) ** (1 / 3)))
case("Kumaraswamy", (0.1, 0.2), cdf=lambda x: -math.expm1(0.2 * math.log1p(-(x**0.1))), ppf=lambda p: (1 - (1 - p) ** 5) ** 10)

def von_mises(mu, kappa):
    scale = 1 / math.sqrt(max(kappa, 0.1))
    density = lambda t: math.exp(-2 * kappa * math.sin(t / 2) ** 2) / (2 * math.pi * special.ive(0, kappa))
    end = min(math.pi, 12 * scale)
    grid = np.linspace(-end, end, 4001)
    pieces = [integrate.quad(density, a, b, epsabs=0, epsrel=1e-11)[0] for a, b in zip(grid, grid[1:])]
    cumulative = np.concatenate([[0], np.cumsum(pieces)])
    assert abs(cumulative[-1] - 1) < 1e-9, (kappa, cumulative[-1])
    # edges at grid points: their probabilities need no interpolation
    index = sorted({int(np.searchsorted(cumulative, j / CELLS)) for j in range(1, CELLS)})
    table = {float(mu + grid[i]): float(cumulative[i]) for i in index}
    values = list(table)
    case("VonMises", (mu, kappa), cdf=lambda x: table[x], ppf=lambda p: values[min(len(values) - 1, max(0, round(p * CELLS) - 1))])
for kappa in (0, 0.01, 1, 10, 1e4, 1e8): von_mises(0 if kappa < 100 else 1, kappa)

case("Bernoulli", (0.3,), stats.bernoulli(0.3))
for p in (0.3, 1e-6, 0.999): case("Geometric", (p,), stats.geom(p, loc=-1))
for m in (1e-3, 0.5, 5, 15, 29.99, 30.01, 60, 1e3, 1e8, 1e13): case("Poisson", (m,), stats.poisson(m))
for mean, phi in [(5, 0.5), (1e4, 20), (0.1, 1e-2), (3, 1e7)]:
    case("NegativeBinomial", (mean, phi), stats.nbinom(phi, phi / (phi + mean)))
for n, p in [(10, 0.3), (1, 0.5), (20, 0.95), (100, 0.5), (1000, 0.001), (25, 0.4), (59, 0.5), (61, 0.5), (75, 0.6), (1e9, 5e-9), (1e9, 0.3), (1e9, 0.9999), (1e6, 1.1e-5)]:
    case("Binomial", (n, p), stats.binom(n, p))
case("BetaBinomial", (20, 0.5, 2), stats.betabinom(20, 0.5, 2))

path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sampler-tables.txt")
with open(path, "w") as f:
    f.writelines(json.dumps(c, separators=(",", ":")) + "\n" for c in cases)
print(len(cases), os.path.getsize(path))
