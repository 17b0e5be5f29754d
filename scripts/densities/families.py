"""The univariate families: log density and partials as formulas over numbers with running error bounds (running.py), and where to
test them. Each entry: argument names, a generator of points, the log density, and the partials by name. The partials are checked
against derivatives of the log density by mpmath before anything is written."""

from math import inf

from mpmath import mp, mpf
from running import (
    LOG_2, LOG_2PI_HALF, LOG_PI, bessel_ratio, cos, digamma, exp, expm1, fabs, lbeta, lgamma, lift, log, log1mexp, log1p, log_bessel_i0, log_ndtr, mills,
    sigmoid, sin, softplus,
)

half = mpf(1) / 2
FAMILIES = {}


def family(name, args, points, partials):
    """Decorates the log density; `partials` maps argument names to formulas of the same arguments."""

    def register(density):
        FAMILIES[name] = {"args": args, "points": points, "density": density, "partials": partials}
        return density

    return register


# ---- where to test: r draws numbers (see generate.py)


def loc_scale(r):
    scale = r.choose(lambda: r.logarithmic(1e-3, 1e3), lambda: r.logarithmic(1e-8, 1e8))
    loc = r.choose(lambda: 0.0, lambda: r.both(1e-2, 1e3), lambda: scale * r.both(0.1, 10))
    z = r.choose(lambda: r.both(1e-6, 1), lambda: r.both(0.1, 30), lambda: r.both(1, 1e6))
    return [loc + z * scale, loc, scale]


def half_scale(r):
    scale = r.choose(lambda: r.logarithmic(1e-3, 1e3), lambda: r.logarithmic(1e-8, 1e8))
    return [scale * r.choose(lambda: r.logarithmic(1e-6, 1), lambda: r.logarithmic(0.1, 30), lambda: r.logarithmic(1, 1e6)), scale]


def df(r):
    return r.choose(lambda: r.logarithmic(0.5, 50), lambda: r.logarithmic(1e-2, 1e5))


def positive_value(r):
    """Of order one, mostly; some from afar."""
    return r.choose(lambda: r.logarithmic(0.05, 20), lambda: r.logarithmic(1e-6, 1e6))


def unit(r):
    return r.choose(lambda: r.linear(0.01, 0.99), lambda: r.logarithmic(1e-12, 0.1), lambda: 1 - r.logarithmic(1e-6, 0.1))


def count(r, high=1e6):
    return r.choose(lambda: float(r.integer(0, 12)), lambda: float(int(r.logarithmic(1, high))))


def logit(r):
    return r.choose(lambda: r.both(1e-3, 5), lambda: r.both(1, 40), lambda: r.both(10, 600))


# ---- location and scale


def z_of(x, loc, scale):
    return (x - loc) / scale


def scaled(g, scale_partial):
    """Partials of a location-scale family from g(z) = f'(z) and −(1 + g z)."""
    return {
        "value": lambda x, m, s: g(z_of(x, m, s)) / s,
        "loc": lambda x, m, s: -g(z_of(x, m, s)) / s,
        "scale": lambda x, m, s: scale_partial(z_of(x, m, s)) / s,
    }


LOC_SCALE = ["value", "loc", "scale"]


@family("normal", LOC_SCALE, loc_scale, scaled(lambda z: -z, lambda z: z * z - 1))
def normal(x, m, s):
    z = z_of(x, m, s)
    return -half * z * z - log(s) - LOG_2PI_HALF


@family("cauchy", LOC_SCALE, loc_scale, scaled(lambda z: -2 * z / (1 + z * z), lambda z: 1 - 2 / (1 + z * z)))
def cauchy(x, m, s):
    z = z_of(x, m, s)
    return -log1p(z * z) - log(s) - LOG_PI


@family("laplace", LOC_SCALE, loc_scale, scaled(lambda z: lift(-mp.sign(z.v)), lambda z: fabs(z) - 1))
def laplace(x, m, s):
    return -fabs(z_of(x, m, s)) - log(s) - LOG_2


def tanh_half(z):
    t = expm1(-fabs(z))
    return lift(mp.sign(z.v)) * (-t / (2 + t))


