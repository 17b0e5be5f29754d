"""Functions that the expressions of test/accuracy/promises.json use beyond mpmath's own. Each takes and returns mpf at the
precision in force; `special_*` functions take and return Python floats and answer for zeros, infinities and NaN only."""

import math

from mpmath import mp

INF = math.inf
NAN = math.nan


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
