"""Writes test/tails.txt: logarithms of distribution functions with their partials, to 40 digits, rounded to doubles, from one digit
below ordinary probabilities to far tails that no double holds. Run as `python3 scripts/distributions/tails.py`.

A line: the function's name, its arguments (value, then shapes), the logarithm and its partials in the order of the arguments."""

import math
import random
from pathlib import Path

from mpmath import mp, mpf

OUT = Path(__file__).resolve().parent.parent.parent / "test" / "tails.txt"
POINTS = 120
rng = random.Random(20261126)


def rounded(x):
    """21 significant bits, so that the table stays small."""
    m, e = math.frexp(x)
    return math.ldexp(round(m * 2**21), e - 21)


def spread(low, high):
    return rounded(math.exp(rng.uniform(math.log(low), math.log(high))))


def settle(f):
    """f at growing precision, until two agree: sums that cancel need more than their result shows."""
    before = None
    for dps in (80, 160, 300, 500, 900, 1300, 1800):
        with mp.workdps(dps):
            now = +f()
        if before is not None and abs(now - before) <= mpf(10) ** -60 * abs(now):
            return now
        before = now
    raise ValueError("no precision is enough")


def gamma_lower(x, a):
    """P(a, x) by its series, whose terms are all positive."""
    term = total = mpf(1)
    n = mpf(a)
    while term > total * mpf(10) ** (-mp.dps - 5):
        n += 1
        term *= x / n
        total += term
    return total * mp.exp(a * mp.log(x) - x - mp.loggamma(a + 1))


def beta_lower(x, a, b):
    """I_x(a, b) by 8.17.7 and Euler's transformation, whose terms are all positive (DLMF 15.8.1)."""
    term = total = mpf(1)
    n = mpf(0)
    while n < 10 or term > total * mpf(10) ** (-mp.dps - 5):
        term *= (a + b + n) / (a + 1 + n) * x
        n += 1
        total += term
    log = a * mp.log(x) + b * mp.log1p(-x) + mp.loggamma(a + b) - mp.loggamma(a + 1) - mp.loggamma(b)
    return total * mp.exp(log)


def student_tail(z, nu):
    x = nu / (nu + z * z)
    if x < mpf(1) / 2:
        return beta_lower(x, nu / 2, mpf(1) / 2) / 2
    return (1 - beta_lower(1 - x, mpf(1) / 2, nu / 2)) / 2


def beta_upper(x, a, b):
    return beta_lower(1 - x, b, a)


FUNCTIONS = {
    "gammaLogCdf": lambda x, a: mp.log(gamma_lower(x, a)),
    "gammaLogSurvival": lambda x, a: mp.log1p(-gamma_lower(x, a)),
    "betaLogCdf": lambda x, a, b: mp.log(beta_lower(x, a, b)) if x < 0.5 else mp.log1p(-beta_upper(x, a, b)),
    "betaLogSurvival": lambda x, a, b: mp.log(beta_upper(x, a, b)) if x >= 0.5 else mp.log1p(-beta_lower(x, a, b)),
    "studentTLogCdf": lambda t, nu: mp.log(student_tail(-t, nu)) if t < 0 else mp.log1p(-student_tail(t, nu)),
}


def gamma_point():
    a = rng.choice([lambda: spread(0.05, 20), lambda: spread(1e-3, 3e3)])()
    ways = [lambda: spread(1e-2, 3), lambda: 1 + rng.choice([-1, 1]) * spread(0.01, 6) / math.sqrt(a), lambda: spread(1e-8, 30)]
    x = -1
    while not 0 < x < 4000:
        x = rounded(a * rng.choice(ways)())
    return [x, a]


def beta_point():
    a, b = (rng.choice([lambda: spread(0.1, 20), lambda: spread(1e-2, 500)])() for _ in range(2))
    x = rng.choice([lambda: rounded(rng.uniform(0.01, 0.99)), lambda: spread(1e-8, 0.1), lambda: 1 - spread(1e-3, 0.1)])()
    return [x, a, b]


def student_point():
    nu = rng.choice([lambda: spread(0.3, 30), lambda: spread(0.05, 500)])()
    return [rng.choice([-1, 1]) * rng.choice([lambda: spread(1e-2, 10), lambda: spread(1, 1e3), lambda: spread(1e-6, 1e9)])(), nu]


POINT = {"gamma": gamma_point, "beta": beta_point, "studentT": student_point}


def partial(f, point, i):
    def quotient():
        h = mpf(10) ** -(mp.dps // 3)
        moved = [[p * (1 + s * h) if j == i else p for j, p in enumerate(map(mpf, point))] for s in (1, -1)]
        return (f(*moved[0]) - f(*moved[1])) / (2 * h * mpf(point[i]))

    before = None
    for dps in (120, 240, 450, 700, 1000, 1500, 2100):
        with mp.workdps(dps):
            now = quotient()
        if before is not None and abs(now - before) <= mpf(10) ** -30 * abs(now):
            return now
        if before is not None and abs(now) + abs(before) < mpf(10) ** -60:
            return mpf(0)
        before = now
    raise ValueError("no precision is enough")


def main():
    lines = []
    for name, f in FUNCTIONS.items():
        point = POINT[name.split("Log")[0]]
        for _ in range(POINTS):
            at = point()
            results = [settle(lambda: f(*map(mpf, at)))] + [partial(f, at, i) for i in range(len(at))]
            if all(abs(r) > 1e-280 for r in results):
                lines.append(" ".join([name, *map(repr, at), *(repr(float(r)) for r in results)]))
        print(name, flush=True)
    OUT.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