@family("logistic", LOC_SCALE, loc_scale, scaled(lambda z: -tanh_half(z), lambda z: z * tanh_half(z) - 1))
def logistic(x, m, s):
    z = fabs(z_of(x, m, s))
    return -z - 2 * softplus(-z) - log(s)


def gumbel_points(r):
    x, loc, scale = loc_scale(r)
    z = r.choose(lambda: r.both(1e-6, 5), lambda: r.linear(-6, 30), lambda: r.logarithmic(1, 1e6))
    return [loc + z * scale, loc, scale]


@family("gumbel", LOC_SCALE, gumbel_points, scaled(lambda z: expm1(-z), lambda z: -(1 + z * expm1(-z))))
def gumbel(x, m, s):
    z = z_of(x, m, s)
    return -(z + exp(-z)) - log(s)


@family("halfNormal", ["value", "scale"], half_scale, {
    "value": lambda x, s: -(x / s) / s,
    "scale": lambda x, s: ((x / s) * (x / s) - 1) / s,
})
def half_normal(x, s):
    z = x / s
    return -half * z * z - log(s) - LOG_2PI_HALF + LOG_2


@family("halfCauchy", ["value", "scale"], half_scale, {
    "value": lambda x, s: -2 * (x / s) / (1 + (x / s) * (x / s)) / s,
    "scale": lambda x, s: (1 - 2 / (1 + (x / s) * (x / s))) / s,
})
def half_cauchy(x, s):
    z = x / s
    return -log1p(z * z) - log(s) - LOG_PI + LOG_2


def student_points(r):
    x, loc, scale = loc_scale(r)
    return [x, df(r), loc, scale]


def student_normalizer(nu):
    return -lbeta(nu * half, lift(half)) - half * log(nu)


def student_q(nu, z):
    return z * z / nu


STUDENT = {
    "value": lambda nu, z, s: -(nu + 1) / nu * z / (1 + student_q(nu, z)) / s,
    "df": lambda nu, z, s: half * (digamma((nu + 1) * half) - digamma(nu * half) - 1 / nu - log1p(student_q(nu, z))
                                   + (nu + 1) / nu * (1 - 1 / (1 + student_q(nu, z)))),
    "scale": lambda nu, z, s: ((nu + 1) * (student_q(nu, z) / (1 + student_q(nu, z))) - 1) / s,
}


@family("studentT", ["value", "df", "loc", "scale"], student_points, {
    "value": lambda x, nu, m, s: STUDENT["value"](nu, z_of(x, m, s), s),
    "df": lambda x, nu, m, s: STUDENT["df"](nu, z_of(x, m, s), s),
    "loc": lambda x, nu, m, s: -STUDENT["value"](nu, z_of(x, m, s), s),
    "scale": lambda x, nu, m, s: STUDENT["scale"](nu, z_of(x, m, s), s),
})
def student_t(x, nu, m, s):
    return -(nu + 1) * half * log1p(student_q(nu, z_of(x, m, s))) + student_normalizer(nu) - log(s)


@family("halfStudentT", ["value", "df", "scale"], lambda r: (lambda x, s: [x, df(r), s])(*half_scale(r)), {
    "value": lambda x, nu, s: STUDENT["value"](nu, x / s, s),
    "df": lambda x, nu, s: STUDENT["df"](nu, x / s, s),
    "scale": lambda x, nu, s: STUDENT["scale"](nu, x / s, s),
})
def half_student_t(x, nu, s):
    return -(nu + 1) * half * log1p(student_q(nu, x / s)) + student_normalizer(nu) - log(s) + LOG_2


def skew_points(r):
    x, loc, scale = loc_scale(r)
    return [loc + r.choose(lambda: r.both(1e-3, 4), lambda: r.both(1, 100)) * scale, loc, scale, r.both(1e-2, 30)]


def skew_g(z, a):
    return -z + a * mills(a * z)


