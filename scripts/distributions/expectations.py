#!/usr/bin/env python3
"""Means, variances and entropies that have no closed form (sums over counts, quadrature of truncated, censored and mixed densities), from
the definitions in 30 digits (mpmath). Writes test/expectations.txt: one JSON array per line, the distribution as nested
[constructor, arguments...] (null for an absent bound), then mean, variance and entropy (null where there is none), then [x, cdf]..."""

import json
import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
from mpmath import mp, mpf, inf, quad, log, exp, loggamma, sqrt, pi, binomial, erfc
from reference import F, double

mp.dps = 30


def atoms(d):
    return d[0] in ("poisson", "binomial", "betaBinomial", "negativeBinomial", "geometric", "categorical") or (
        d[0] in ("truncated", "censored", "zeroInflated") and atoms(d[1])) or (d[0] == "mixture" and atoms(d[2][0]))


def ends(d):
    if d[0] == "truncated":
        low, high = ends(d[1])
        a, b = bounds(d)
        return max(low, a), min(high, b)
    if d[0] == "censored":
        low, high = ends(d[1])
        a, b = bounds(d)
        return max(low, a), min(high, b)
    if d[0] == "zeroInflated": return ends(d[1])
    if d[0] == "mixture":
        e = [ends(c) for c in d[2]]
        return min(a for a, _ in e), max(b for _, b in e)
    return F[d[0]][1](tuple(mpf(v) for v in d[1:]))


def bounds(d):
    a = d[2] if len(d) > 2 and d[2] is not None else -inf
    b = d[3] if len(d) > 3 and d[3] is not None else inf
    return (mpf(a) if a != -inf else a), (mpf(b) if b != inf else b)


PEAKS = {"normal": lambda p: (p[0], p[1]), "laplace": lambda p: (p[0], p[1]), "cauchy": lambda p: (p[0], p[1]), "studentT": lambda p: (p[1], p[2]),
         "skewNormal": lambda p: (p[0], p[1]), "logistic": lambda p: (p[0], p[1]), "gumbel": lambda p: (p[0], p[1]),
         "gamma": lambda p: (p[0] / p[1], sqrt(p[0]) / p[1]), "beta": lambda p: (p[0] / (p[0] + p[1]), mpf(1) / 8)}


def cuts(d):
    """Where to cut an integral: around peaks, in ever wider steps, and at ends."""
    if d[0] in ("truncated", "censored"): inner = cuts(d[1]) + [b for b in bounds(d) if abs(b) != inf]
    elif d[0] == "mixture": inner = sum((cuts(c) for c in d[2]), [])
    else:
        p = [mpf(v) for v in d[1:]]
        c, s = PEAKS[d[0]](p) if d[0] in PEAKS else (mpf(1), mpf(1))
        steps = [mpf(2) ** k for k in range(-12, 8)]
        if d[0] in ("cauchy", "studentT"): steps += [mpf(4) ** k for k in range(4, 60)]
        inner = [c] + [c + s * t for t in steps] + [c - s * t for t in steps]
        if d[0] in ("gamma", "beta", "pareto", "exponential", "weibull", "uniform"):
            low, high = F[d[0]][1](tuple(p))
            inner += [low + s * mpf(2) ** k for k in range(-400, 8, 4)] + ([high - s * mpf(2) ** k for k in range(-400, 0, 4)] if high != inf else [])
    low, high = ends(d)
    return sorted({x for x in inner if low < x < high} | {x for x in (low, high) if abs(x) != inf})


memo = {}


def total(d, f):
    """The integral or sum of f(x, log p(x)) over the continuous part or the counts of d."""
    if atoms(d):
        low, high = ends(d)
        low = int(low)
        # What is 60 standard deviations below a large mean holds less than 1e-300.
        if d[0] == "poisson" and d[1] > 1e4: low = int(d[1] - 60 * sqrt(d[1]))
        if d[0] == "binomial" and d[1] > 1e4: low = int(d[1] * d[2] - 60 * sqrt(d[1] * d[2] * (1 - d[2])))
        s, k, mass = mpf(0), low, mpf(0)
        while k <= high:
            l = logp(d, k)
            w = exp(l)
            if w: s += w * f(k, l)
            mass += w
            if mass > 1 - mpf(10) ** -12 and w < mpf(10) ** -34: break
            k += 1
        return s
    def g(x):
        l = logp(d, x)
        w = exp(l)
        return w * f(x, l) if w else mpf(0)
    points = cuts(d)
    return sum((quad(g, points[i:i + 2]) for i in range(len(points) - 1)), mpf(0))


