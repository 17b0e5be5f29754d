#!/usr/bin/env python3
"""Implicit gradients -(dF/da)/p at given draws, differentiated numerically in 60 digits (mpmath). Writes test/distributions-implicit.txt: family,
parameters, position of the parameter, draw, gradient."""

from mpmath import mp, mpf, gammainc, betainc, ncdf, npdf, exp, log, cos, pi, besseli, quad, diff, gamma, beta, sqrt, sign, mpmathify

mp.dps = 50


def gamma_cdf(x, a, b): return gammainc(a, 0, b * x, regularized=True)
def gamma_pdf(x, a, b): return exp(a * log(b) + (a - 1) * log(x) - b * x) / gamma(a)
def student_cdf(x, v, m, s):
    t = (x - m) / s
    tail = betainc(v / 2, mpf(1) / 2, 0, v / (v + t * t), regularized=True) / 2
    return tail if t < 0 else 1 - tail
def student_pdf(x, v, m, s): return (1 + ((x - m) / s) ** 2 / v) ** (-(v + 1) / 2) / (s * sqrt(v) * beta(v / 2, mpf(1) / 2))
def mises_pdf(x, m, k): return exp(k * cos(x - m)) / (2 * pi * besseli(0, k))
def mises_slope(x, m, k):
    ratio = besseli(1, k) / besseli(0, k)
    f = lambda t: (cos(t) - ratio) * exp(k * (cos(t) - cos(x - m)))
    return -quad(f, [0, (x - m) / 4, (x - m) / 2, x - m])
def truncated(x, m, s, a, b):
    lo, hi, z = (a - m) / s, (b - m) / s, (x - m) / s
    return (ncdf(z) - ncdf(lo)) / (ncdf(hi) - ncdf(lo))
def truncated_pdf(x, m, s, a, b): return npdf((x - m) / s) / s / (ncdf((b - m) / s) - ncdf((a - m) / s))

FAMILIES = {
    "gamma": (gamma_cdf, gamma_pdf, [(2.25, 1.5), (0.25, 1), (0.0625, 2), (40, 3), (400, 1)], [0.001, 0.05, 0.3, 0.5, 0.9, 0.999]),
    "inverseGamma": (lambda x, a, b: 1 - gamma_cdf(1 / x, a, b), lambda x, a, b: gamma_pdf(1 / x, a, b) / x ** 2, [(2.25, 1.5), (0.75, 1), (40, 30)], [0.01, 0.3, 0.5, 0.99]),
    "chiSquare": (lambda x, v: gamma_cdf(x, v / 2, mpf(1) / 2), lambda x, v: gamma_pdf(x, v / 2, mpf(1) / 2), [(3,), (0.5,)], [0.01, 0.3, 0.5, 0.99]),
    "beta": (lambda x, a, b: betainc(a, b, 0, x, regularized=True), lambda x, a, b: x ** (a - 1) * (1 - x) ** (b - 1) / beta(a, b), [(2.25, 3.5), (0.5, 0.75), (20, 4)], [0.01, 0.3, 0.5, 0.99]),
    "studentT": (student_cdf, student_pdf, [(4.5, 0, 1), (1.25, 0.5, 2), (30, 0, 1)], [0.0001, 0.1, 0.4, 0.6, 0.99]),
    "truncatedNormal": (truncated, truncated_pdf, [(0.5, 1.5, -1, 2), (0, 1, 3, 6)], [0.01, 0.3, 0.5, 0.99]),
}


def main():
    with open("test/distributions-implicit.txt", "w") as out:
        for name, (cdf, pdf, cases, levels) in FAMILIES.items():
            for case in cases:
                p = [mpf(v) for v in case]
                for level in levels:
                    # A draw near the level, by bisection, rounded to a double.
                    low, high = {"truncatedNormal": (p[0], p[0]) if name != "truncatedNormal" else (p[2], p[3]), "studentT": (mpf(-1000), mpf(1000)), "beta": (mpf(0), mpf(1))}.get(name, (mpf(10) ** -60, mpf(10) ** 6))
                    for _ in range(60):
                        middle = sqrt(low * high) if name not in ("truncatedNormal", "studentT", "beta") else (low + high) / 2
                        if cdf(middle, *p) < level: low = middle
                        else: high = middle
                    x = mpf(float(low))
                    for i in range(len(p)):
                        f = lambda v: cdf(x, *p[:i], v, *p[i + 1:])
                        h = p[i] * mpf(10) ** -14 if p[i] else mpf(10) ** -14
                        slope = (8 * (f(p[i] + h) - f(p[i] - h)) - (f(p[i] + 2 * h) - f(p[i] - 2 * h))) / (12 * h)
                        out.write(f"{name} {','.join(repr(float(v)) for v in p)} {i} {float(x)!r} {float(-slope / pdf(x, *p))!r}\n")
        for case in [(0, 2), (0.5, 0.25), (0, 30), (0, 1000)]:
            m, k = [mpf(v) for v in case]
            for z in [0.001, 0.5, 1, 2, 4]:
                offset = min(mpf(z) / sqrt(k + mpf(1) / 2), mpf(3))
                for side in (1, -1):
                    x = mpf(float(m + side * offset))
                    out.write(f"vonMises {float(m)!r},{float(k)!r} 1 {float(x)!r} {float(mises_slope(x, m, k))!r}\n")


main()