@family("skewNormal", ["value", "loc", "scale", "shape"], skew_points, {
    "value": lambda x, m, s, a: skew_g(z_of(x, m, s), a) / s,
    "loc": lambda x, m, s, a: -skew_g(z_of(x, m, s), a) / s,
    "scale": lambda x, m, s, a: -(1 + skew_g(z_of(x, m, s), a) * z_of(x, m, s)) / s,
    "shape": lambda x, m, s, a: mills(a * z_of(x, m, s)) * z_of(x, m, s),
})
def skew_normal(x, m, s, a):
    z = z_of(x, m, s)
    return -half * z * z + log_ndtr(a * z) - log(s) - LOG_2PI_HALF + LOG_2


def truncated_points(r):
    loc, scale = r.both(1e-2, 10), r.logarithmic(1e-2, 100)
    a = r.choose(lambda: r.linear(-5, 4), lambda: r.linear(-5, 2), lambda: r.linear(2, 20), lambda: r.linear(-25, -10))
    width = r.choose(lambda: r.logarithmic(0.1, 10), lambda: r.logarithmic(0.01, 40))
    low, high = r.round(loc + a * scale), r.round(loc + (a + width) * scale)
    side = r.integer(0, 5)
    if side == 0:
        low = -inf
    if side == 1:
        high = inf
    x = r.linear(max(low, loc - 6 * scale, -1e300), min(high, loc + 6 * scale))
    if not low < x < high:
        x = r.linear(low if low > -inf else high - scale, high if high < inf else low + scale)
    return [x, loc, scale, low, high]


def clamp(x):
    return lift(mp.sign(x.v) * 1e10) if abs(x.v) > 1e10 else x


def log_interval(a, b):
    """log(Φ(b) − Φ(a))"""
    if a.v + b.v > 0:
        a, b = -b, -a
    lb = log_ndtr(b)
    return lb + log1mexp(log_ndtr(a) - lb)


def truncated(x, m, s, low, high):
    a, b = clamp((low - m) / s), clamp((high - m) / s)
    log_z = log_interval(a, b)
    edge = lambda t: exp(-half * t * t - LOG_2PI_HALF - log_z)
    return a, b, edge(a), edge(b), log_z


def truncated_scale(x, m, s, low, high):
    a, b, pa, pb, _ = truncated(x, m, s, low, high)
    z = z_of(x, m, s)
    return (z * z - 1) / s + (b * pb - a * pa) / s


@family("truncatedNormal", ["value", "loc", "scale", "low", "high"], truncated_points, {
    "value": lambda x, m, s, low, high: -z_of(x, m, s) / s,
    "loc": lambda *t: z_of(*t[:3]) / t[2] + (truncated(*t)[3] - truncated(*t)[2]) / t[2],
    "scale": truncated_scale,
    "low": lambda *t: truncated(*t)[2] / t[2],
    "high": lambda *t: -truncated(*t)[3] / t[2],
})
def truncated_normal(x, m, s, low, high):
    z = z_of(x, m, s)
    return -half * z * z - log(s) - LOG_2PI_HALF - truncated(x, m, s, low, high)[4]


# ---- intervals and the circle


def uniform_points(r):
    low = r.both(1e-3, 1e3)
    high = low + r.logarithmic(1e-3, 1e4)
    return [r.linear(low, high), low, high]


@family("uniform", ["value", "low", "high"], uniform_points, {
    "value": lambda x, a, b: lift(0),
    "low": lambda x, a, b: 1 / (b - a),
    "high": lambda x, a, b: -1 / (b - a),
})
def uniform(x, a, b):
    return -log(b - a)


def beta_points(r):
    shape = lambda: r.choose(lambda: r.logarithmic(0.1, 20), lambda: r.logarithmic(1e-3, 1e5))
    return [unit(r), shape(), shape()]


@family("beta", ["value", "alpha", "beta"], beta_points, {
    "value": lambda x, a, b: (a - 1) / x - (b - 1) / (1 - x),
    "alpha": lambda x, a, b: log(x) + (digamma(a + b) - digamma(a)),
    "beta": lambda x, a, b: log1p(-x) + (digamma(a + b) - digamma(b)),
})
def beta(x, a, b):
    return (a - 1) * log(x) + (b - 1) * log1p(-x) - lbeta(a, b)