def mass(d, low, high):
    """P(low <= X <= high)"""
    key = (json.dumps(d), str(low), str(high))
    if key not in memo: memo[key] = part(d, low, high)
    return memo[key]


def part(d, low, high):
    if atoms(d):
        a, b = ends(d)
        s, k = mpf(0), int(max(a, mp.ceil(low) if low != -inf else a))
        last = min(b, mp.floor(high) if high != inf else b)
        while k <= last:
            w = exp(logp(d, k))
            s += w
            if last == inf and k > 10 and w < mpf(10) ** -34 * s: break
            k += 1
        return s
    a, b = ends(d)
    a, b = max(a, low), min(b, high)
    points = sorted({x for x in cuts(d) if a < x < b} | {x for x in (a, b) if abs(x) != inf})
    g = lambda x: exp(logp(d, x))
    return sum((quad(g, points[i:i + 2]) for i in range(len(points) - 1)), mpf(0))


def logp(d, x):
    if d[0] == "truncated": return logp(d[1], x) - log(mass(d[1], *bounds(d)))
    if d[0] == "censored":
        a, b = bounds(d)
        if x <= a: return log(mass(d[1], -inf, a))
        if x >= b: return log(mass(d[1], b, inf))
        return logp(d[1], x)
    if d[0] == "zeroInflated":
        w = mpf(d[2])
        return log(w + (1 - w) * exp(logp(d[1], 0))) if x == 0 else log(1 - w) + logp(d[1], x)
    if d[0] == "mixture":
        inside = lambda c: ends(c)[0] <= x <= ends(c)[1]
        s = sum(mpf(w) * exp(logp(c, x)) for w, c in zip(d[1], d[2]) if inside(c))
        return log(s) if s else mpf(-1e9)
    return F[d[0]][0](x, *[mpf(v) for v in d[1:]])


def moments(d):
    censored = d[0] == "censored" and not atoms(d)
    edge = []
    if censored:
        a, b = bounds(d)
        edge = [(x, logp(d, x)) for x in (a, b) if abs(x) != inf]
    def E(f): return total(d, f) + sum((exp(l) * f(x, l) for x, l in edge), mpf(0))
    heavy = d[0] == "truncated" and d[1][0] in ("cauchy", "studentT", "pareto") and inf in [abs(e) for e in ends(d)]
    tail = mpf(d[1][{"cauchy": 0, "studentT": 1, "pareto": 2}[d[1][0]]]) if heavy and d[1][0] != "cauchy" else (mpf(1) if heavy else inf)
    mean = E(lambda x, l: x) if tail > 1 else None
    variance = E(lambda x, l: (x - mean) ** 2) if tail > 2 else None
    return mean, variance, E(lambda x, l: -l)


