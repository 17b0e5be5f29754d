"""Numbers that carry a running error bound: `v` to many digits, and `m` such that evaluating the same formula in doubles is off by
about m·2^-53 to first order (Higham, Accuracy and Stability of Numerical Algorithms, section 3.3). A given number counts as one
ULP uncertain, so m/|v| is also at least the condition number of the value in its arguments."""

from mpmath import mp, mpf


class Running:
    def __init__(self, v, m=0):
        self.v, self.m = mpf(v), mpf(m)

    def __add__(self, o):
        o = lift(o)
        if o.m == 0 and o.v == 0:
            return self
        v = self.v + o.v
        return Running(v, self.m + o.m + abs(v))

    __radd__ = __add__

    def __neg__(self):
        return Running(-self.v, self.m)

    def __sub__(self, o):
        return self + (-lift(o))

    def __rsub__(self, o):
        return lift(o) + (-self)

    def __mul__(self, o):
        o = lift(o)
        v = self.v * o.v
        return Running(v, abs(self.v) * o.m + abs(o.v) * self.m + abs(v))

    __rmul__ = __mul__

    def __truediv__(self, o):
        o = lift(o)
        v = self.v / o.v
        return Running(v, self.m / abs(o.v) + abs(v) * o.m / abs(o.v) + abs(v))

    def __rtruediv__(self, o):
        return lift(o) / self


def lift(x):
    return x if isinstance(x, Running) else Running(x)


def given(x):
    """An argument."""
    return Running(x, abs(mpf(x)))


def function(f, derivative):
    def apply(x):
        x = lift(x)
        v = mpf(f(x.v))
        m = x.m * abs(derivative(x.v)) if x.m else mpf(0)
        return Running(v, m + abs(v))

    return apply


log = function(mp.log, lambda x: 1 / x)
log1p = function(lambda x: mp.log1p(x), lambda x: 1 / (1 + x))
exp = function(mp.exp, mp.exp)
expm1 = function(mp.expm1, mp.exp)
sqrt = function(mp.sqrt, lambda x: 1 / (2 * mp.sqrt(x)))
sin = function(mp.sin, mp.cos)
cos = function(mp.cos, mp.sin)
lgamma = function(mp.loggamma, mp.digamma)
digamma = function(mp.digamma, lambda x: mp.psi(1, x))
sigmoid = function(lambda x: 1 / (1 + mp.exp(-x)), lambda x: mp.exp(-x) / (1 + mp.exp(-x)) ** 2)
softplus = function(lambda x: mp.log1p(mp.exp(x)) if x < 0 else x + mp.log1p(mp.exp(-x)), lambda x: 1 / (1 + mp.exp(-x)))
log1mexp = function(lambda x: mp.log(-mp.expm1(x)), lambda x: 1 / mp.expm1(-x))


def log_ndtr_value(x):
    if x < 0:
        return mp.log(mp.erfc(-x / mp.sqrt(2)) / 2)
    return mp.log1p(-mp.erfc(x / mp.sqrt(2)) / 2)


def mills_value(x):
    """φ(x)/Φ(x)"""
    return mp.exp(-x * x / 2 - log_ndtr_value(x)) / mp.sqrt(2 * mp.pi)


log_ndtr = function(log_ndtr_value, mills_value)
mills = function(mills_value, lambda x: mills_value(x) * (x + mills_value(x)))


def bessel_ratio_value(x):
    return mp.besseli(1, x) / mp.besseli(0, x)


bessel_ratio = function(bessel_ratio_value, lambda x: 1 - bessel_ratio_value(x) / x - bessel_ratio_value(x) ** 2)
log_bessel_i0 = function(lambda x: mp.log(mp.besseli(0, x)), bessel_ratio_value)


def fabs(x):
    x = lift(x)
    return Running(abs(x.v), x.m)


def lbeta(a, b):
    """As one function: no term larger than the value and its conditioning."""
    a, b = lift(a), lift(b)
    v = mp.loggamma(a.v) + mp.loggamma(b.v) - mp.loggamma(a.v + b.v)
    both = mp.digamma(a.v + b.v)
    m = a.m * abs(mp.digamma(a.v) - both) + b.m * abs(mp.digamma(b.v) - both)
    return Running(v, m + 2 * abs(v))


LOG_2PI_HALF = Running(mp.log(2 * mp.pi) / 2, mp.log(2 * mp.pi) / 2)
LOG_2 = Running(mp.log(2), mp.log(2))
LOG_PI = Running(mp.log(mp.pi), mp.log(mp.pi))
