"""Functions that the expressions of test/accuracy/promises.json use beyond mpmath's own. Each takes and returns mpf at the
precision in force; `special_*` functions take and return Python floats and answer for zeros, infinities and NaN only."""

import math

from mpmath import mp

INF = math.inf
NAN = math.nan


def bessel_series(x, order):
    """I_order(x) times order!/(x/2)^order, less 1."""
    z, term, total, k = x * x / 4, mp.mpf(1), mp.mpf(0), 0
    while abs(term) > mp.mpf(10) ** (-mp.dps - 5) * max(total, z):
        k += 1
        term *= z / (k * (k + order))
        total += term
    return total


def bessel_tail(x, order):
    """I_order(x) sqrt(2 pi x) e^-x for large x."""
    total, term, k = mp.mpf(0), mp.mpf(1), 0
    while abs(term) > mp.mpf(10) ** (-mp.dps - 5):
        total += term
        k += 1
        term *= -(4 * order * order - (2 * k - 1) ** 2) / (8 * k * x)
    return total


def bessel_ratio(x):
    if x < 0:
        return -bessel_ratio(-x)
    if x > 5 * mp.dps:
        return bessel_tail(x, 1) / bessel_tail(x, 0)
    return x / 2 * (1 + bessel_series(x, 1)) / (1 + bessel_series(x, 0))


def log_bessel_i0(x):
    x = abs(x)
    if x > 5 * mp.dps:
        return x - mp.log(2 * mp.pi * x) / 2 + mp.log(bessel_tail(x, 0))
    s = bessel_series(x, 0)
    return s * (1 - s / 2) if s < mp.mpf(10) ** -40 else mp.log1p(s)


def sigmoid(x):
    return 1 / (1 + mp.exp(-x))


def softplus(x):
    return mp.log1p(mp.exp(x)) if x < 0 else x + mp.log1p(mp.exp(-x))


def log_add_exp(a, b):
    high, low = (a, b) if a >= b else (b, a)
    return high + mp.log1p(mp.exp(low - high))


def real_power(x, y):
    """x**y for finite x != 0; NaN for a negative base with a fractional exponent."""
    if x > 0:
        return mp.power(x, y)
    if y != mp.floor(y):
        return mp.nan
    magnitude = mp.power(-x, y)
    return -magnitude if mp.fmod(y, 2) != 0 else magnitude


def special_power(x, y):
    """Math.pow of ECMAScript where x or y is zero, infinite or NaN."""
    if math.isnan(y):
        return NAN
    if y == 0:
        return 1.0
    if math.isnan(x):
        return NAN
    odd = math.isfinite(y) and y == math.floor(y) and math.fmod(y, 2) != 0
    if math.isinf(y):
        if abs(x) == 1:
            return NAN
        return INF if (abs(x) > 1) == (y > 0) else 0.0
    if math.isinf(x):
        magnitude = INF if y > 0 else 0.0
    else:
        magnitude = 0.0 if y > 0 else INF
    return -magnitude if odd and math.copysign(1, x) < 0 else magnitude


def special_log_add_exp(a, b):
    if math.isnan(a) or math.isnan(b):
        return NAN
    if a == INF or b == INF:
        return INF
    if a == -INF:
        return b + 0.0
    if b == -INF:
        return a + 0.0
    return None


def lgamma1p(x):
    if x == 0: return mp.mpf(0)
    if x == -1: return mp.inf
    with mp.workdps(mp.dps + int(max(0, -mp.log10(abs(x))))):
        return mp.loggamma(1 + x)

def erfcx(x):
    if x < 30:
        with mp.workdps(mp.dps + 20 + int(x * x / 2) if x > 0 else mp.dps):
            return mp.exp(x * x) * mp.erfc(x)
    total, term, k = mp.mpf(0), mp.mpf(1), 0
    while abs(term) > mp.mpf(10) ** (-mp.dps - 5) and k < 800:
        total += term
        k += 1
        term *= -(2 * k - 1) / (2 * x * x)
    return total / (x * mp.sqrt(mp.pi))


def ndtr(x):
    return mp.erfc(-x / mp.sqrt(mp.mpf(2))) / 2


def log_ndtr(x):
    if x < 0:
        z = -x / mp.sqrt(mp.mpf(2))
        return -x * x / 2 + mp.log(erfcx(z) / 2)
    return mp.log1p(-ndtr(-x))


def ndtri(p):
    """Newton's iteration on log ndtr."""
    if p == mp.mpf(1) / 2:
        return mp.mpf(0)
    if p > mp.mpf(1) / 2:
        return -ndtri(1 - p)
    target = mp.log(p)
    x = -mp.sqrt(mp.mpf(2)) * mp.erfinv(1 - 2 * p) if p > 1e-10 else -mp.sqrt(-2 * target - mp.log(-4 * mp.pi * target))
    for _ in range(100):
        h = erfcx(-x / mp.sqrt(mp.mpf(2))) / 2
        step = (mp.log(h) - x * x / 2 - target) * h * mp.sqrt(2 * mp.pi)
        x -= step
        if abs(step) < abs(x) * mp.mpf(10) ** (10 - mp.dps):
            return x
    raise ArithmeticError(f"ndtri({p})")


def log_beta(a, b):
    if a <= 0 or b <= 0:
        return mp.nan
    low, high = min(a, b), max(a, b)
    with mp.workdps(mp.dps + 10 + int(max(0, mp.log10(high)) + max(0, -mp.log10(low)))):
        return mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b)


def special_log_beta(a, b):
    low, high = min(a, b), max(a, b)
    if math.isnan(a) or math.isnan(b) or low < 0 or (low == 0 and high == INF):
        return NAN
    return INF if low == 0 else -INF if high == INF else None