SUMS = [
    ["poisson", 0.01], ["poisson", 900], ["poisson", 1e6], ["binomial", 1000, 0.01], ["binomial", 100000, 0.75], ["binomial", 5, 1e-9],
    ["betaBinomial", 100, 0.3, 0.2], ["betaBinomial", 1000, 40, 3], ["negativeBinomial", 50, 0.05], ["negativeBinomial", 1e4, 200],
    ["negativeBinomial", 3, 1e6],
    ["zeroInflated", ["poisson", 3], 0.25], ["zeroInflated", ["binomial", 12, 0.375], 0], ["zeroInflated", ["negativeBinomial", 3.5, 1.25], 1],
    ["mixture", [0.3, 0.7], [["poisson", 2], ["poisson", 6]]], ["mixture", [0.3, 0.7], [["poisson", 2], ["poisson", 900]]],
    ["mixture", [0.5, 0.25, 0.25], [["binomial", 12, 0.375], ["geometric", 0.25], ["zeroInflated", ["poisson", 3], 0.25]]],
    ["truncated", ["poisson", 3], 1, 6], ["truncated", ["poisson", 30], 50], ["truncated", ["negativeBinomial", 3.5, 1.25], None, 4],
    ["censored", ["poisson", 3], 1, 5], ["censored", ["poisson", 3], 2], ["censored", ["binomial", 12, 0.375], None, 4],
]
INTEGRALS = [
    ["skewNormal", 0.5, 1.5, 0], ["skewNormal", 0.5, 1.5, -20], ["skewNormal", 0, 1, 1000],
    ["truncated", ["gamma", 2.5, 1.5], 1, 3], ["truncated", ["gamma", 0.5, 1], 0, 2], ["truncated", ["gamma", 0.5, 1], None, 2], ["truncated", ["gamma", 2, 1], 30],
    ["truncated", ["gamma", 400, 1], 410], ["truncated", ["studentT", 2.5, 0, 1], 1], ["truncated", ["studentT", 1.5, 0, 1], None, 1],
    ["truncated", ["cauchy", 0, 1], -1, 3], ["truncated", ["cauchy", 0, 1], 1], ["truncated", ["laplace", 0, 1], -1, 2],
    ["truncated", ["beta", 0.5, 1.75], None, 0.75], ["truncated", ["pareto", 1.5, 3.5], 2, 9], ["truncated", ["exponential", 1.5], 1], ["truncated", ["gumbel", 0, 1], None, -1],
    ["truncated", ["mixture", [0.25, 0.75], [["normal", -1, 1], ["normal", 2, 0.5]]], 0, 3],
    ["censored", ["normal", 0.5, 1.5], -1, 2], ["censored", ["normal", 0.5, 1.5], None, 1], ["censored", ["gamma", 2, 1], 0.5], ["censored", ["laplace", 0, 1], -1, 0.5],
    ["censored", ["normal", 0, 1], 4, 6],
    ["mixture", [0.3, 0.7], [["normal", -1, 1], ["normal", 2, 0.5]]], ["mixture", [0.3, 0.7], [["normal", 0, 1], ["normal", 40, 0.125]]],
    ["mixture", [0.3, 0.7], [["gamma", 2, 1], ["gamma", 5, 1]]], ["mixture", [0.5, 0.5], [["laplace", 0, 1], ["normal", 1, 2]]],
    ["mixture", [0.5, 0.25, 0.25], [["studentT", 2.5, 0, 1], ["normal", 0, 0.01], ["uniform", -1, 2]]], ["mixture", [0.5, 0.5], [["beta", 1.5, 2.5], ["beta", 3, 2]]],
    ["mixture", [1e-6, 1 - 1e-6], [["normal", 0, 1000], ["normal", 0, 1]]], ["mixture", [0.5, 0.5], [["gamma", 2.5, 1.5], ["normal", 0, 1]]],
]
MULTINOMIALS = [(9, [0.2, 0.3, 0.5]), (400, [0.0625, 0.3125, 0.625]), (100000, [0.125, 0.875]), (3, [0, 1]), (6, [0.25, 0.75, 0])]


def multinomial(n, p):
    """log n! and the expectations of log x_i! and x_i log p_i, each x_i binomial."""
    h = -loggamma(mpf(n) + 1)
    for q in map(mpf, p):
        if q == 0: continue
        if q == 1:
            h += loggamma(mpf(n) + 1)
            continue
        w = (1 - q) ** n
        for k in range(n + 1):
            h += w * (loggamma(mpf(k) + 1) - k * log(q))
            w *= q * (n - k) / ((1 - q) * (k + 1))
    return h


CIRCLES = [((0.5, 2), [-3, -1, 0.5, 2, 3]), ((-2.5, 0.75), [-3, -1, 2]), ((3, 30), [-3, 1.5, 3]), ((10, 1.5), [-2.5, 0, 2.5])]
CDFS = [("betaBinomial", (12, 1.5, 2.5), [0, 2, 7, 11, 12]), ("betaBinomial", (100, 0.3, 0.2), [0, 1, 40, 99]), ("betaBinomial", (3000, 400, 30), [2000, 2700, 2790, 2999])]


def main():
    show = lambda x: None if x is None else float(x)
    with open("test/expectations.txt", "w") as out:
        for d in SUMS + INTEGRALS:
            memo.clear()
            mp.dps = 50 if d[0] in ("poisson", "binomial", "negativeBinomial", "betaBinomial") else 30
            row = [d, *map(show, moments(d))]
            out.write(json.dumps(row) + "\n")
            out.flush()
            print(row, flush=True)
        mp.dps = 50
        for n, p in MULTINOMIALS:
            out.write(json.dumps([["multinomial", n, ["", *p]], None, None, show(multinomial(n, p))]) + "\n")
        for p, points in CIRCLES:
            f = lambda x: F["vonMises"][0](x, *map(mpf, p))
            cuts = mp.linspace(-mp.pi, mp.pi, 41)
            F_ = lambda x: quad(lambda t: exp(f(t)), [t for t in cuts if t < x] + [x])
            out.write(json.dumps([["vonMises", *p], None, None, show(-quad(lambda t: f(t) * exp(f(t)), cuts)), *[[x, show(F_(mpf(x)))] for x in points]]) + "\n")
        for name, p, points in CDFS:
            w = [exp(F[name][0](mpf(k), *map(mpf, p))) for k in range(p[0] + 1)]
            out.write(json.dumps([[name, *p], None, None, show(-sum(x * log(x) for x in w)), *[[k, show(sum(w[:k + 1]))] for k in points]]) + "\n")


if __name__ == "__main__":
    main()
