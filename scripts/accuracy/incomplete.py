"""References of the functions of two and three arguments: incomplete gamma and beta with their shape derivatives, Owen's T, von
Mises. Everything is a sum of terms of one sign, or an integral by Gauss and Legendre's rule over panels of a positive
integrand, at the precision in force: nothing here converges only sometimes. Each takes mpf and returns a tuple, one value for
each column of its table; a difference (1 - P) may cancel, which generate.py's two precisions find out."""

from functools import lru_cache

from mpmath import mp, mpf

TINY = mpf(10) ** -340  # what underflows, with its sign

TERMS = 20000  # a series longer than this is an integral


@lru_cache(maxsize=None)
def rule(dps):
    """Nodes and weights of Gauss and Legendre's rule on [-1, 1], as many as panels of `integral` want for dps digits."""
    n, found = int(dps * 0.8) + 16, []
    with mp.workdps(dps + 5):
        for i in range((n + 1) // 2):
            x, step = mp.cos(mp.pi * (i + mpf(3) / 4) / (n + mpf(1) / 2)), mpf(1)
            while True:
                before, value = mpf(1), x
                for k in range(2, n + 1):
                    before, value = value, ((2 * k - 1) * x * value - (k - 1) * before) / k
                slope = n * (x * value - before) / (x * x - 1)
                if abs(step) < mpf(10) ** (-dps * 0.6):
                    break
                step = value / slope
                x -= step
            w = 2 / ((1 - x * x) * slope * slope)
            found += [(x, w)] if n % 2 and i == n // 2 else [(x, w), (-x, w)]
    return found


def integral(f, start, end, width, digits):
    """Sums over panels of a tuple of integrands, the first of which is positive and falls off, until it is gone."""
    nodes = rule(-(-(digits + 5) // 40) * 40)
    total, at, small = None, start, mpf(10) ** (-digits - 5)
    direction = 1 if end > start else -1
    for _ in range(5000):
        if (end - at) * direction <= 0:
            return total
        half = min(width, abs(end - at)) / 2 * direction  # never the whole of an infinite stretch: the integrand falls off
        sums = None
        for x, w in nodes:
            values = [w * v for v in f(at + half * (1 + x))]
            sums = values if sums is None else [s + v for s, v in zip(sums, values)]
        part = [s * abs(half) for s in sums]
        total = part if total is None else [t + p for t, p in zip(total, part)]
        if abs(part[0]) <= small * abs(total[0]):
            return total
        at += 2 * half
    raise ArithmeticError("too many panels")


def gamma_series(a, x):
    """P and ∂P/∂a from D Σ x^n/((a + 1)..(a + n)), as far from underflow as it may be."""
    term, sum_, h, w, n = mpf(1), mpf(1), mpf(0), mpf(0), 0
    small = mpf(10) ** (-mp.dps - 3)
    while True:
        n += 1
        term *= x / (a + n)
        h += 1 / (a + n)
        sum_ += term
        w += term * h
        if a + n > x and term * h <= small * max(w, mpf(10) ** -400 * (w == 0)):
            break
    d = mp.exp(a * mp.log(x) - x - mp.loggamma(a + 1))
    return d * sum_, d * (sum_ * (mp.log(x) - mp.digamma(a + 1)) - w)


def gamma_p_q(a, x):
    """P(a, x), Q(a, x) and ∂P/∂a for a, x > 0."""
    if a == 0:
        return mpf(1), mpf(0), -mp.e1(x)
    digits = mp.dps
    with mp.workdps(mp.dps + 20 + int(mp.log10(max(a, x, 1)) - mp.log10(min(a, 1)))):
        exponent = a * mp.log(x) - x - mp.loggamma(a + 1)
        if exponent < -800 and (x < a or x > a + 1):
            return (TINY, mpf(1), -TINY) if x < a else (mpf(1), TINY, -TINY)
        if max(a, x) < 5000:
            with mp.workdps(mp.dps + int(max(0, -exponent) / 2.3) + 10):
                p, d = gamma_series(a, x)
                return p, 1 - p, d
        # Both are large, and near each other.
        root, middle = mp.sqrt(a), mp.digamma(a)
        top = (a - 1) * mp.log(x) - x
        density = mp.exp(top - mp.loggamma(a))

        def f(t):
            l = mp.log(t)
            v = mp.exp((a - 1) * l - t - top)
            return v, v * (l - middle)

        slope = abs(1 - (a - 1) / x)
        width = min(2 * root, 7 / slope) if slope else 2 * root
        tail, moment = integral(f, x, mpf(0) if x < a else mp.inf, width, digits)
        tail *= density
        moment *= density
        return (tail, 1 - tail, moment) if x < a else (1 - tail, tail, -moment)


def log_gamma(x):
    return mp.loggamma(1 + x) - mp.log(x)


def psi(x):
    return mp.digamma(1 + x) - 1 / x


def gamma_density(a, x):
    with mp.workdps(60 + int(abs(mp.log10(max(a, x))))):
        return mp.exp((a - 1) * mp.log(x) - x - log_gamma(a))


def beta_density(a, b, x):
    with mp.workdps(60 + int(abs(mp.log10(max(a, b))))):
        return mp.exp((a - 1) * mp.log(x) + (b - 1) * mp.log1p(-x) + log_gamma(a + b) - log_gamma(a) - log_gamma(b))


def beta_terms(a, b, x, dps):
    """How many terms `beta_series` needs."""
    y = 1 - x
    peak = max(0, ((a + b) * x - a - 1) / y)
    wide = mp.sqrt(5 * dps * (a + peak) * (a + b) / b) if b > 1 else 0
    return float(peak + wide + 2.4 * dps / max(-mp.log(x), mpf(1) / 10**9))


def beta_series(a, b, x):
    """I, ∂I/∂a, ∂I/∂b from x^a (1 - x)^b/(a B(a, b)) Σ (a + b)_n/(a + 1)_n x^n, whose terms are positive."""
    s = a + b
    term, sum_, ha, hb, wa, wb, n = mpf(1), mpf(1), mpf(0), mpf(0), mpf(0), mpf(0), 0
    small = mpf(10) ** (-mp.dps - 3)
    while True:
        ha += 1 / (s + n) - 1 / (a + 1 + n)
        hb += 1 / (s + n)
        ratio = (s + n) / (a + 1 + n) * x
        term *= ratio
        n += 1
        sum_ += term
        wa += term * ha
        wb += term * hb
        if ratio < 1 and term / (1 - ratio) <= small * sum_ and term * hb / (1 - ratio) <= small * wb:
            break
        if n > 10 * TERMS:
            raise ArithmeticError("too many terms")
    l, m = mp.log(x), mp.log1p(-x)
    d = mp.exp(a * l + b * m + log_gamma(s) - log_gamma(a + 1) - log_gamma(b))
    all_ = psi(s)
    return d * sum_, d * (sum_ * (l + all_ - psi(a + 1)) + wa), d * (sum_ * (m + all_ - psi(b)) + wb)


def beta_i(a, b, x):
    """I_x(a, b), ∂I/∂a and ∂I/∂b for a, b > 0 and 0 < x < 1."""
    digits = mp.dps
    size = max(a, b, 1 / a, 1 / b, 1 / x, 1 / (1 - x))
    with mp.workdps(mp.dps + 20 + int(2 * mp.log10(size))):
        y = 1 - x
        s = a + b
        l, m = mp.log(x), mp.log1p(-x)
        mean = a / s
        exponent = a * l + b * m + log_gamma(s) - log_gamma(a) - log_gamma(b) - mp.log(a if x < mean else b)
        if exponent < -800 + min(0, mp.log(a), mp.log(b)):
            return (TINY if x < mean else mpf(1), -TINY, TINY)
        here, there = beta_terms(a, b, x, mp.dps), beta_terms(b, a, y, mp.dps)
        if min(here, there) < TERMS:
            with mp.workdps(mp.dps + int(max(0, -exponent) / 2.3) + 10):
                if here <= there:
                    return beta_series(a, b, x)
                v, db, da = beta_series(b, a, 1 - x)
                return 1 - v, -da, -db
        top = (a - 1) * l + (b - 1) * m
        density = mp.exp(top + log_gamma(s) - log_gamma(a) - log_gamma(b))
        ma, mb = psi(a) - psi(s), psi(b) - psi(s)

        def f(t):
            u, v = mp.log(t), mp.log1p(-t)
            w = mp.exp((a - 1) * u + (b - 1) * v - top)
            return w, w * (u - ma), w * (v - mb)

        sd = mp.sqrt(a * b / s) / s
        slope = abs((a - 1) / x - (b - 1) / y)
        width = min(2 * sd, 7 / slope) if slope else 2 * sd
        left = x < mean
        v, da, db = (w * density for w in integral(f, x, mpf(0) if left else mpf(1), width, digits))
        return (v, da, db) if left else (1 - v, -da, -db)


def owens_t(h, a):
    """Owen's T for finite h and any a."""
    if a < 0:
        return (-owens_t(h, -a)[0],)
    h = abs(h)
    if h > 200 and a > 0:
        return (TINY,)
    if a == mp.inf:
        return (mp.erfc(h / mp.sqrt(2)) / 4,)
    if a > 1:
        with mp.workdps(mp.dps + 10):
            k = min(h * a, mpf(1000))
            p, q = (mp.erfc(v / mp.sqrt(2)) / 2 for v in (h, k))
            return ((p * (1 - q) + q * (1 - p)) / 2 - (owens_t(k, 1 / a)[0] if k < 200 else 0),)
    if a == 0:
        return (mpf(0),)
    with mp.workdps(mp.dps + 10):
        f = lambda t: (mp.exp(-h * h * t * t / 2) / (1 + t * t),)
        width = min(mpf(1) / 2, 2 / h) if h else mpf(1) / 2
        return (integral(f, mpf(0), a, width, mp.dps)[0] * mp.exp(-h * h / 2) / (2 * mp.pi),)


def von_mises(x, kappa):
    """F(x) of von Mises around 0 and ∂F/∂κ, |x| < π."""
    if kappa * mp.sin(x / 2) ** 2 > 500:
        return (TINY if x < 0 else 1 - TINY), mp.sign(x) * TINY
    with mp.workdps(mp.dps + 10):
        s = abs(x)

        def over(s, end):
            base = mp.sin(s / 2) ** 2

            def f(t):
                v = 2 * mp.sin(t / 2) ** 2
                e = mp.exp(-kappa * (v - 2 * base))
                return e, v * e

            slope = kappa * mp.sin(s)
            width = min(2 / mp.sqrt(kappa + 4), 7 / slope) if slope > 0 else 2 / mp.sqrt(kappa + 4)
            e = mp.exp(-2 * kappa * base)
            return [e * v for v in integral(f, s, end, width, mp.dps)]

        whole, first = over(mpf(0), +mp.pi)
        if s * s * (1 + kappa) < 1:
            part, moment = over(s, mpf(0))
            f, d = mpf(1) / 2 - part / (2 * whole), (moment - part * first / whole) / (2 * whole)
        else:
            part, moment = over(s, +mp.pi)
            f, d = part / (2 * whole), (part * first / whole - moment) / (2 * whole)
        return (f, d) if x <= 0 else (1 - f, -d)
