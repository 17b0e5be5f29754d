"""The tables of the functions of two and three arguments: which points they hold and which columns. Functions of the same
arguments share a table. A family gives `points(rng)`, tuples of floats; `values(*mpf)`, a tuple of mpf, asked only where every
argument is finite and within the domain; and `special(*floats)`, a tuple of floats for the other points (None: ask `values`)."""

import math

import incomplete

INF, NAN = math.inf, math.nan
EDGES = [0.0, -0.0, 5e-324, 2.0**-1022, 0.5, 1.0, 2.0, 1.7976931348623157e308, INF, -INF, NAN, -1.0, -5e-324, -(2.0**-1022), -1.7976931348623157e308]


def short(x, rng, bits=20):
    """x on few bits, for most points: tables are to stay small."""
    if rng.random() < 0.1 or x == 0 or not math.isfinite(x):
        return x
    m, e = math.frexp(x)
    return math.ldexp(round(math.ldexp(m, bits)), e - bits)


def log(rng, low, high):
    return 10 ** rng.uniform(low, high)


def around(x, count=3):
    found, up, down = [x], x, x
    for _ in range(count):
        up, down = math.nextafter(up, INF), math.nextafter(down, -INF)
        found += [up, down]
    return found


# ---- incomplete gamma


def gamma_near(rng, a, reach):
    """x so many standard deviations from a (Wilson and Hilferty's cube)."""
    v = 1 - 1 / (9 * a) + rng.uniform(-reach, reach) / (3 * math.sqrt(a))
    x = a * v**3 if v > 0 else a * log(rng, -4, 0)
    return short(x, rng, 20 + max(0, int(math.log2(a) / 2)))


def gamma_random(rng):
    found = []
    for count, low, high, reach in [(600, -3, 3, 9), (400, 2, 3.6, 37), (500, 3.6, 15, 37)]:
        for _ in range(count):
            a = short(log(rng, low, high), rng)
            found.append((a, gamma_near(rng, a, reach)))
    found += [(short(log(rng, -2, 4), rng), short(log(rng, -2, 4), rng)) for _ in range(250)]
    found += [(short(log(rng, -30, -2), rng), short(log(rng, -30, 2.8), rng)) for _ in range(300)]
    found += [(short(log(rng, -300, -30), rng), short(log(rng, -300, 2.8), rng)) for _ in range(20)]
    return found


def gamma_middle(rng):
    """Where neither function is flat: points of both inverses."""
    shapes = [short(log(rng, *limits), rng) for limits in [(-2, 3)] * 260 + [(3, 12)] * 160]
    return [(a, gamma_near(rng, a, 2.5)) for a in shapes]


def gamma_points(rng):
    found = [(a, x) for a in EDGES for x in EDGES]
    for a in [0.1, 0.5, 1.0, 2.5, 3.0, 20.0, 255.0, 256.0, 1e4, 1e8]:
        found += [(a, x) for e in (a + 0.5, max(a + 0.5, 1.0), a, 0.75 * a, 1.25 * a, 0.875 * a, 1.125 * a) for x in around(e)]
    for a in [3.0, 256.0, 1.0]:
        found += [(b, a * r) for b in around(a) for r in (0.5, 0.875, 0.9, 1.0, 1.1, 1.25, 1.5)]
    return found + gamma_random(rng) + gamma_middle(rng)


def gamma_special(a, x):
    if not (a >= 0 and x >= 0) or (a == x and a in (0, INF)):
        return (NAN,) * 3
    if x == 0 or a == INF:
        return 0.0, 1.0, 0.0
    if x == INF:
        return 1.0, 0.0, 0.0
    return None


# ---- incomplete beta


def beta_near(rng, a, b, reach):
    sd = min(1 / math.sqrt(a) + 1 / math.sqrt(b), 3)
    v = math.log(a / b) + rng.uniform(-reach, reach) * sd
    odds = math.exp(min(max(v, -600), 600))
    bits = 20 + max(0, int(math.log2(min(a, b) + 1) / 2))
    if odds < 1:
        return short(odds / (1 + odds), rng, bits)
    return 1 - short(1 / (1 + odds), rng, bits)


def beta_random(rng):
    found = []
    for count, low, high, reach in [(700, -2, 3, 5), (400, 2, 4, 30), (250, 4, 6, 30), (250, 6, 12, 30)]:
        for _ in range(count):
            a, b = (short(log(rng, low, high), rng) for _ in "ab")
            found.append((a, b, beta_near(rng, a, b, reach)))
    for _ in range(400):
        a, b = short(log(rng, -2, 2.5), rng), short(log(rng, 3, 9), rng)
        x = beta_near(rng, a, b, 6)
        found.append((a, b, x) if rng.random() < 0.5 else (b, a, 1 - x))
    found += [(short(log(rng, -1, 1.7), rng), short(log(rng, -1, 1.7), rng), short(rng.random(), rng)) for _ in range(200)]
    for _ in range(250):
        a, b = short(log(rng, -20, 0), rng), short(log(rng, -20, 2), rng)
        x = short(rng.choice([rng.random(), log(rng, -100, 0)]), rng)
        found.append((a, b, x) if rng.random() < 0.5 else (b, a, x))
    return [p for p in found if 0 < p[2] < 1]