def kumaraswamy_points(r):
    return [unit(r), r.logarithmic(1e-2, 100), r.logarithmic(1e-2, 100)]


def kumaraswamy_odds(x, a):
    u = a * log(x)
    return exp(u) / -expm1(u)


@family("kumaraswamy", ["value", "alpha", "beta"], kumaraswamy_points, {
    "value": lambda x, a, b: ((a - 1) - (b - 1) * a * kumaraswamy_odds(x, a)) / x,
    "alpha": lambda x, a, b: 1 / a + log(x) * (1 - (b - 1) * kumaraswamy_odds(x, a)),
    "beta": lambda x, a, b: 1 / b + log1mexp(a * log(x)),
})
def kumaraswamy(x, a, b):
    return (a - 1) * log(x) + (b - 1) * log1mexp(a * log(x)) + log(a) + log(b)


def von_mises_points(r):
    loc = r.both(1e-2, 3)
    kappa = r.choose(lambda: r.logarithmic(1e-2, 50), lambda: r.logarithmic(1e-4, 1e5))
    return [loc + r.choose(lambda: r.linear(-3.1, 3.1), lambda: r.both(1e-6, 3), lambda: r.both(0.1, 3) / max(kappa, 1) ** 0.5), loc, kappa]


@family("vonMises", ["value", "loc", "concentration"], von_mises_points, {
    "value": lambda x, m, k: -k * (2 * sin((x - m) * half) * cos((x - m) * half)),
    "loc": lambda x, m, k: k * (2 * sin((x - m) * half) * cos((x - m) * half)),
    "concentration": lambda x, m, k: (1 - bessel_ratio(k)) - 2 * sin((x - m) * half) * sin((x - m) * half),
})
def von_mises(x, m, k):
    s = sin((x - m) * half)
    return -2 * k * s * s + (k - log_bessel_i0(k)) - (LOG_2 + LOG_PI)


# ---- the positive half line


@family("logNormal", LOC_SCALE, lambda r: [positive_value(r), r.both(1e-2, 10), r.logarithmic(1e-2, 1e2)], {
    "value": lambda x, m, s: -((log(x) - m) / s / s + 1) / x,
    "loc": lambda x, m, s: (log(x) - m) / s / s,
    "scale": lambda x, m, s: ((log(x) - m) / s * ((log(x) - m) / s) - 1) / s,
})
def log_normal(x, m, s):
    z = (log(x) - m) / s
    return -half * z * z - log(x) - log(s) - LOG_2PI_HALF


@family("exponential", ["value", "rate"], lambda r: [positive_value(r), r.logarithmic(1e-4, 1e4)], {
    "value": lambda x, rate: -rate,
    "rate": lambda x, rate: 1 / rate - x,
})
def exponential(x, rate):
    return -rate * x + log(rate)


def gamma_points(r):
    shape, rate = r.choose(lambda: r.logarithmic(0.1, 50), lambda: r.logarithmic(1e-3, 1e5)), r.logarithmic(1e-3, 1e3)
    centre = max(shape, 0.05) / rate
    return [centre * r.choose(lambda: r.logarithmic(0.3, 3), lambda: r.logarithmic(1e-3, 30)), shape, rate]


@family("gamma", ["value", "shape", "rate"], gamma_points, {
    "value": lambda x, a, b: (a - 1) / x - b,
    "shape": lambda x, a, b: log(x) + (log(b) - digamma(a)),
    "rate": lambda x, a, b: a / b - x,
})
def gamma(x, a, b):
    return (a - 1) * log(x) - b * x + (a * log(b) - lgamma(a))


def inverse_gamma_points(r):
    x, shape, rate = gamma_points(r)
    return [1 / x, shape, rate]


@family("inverseGamma", ["value", "shape", "scale"], inverse_gamma_points, {
    "value": lambda x, a, b: (b / x - (a + 1)) / x,
    "shape": lambda x, a, b: log(b) - digamma(a) - log(x),
    "scale": lambda x, a, b: a / b - 1 / x,
})
def inverse_gamma(x, a, b):
    return -(a + 1) * log(x) - b / x + (a * log(b) - lgamma(a))


