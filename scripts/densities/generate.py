"""Writes test/densities/<family>.txt: log densities and partials to 50 digits, rounded to doubles, against which the kernels and
their rules are tested. Run as `python3 scripts/densities/generate.py [family ...]`; the same points come every time.

A line is a point: the arguments, then the log density, then the partials in the order of the arguments that have one. Numbers are
the hex digits of a double's 64 bits without trailing zeros ("." for 0). To each result belongs an integer e after a colon: an
evaluation in doubles that loses nothing needlessly is off by about 2^(e - 53) (running.py), which is the unit of the tests.
Multivariate families: the event size K comes first; vectors follow element by element, of triangular matrices the lower triangle
by rows; of the low-rank factor the number of columns follows from the length. ∂value of the Gaussians is left out, being −∂loc."""

import math
import random
import struct
import sys
from pathlib import Path

from mpmath import mp, mpf

mp.dps = 50
sys.path.insert(0, str(Path(__file__).resolve().parent))

from families import FAMILIES  # noqa: E402
from multivariate import MULTIVARIATE  # noqa: E402
from running import given  # noqa: E402

OUT = Path(__file__).resolve().parent.parent.parent / "test" / "densities"
POINTS = 200


class Draws:
    """Numbers with 21 significant bits, so that tables stay small."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def round(self, x):
        if x == 0 or math.isinf(x):
            return x
        m, e = math.frexp(x)
        return math.ldexp(round(m * 2**21), e - 21)

    def linear(self, low, high):
        return self.round(self.random.uniform(low, high))

    def logarithmic(self, low, high):
        return self.round(math.exp(self.random.uniform(math.log(low), math.log(high))))

    def both(self, low, high):
        return self.random.choice([-1, 1]) * self.logarithmic(low, high)

    def integer(self, low, high):
        return self.random.randint(low, high)

    def choose(self, *ways):
        return self.random.choice(ways)()


def hexadecimal(x):
    return struct.pack(">d", x).hex().rstrip("0") or "."


def result(x):
    """A value and its unit."""
    if x.m == 0:
        if x.v != 0:
            raise ValueError("a result without an error bound")
        return ".:-1074"
    e = math.ceil(mp.log(x.m, 2))
    return f"{hexadecimal(float(x.v))}:{e}"


def derivative(density, point, i):
    """The derivative in argument i by mpmath, at more digits than it loses."""
    with mp.workdps(120):
        def along(t):
            return density(*[given(t if j == i else v) for j, v in enumerate(point)]).v

        x = mpf(point[i])
        h = abs(x) * mpf(10) ** -40 if x else mpf(10) ** -40
        return (along(x + h) - along(x - h)) / (2 * h)


def line(name, family, point):
    arguments = [given(x) for x in point]
    results = [family["density"](*arguments)]
    for i, arg in enumerate(family["args"]):
        if arg not in family["partials"]:
            continue
        partial = family["partials"][arg](*arguments)
        if not math.isinf(point[i]):
            expected = derivative(family["density"], point, i)
            if abs(partial.v - expected) > mpf(10) ** -24 * (abs(expected) + partial.m) + mpf(10) ** -60:
                raise ValueError(f"{name}: the partial in {arg} at {point} is {partial.v}, but the derivative is {expected}")
        results.append(partial)
    return " ".join([hexadecimal(x) for x in point] + [result(x) for x in results])


def flat(x):
    return [y for part in x for y in flat(part)] if isinstance(x, list) else [x]


def like(shape, values):
    """The values, taken from an iterator, in the nested lists of `shape`."""
    return [like(part, values) for part in shape] if isinstance(shape, list) else next(values)


def multivariate_line(name, family, k, arguments):
    def evaluate(numbers):
        return family["formula"](*like(arguments, iter([given(x) for x in numbers])))

    numbers = flat(arguments)
    lp, *partials = evaluate(numbers)
    owners = [arg for arg, value in zip(family["args"], arguments) for _ in flat([value])]
    for arg, partial in zip(family["partials"], partials):
        for i, p in zip([i for i, owner in enumerate(owners) if owner == arg], partial):
            expected = derivative(lambda *t: evaluate([x.v for x in t])[0], numbers, i)
            if abs(p.v - expected) > mpf(10) ** -24 * (abs(expected) + p.m) + mpf(10) ** -60:
                raise ValueError(f"{name}: the partial in {arg} at {arguments} is {p.v}, but the derivative is {expected}")
    return " ".join([str(k)] + [hexadecimal(x) for x in numbers] + [result(x) for x in [lp, *flat(partials)]])


def write(name):
    draws = Draws(name)
    lines = []
    while len(lines) < POINTS:
        if name in FAMILIES:
            lines.append(line(name, FAMILIES[name], [draws.round(x) for x in FAMILIES[name]["points"](draws)]))
        else:
            lines.append(multivariate_line(name, MULTIVARIATE[name], *MULTIVARIATE[name]["points"](draws)))
    (OUT / f"{name}.txt").write_text("\n".join(lines) + "\n")


def main(names):
    OUT.mkdir(exist_ok=True)
    for name in names or [*FAMILIES, *MULTIVARIATE]:
        write(name)
        print(name, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