def beta_middle(rng):
    """Where the function is not flat: points of its inverse."""
    shapes = [[short(log(rng, *limits), rng) for _ in "ab"] for limits in [(-1, 3)] * 140 + [(3, 9)] * 100]
    return [(a, b, beta_near(rng, a, b, 1.5)) for a, b in shapes]


def beta_points(rng):
    few = [0.0, -0.0, 5e-324, 0.5, 1.0, 3.0, 1e300, INF, -INF, NAN, -1.0]
    found = [(a, b, x) for a in few for b in few for x in [0.0, -0.0, 0.3, 1.0, NAN]]
    found += [(2.0, b, x) for b in (1.0, 4.0) for x in [*EDGES, 2.0, 1 - 2.0**-53, 1 + 2.0**-52]]
    found += [(s * v, 1.5, 0.3) for s in (1, -1) for v in (1.7976931348623157e308, 2.0**-1022, 5e-324)]
    for a, b in [(0.5, 0.5), (3.0, 2.0), (2.0, 3.0), (40.0, 60.0), (1e4, 500.0), (0.2, 0.3)]:
        found += [(a, b, x) for e in ((a + 1) / (a + b + 2), a / (a + b), 0.75 * a / (a + b)) for x in around(e)]
    found += [(a, 2.0, x) for a in around(3.0) for x in (0.2, 0.6, 0.9)]
    found += [(8e8, 1e6, x) for x in (0.99875, 0.9987515, 0.998753)] + [(29.0, 4e5, x) for x in (6e-5, 8e-5, 1e-4)]
    return found + [(30.9, 0.0113, 0.98)] + beta_random(rng) + beta_middle(rng)


def beta_special(a, b, x):
    if not (a >= 0 and b >= 0 and 0 <= x <= 1) or (a == b and a in (0, INF)):
        return (NAN,) * 3
    if x in (0, 1):
        return x + 0.0, 0.0, 0.0
    if b == INF:
        return 1.0, 0.0, 0.0
    if a == INF:
        return 0.0, 0.0, 0.0
    if a == 0 or b == 0:
        return (1.0 if a == 0 else 0.0), NAN, NAN
    return None


# ---- Owen's T and von Mises


def owens_points(rng):
    found = [(h, a) for h in EDGES for a in EDGES]
    for low, high, reach in [(-5, 1.58, 0), (-2, 1.58, 0), (0, 1.58, 0.4)]:
        for _ in range(650):
            a = log(rng, -5, 5) if reach == 0 else log(rng, -reach, reach)
            found.append((rng.choice([1, -1]) * short(log(rng, low, high), rng), rng.choice([1, -1]) * short(a, rng)))
    found += [(h, a) for h in (0.3, 2.0, 8.7) for a in around(1.0)]
    return found + [(short(log(rng, -300, -10), rng), short(log(rng, -300, 300), rng)) for _ in range(50)]


def owens_special(h, a):
    if math.isnan(h) or math.isnan(a):
        return (NAN,)
    if a == 0 or math.isinf(h):
        return (math.copysign(0.0, a),)
    return None


def von_mises_points(rng):
    found = [(x, k) for x in EDGES for k in EDGES]
    found += [(s * x, k) for k in (0.0, 0.01, 1.0, 7.0, 100.0) for s in (1, -1) for x in around(math.pi)]
    for count, low, high in [(950, -5, 4), (420, 0, 2), (300, 4, 9), (60, 9, 300)]:
        for _ in range(count):
            k = short(log(rng, low, high), rng)
            x = rng.choice([rng.uniform(0, math.pi), min(3.1415, abs(rng.gauss(0, 3)) / math.sqrt(k)), 10 ** rng.uniform(-9, 0.49)])
            found.append((-short(x, rng) if rng.random() < 0.75 else short(x, rng), k))
    return found


def von_mises_special(x, kappa):
    if math.isnan(x) or not kappa >= 0:
        return (NAN, NAN)
    if abs(x) >= math.pi:
        return (1.0 if x > 0 else 0.0), 0.0
    if x == 0:
        return 0.5, x
    if kappa == INF:
        return (1.0 if x > 0 else 0.0), 0.0
    return None


class Family:
    """`density` is the slope in the last argument of the columns in `signs`, with their signs: what an inverse needs."""

    def __init__(self, points, values, special, density=None, signs=()):
        self.points, self.values, self.special, self.density, self.signs = points, values, special, density, signs


FAMILIES = {
    "incompleteGamma": Family(gamma_points, incomplete.gamma_p_q, gamma_special, incomplete.gamma_density, (1, -1)),
    "incompleteBeta": Family(beta_points, incomplete.beta_i, beta_special, incomplete.beta_density, (1,)),
    "owensT": Family(owens_points, incomplete.owens_t, owens_special),
    "vonMises": Family(von_mises_points, incomplete.von_mises, von_mises_special),
}