@family("chiSquare", ["value", "df"], lambda r: (lambda n: [n * r.logarithmic(1e-2, 10), n])(df(r)), {
    "value": lambda x, n: (n * half - 1) / x - half,
    "df": lambda x, n: half * log(x) - half * (LOG_2 + digamma(n * half)),
})
def chi_square(x, n):
    return (n * half - 1) * log(x) - x * half - (half * n * LOG_2 + lgamma(n * half))


def weibull_points(r):
    shape, scale = r.logarithmic(0.05, 50), r.logarithmic(1e-4, 1e4)
    u = r.choose(lambda: r.both(1e-3, 1), lambda: r.linear(-20, 2), lambda: r.linear(-5, 4))
    return [scale * 2.0 ** (u / shape), shape, scale]


def weibull_u(x, s):
    return log(x) - log(s)


@family("weibull", ["value", "shape", "scale"], weibull_points, {
    "value": lambda x, k, s: (k - 1 - k * exp(k * weibull_u(x, s))) / x,
    "shape": lambda x, k, s: 1 / k + weibull_u(x, s) * (1 - exp(k * weibull_u(x, s))),
    "scale": lambda x, k, s: k / s * (exp(k * weibull_u(x, s)) - 1),
})
def weibull(x, k, s):
    u = weibull_u(x, s)
    return (k - 1) * u - exp(k * u) + log(k) - log(s)


def pareto_points(r):
    minimum = r.logarithmic(1e-4, 1e4)
    return [minimum * (1 + r.logarithmic(1e-3, 1e4)), minimum, r.logarithmic(1e-2, 1e2)]


@family("pareto", ["value", "minimum", "shape"], pareto_points, {
    "value": lambda x, m, a: -(a + 1) / x,
    "minimum": lambda x, m, a: a / m,
    "shape": lambda x, m, a: 1 / a + (log(m) - log(x)),
})
def pareto(x, m, a):
    return a * (log(m) - log(x)) - log(x) + log(a)


def inverse_gaussian_points(r):
    mean = r.logarithmic(1e-2, 1e2)
    return [mean * r.choose(lambda: r.logarithmic(0.1, 10), lambda: r.logarithmic(1e-3, 1e3)), mean, r.logarithmic(1e-2, 1e3)]


def inverse_gaussian_h(x, m):
    d = (x - m) / m
    return d * d / x


@family("inverseGaussian", ["value", "mean", "shape"], inverse_gaussian_points, {
    "value": lambda x, m, l: -(mpf(3) / 2 + half * l * ((x - m) / m) * (1 / m + 1 / x)) / x,
    "mean": lambda x, m, l: l * ((x - m) / m) / m / m,
    "shape": lambda x, m, l: half * (1 / l - inverse_gaussian_h(x, m)),
})
def inverse_gaussian(x, m, l):
    return -(mpf(3) / 2 * log(x) + half * l * inverse_gaussian_h(x, m)) + (half * log(l) - LOG_2PI_HALF)


# ---- counts


def times(c, x):
    return lift(0) if c.v == 0 else c * x


def log_choose(n, k):
    return -(log(n + 1) + lbeta(n - k + 1, k + 1))


def log_multisets(k, phi):
    return -(lbeta(phi, k + 1) + log(k + phi))


def probability(r):
    return r.choose(lambda: r.linear(0.02, 0.98), lambda: r.logarithmic(1e-9, 0.1), lambda: 1 - r.logarithmic(1e-6, 0.1))


@family("bernoulli", ["value", "probability"], lambda r: [float(r.integer(0, 1)), probability(r)], {
    "probability": lambda y, p: 1 / p if y.v else -1 / (1 - p),
})
def bernoulli(y, p):
    return log(p) if y.v else log1p(-p)


@family("bernoulliLogit", ["value", "logit"], lambda r: [float(r.integer(0, 1)), logit(r)], {
    "logit": lambda y, t: sigmoid(-t) if y.v else -sigmoid(t),
})
def bernoulli_logit(y, t):
    return -softplus(-t) if y.v else -softplus(t)


