"""Where the tables of assembly/math.ts, trigonometry.ts and power.ts come from: minimax polynomials of arbitrary-precision
values (mpmath, 60 digits) by Remez' exchange, and constants split into words. Prints every table with its largest weighted
error in bits; run as `python3 scripts/accuracy/elementary_fits.py`."""

import struct

from mpmath import mp, mpf

mp.dps = 60


def remez(f, weight, low, high, degree, rounds=12):
    """Coefficients of p with the least max |weight·(p - f)| over low..high, and that error."""
    low, high = mpf(low), mpf(high)
    count = degree + 2
    points = chebyshev(low, high, count - 1)
    for _ in range(rounds):
        a, b = mp.matrix(count, count), mp.matrix(count, 1)
        for i, x in enumerate(points):
            for j in range(degree + 1):
                a[i, j] = x**j
            a[i, degree + 1] = (-1) ** i / weight(x)
            b[i] = f(x)
        c = list(mp.lu_solve(a, b))[: degree + 1]
        grid = chebyshev(low, high, 40 * count)
        errors = [weight(x) * (mp.polyval(c[::-1], x) - f(x)) for x in grid]
        runs = [[0]]
        for i in range(1, len(grid)):
            if (errors[i] > 0) == (errors[runs[-1][-1]] > 0):
                runs[-1].append(i)
            else:
                runs.append([i])
        tops = [max(run, key=lambda k: abs(errors[k])) for run in runs]
        while len(tops) > count:
            tops.pop(0 if abs(errors[tops[0]]) < abs(errors[tops[-1]]) else -1)
        if len(tops) < count:
            break
        points = [grid[k] for k in tops]
    return c, max(map(abs, errors))


def chebyshev(low, high, n):
    return [(low + high) / 2 - (high - low) / 2 * mp.cos(mp.pi * i / n) for i in range(n + 1)]


def bits(x):
    return struct.unpack(">Q", struct.pack(">d", float(x)))[0]


def leading(x, count):
    """x cut to `count` bits."""
    m, e = mp.frexp(x)
    return mp.ldexp(mp.floor(mp.ldexp(m, count)), e - count)


def show(name, *arguments):
    c, error = remez(*arguments)
    print(f"{name}: 2^{mp.nstr(mp.log(error, 2), 4)}\n  " + ", ".join(repr(float(v)) for v in c))


def words(name, x, *counts):
    parts = []
    for count in counts:
        parts.append(leading(x, count))
        x -= parts[-1]
    print(f"{name}: " + ", ".join(repr(float(v)) for v in [*parts, x]))


def exp_cubic(r):
    return (mp.expm1(r) - r - r * r / 2) / r**3 if abs(r) > 1e-10 else mpf(1) / 6 + r / 24


def log_tail(z):
    if z < 1e-20:
        return mpf(2) / 3 + 2 * z / 5
    s = mp.sqrt(z)
    return (mp.log((1 + s) / (1 - s)) - 2 * s) / s / z


def log_tail_less_first(z):
    return (log_tail(z) - mpf(2) / 3) / z if z > 1e-24 else mpf(2) / 5 + 2 * z / 7


def sin_tail(z):
    s = mp.sqrt(z)
    return (mp.sin(s) - s) / s**3 if z > 1e-20 else -mpf(1) / 6 + z / 120


def cos_tail(z):
    return (mp.cos(mp.sqrt(z)) - 1 + z / 2) / z**2 if z > 1e-15 else mpf(1) / 24 - z / 720


def main():
    wide = mpf("1.0005")
    log2 = mp.log(2)
    print("POWERS: " + ", ".join(
        f"0x{bits(p) - (j << 48):016x}, 0x{bits(p / mpf(float(p)) - 1):016x}" for j in range(16) for p in [mp.power(2, mpf(j) / 16)]
    ))
    print("E: 16/log 2", repr(float(16 / log2)))
    words("E: log 2/16", log2 / 16, 38)
    show("E", exp_cubic, lambda r: abs(r) ** 3 + mpf("1e-12"), -log2 / 32 * wide, log2 / 32 * wide, 3)
    words("M, L, P: log 2", log2, 41)
    relative = lambda r: abs(r**3 / mp.expm1(r)) if abs(r) > 1e-10 else mpf("1e-15")
    show("M", exp_cubic, relative, -log2 / 2 * wide, log2 / 2 * wide, 9)
    weight = lambda z: z + mpf("1e-8")
    show("L", log_tail, weight, 0, (mpf("0.31") / mpf("1.69") * wide) ** 2, 6)
    show("S", log_tail, weight, 0, mpf(1) / 9 * wide, 9)
    s = (mp.sqrt(2) - 1) / (mp.sqrt(2) + 1) * wide
    show("P", log_tail_less_first, lambda z: z * z + mpf("1e-9"), 0, s * s, 7)
    words("P: 2/3", mpf(2) / 3, 26)
    quarter = (mp.pi / 4 * wide) ** 2
    show("T, sin", sin_tail, weight, 0, quarter, 5)
    show("T, cos", cos_tail, lambda z: z**2 + mpf("1e-8"), 0, quarter, 5)
    words("T: pi/2", mp.pi / 2, 33, 33, 33)
    with mp.workprec(1500):
        v, digits = 2 / mp.pi, []
        for _ in range(19):
            v = mp.ldexp(v, 64)
            digits.append(int(mp.floor(v)))
            v -= digits[-1]
    print("TWO_OVER_PI: " + ", ".join(f"0x{d:016x}" for d in digits))


if __name__ == "__main__":
    main()