def trials(r):
    n = r.choose(lambda: float(r.integer(1, 20)), lambda: float(int(r.logarithmic(1, 1e5))))
    return n, r.choose(lambda: float(r.integer(0, int(n))), lambda: float(r.integer(0, 1)) * n)


@family("binomial", ["value", "total", "probability"], lambda r: (lambda n, k: [k, n, probability(r)])(*trials(r)), {
    "probability": lambda k, n, p: times(k, 1 / p) - times(n - k, 1 / (1 - p)),
})
def binomial(k, n, p):
    return times(k, log(p)) + times(n - k, log1p(-p)) + log_choose(n, k)


@family("binomialLogit", ["value", "total", "logit"], lambda r: (lambda n, k: [k, n, logit(r)])(*trials(r)), {
    "logit": lambda k, n, t: k * sigmoid(-t) - (n - k) * sigmoid(t),
})
def binomial_logit(k, n, t):
    return -(times(k, softplus(-t)) + times(n - k, softplus(t))) + log_choose(n, k)


@family("geometric", ["value", "probability"], lambda r: [count(r), probability(r)], {
    "probability": lambda k, p: 1 / p - times(k, 1 / (1 - p)),
})
def geometric(k, p):
    return times(k, log1p(-p)) + log(p)


def poisson_points(r):
    k = count(r)
    return [k, max(k, 0.3) * r.choose(lambda: r.logarithmic(0.5, 2), lambda: r.logarithmic(1e-6, 1e3))]


@family("poisson", ["value", "rate"], poisson_points, {"rate": lambda k, rate: (k - rate) / rate})
def poisson(k, rate):
    return times(k, log(rate)) - rate - lgamma(k + 1)


def poisson_log_points(r):
    k, rate = poisson_points(r)
    return [k, float(mp.log(rate))]


@family("poissonLog", ["value", "logRate"], poisson_log_points, {"logRate": lambda k, eta: k - exp(eta)})
def poisson_log(k, eta):
    return k * eta - exp(eta) - lgamma(k + 1)


def negative_binomial_points(r):
    k, mean = poisson_points(r)
    return [k, mean, r.choose(lambda: r.logarithmic(0.1, 100), lambda: r.logarithmic(1e-3, 1e6))]


@family("negativeBinomial", ["value", "mean", "dispersion"], negative_binomial_points, {
    "mean": lambda k, m, f: (k - m) / (m + f) * (f / m),
    "dispersion": lambda k, m, f: digamma(k + f) - digamma(f) - log1p(m / f) - (k - m) / (m + f),
})
def negative_binomial(k, m, f):
    return log_multisets(k, f) - times(k, log1p(f / m)) - f * log1p(m / f)


def negative_binomial_log_points(r):
    k, mean, f = negative_binomial_points(r)
    return [k, float(mp.log(mean)), f]


@family("negativeBinomialLog", ["value", "logMean", "dispersion"], negative_binomial_log_points, {
    "logMean": lambda k, e, f: k * sigmoid(log(f) - e) - f * sigmoid(e - log(f)),
    "dispersion": lambda k, e, f: digamma(k + f) - digamma(f) - softplus(e - log(f)) + sigmoid(e - log(f))
    - k / f * sigmoid(log(f) - e),
})
def negative_binomial_log(k, e, f):
    return log_multisets(k, f) - k * softplus(log(f) - e) - f * softplus(e - log(f))


def beta_binomial_points(r):
    n, k = trials(r)
    return [k, n, r.logarithmic(1e-2, 1e3), r.logarithmic(1e-2, 1e3)]


@family("betaBinomial", ["value", "total", "alpha", "beta"], beta_binomial_points, {
    "alpha": lambda k, n, a, b: digamma(k + a) - digamma(a) + (digamma(a + b) - digamma(n + a + b)),
    "beta": lambda k, n, a, b: digamma(n - k + b) - digamma(b) + (digamma(a + b) - digamma(n + a + b)),
})
def beta_binomial(k, n, a, b):
    return lbeta(k + a, n - k + b) - lbeta(a, b) + log_choose(n, k)
