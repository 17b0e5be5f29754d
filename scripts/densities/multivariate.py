"""The multivariate families, as families.py has the univariate ones. Arguments are numbers, lists (vectors) or lists of rows (lower
triangles); each entry says which of them have partials, and its formula gives the log density and those partials at once."""

from mpmath import mpf
from running import LOG_2, LOG_2PI_HALF, LOG_PI, digamma, exp, lbeta, lgamma, lift, log, log1mexp, log1p, sigmoid, softplus, sqrt

half = mpf(1) / 2
MULTIVARIATE = {}


def family(name, args, partials, points):
    """Decorates the formula; `points` gives the event size K and the arguments."""

    def register(formula):
        MULTIVARIATE[name] = {"args": args, "partials": partials, "points": points, "formula": formula}
        return formula

    return register


def total(terms):
    s = lift(0)
    for t in terms:
        s = s + t
    return s


def times(c, x):
    return lift(0) if c.v == 0 else c * x


# ---- classes


def simplex(r, k):
    w = [r.choose(lambda: r.logarithmic(0.1, 1), lambda: r.logarithmic(1e-6, 1)) for _ in range(k)]
    return [r.round(x / sum(w)) for x in w]


def dirichlet_points(r):
    k = r.integer(2, 4)
    return k, [simplex(r, k), [r.choose(lambda: r.logarithmic(0.1, 20), lambda: r.logarithmic(1e-2, 1e4)) for _ in range(k)]]


@family("dirichlet", ["value", "concentration"], ["value", "concentration"], dirichlet_points)
def dirichlet(x, a):
    whole = total(a)
    lp = total((ai - 1) * log(xi) for xi, ai in zip(x, a)) + (lgamma(whole) - total(lgamma(ai) for ai in a))
    return lp, [(ai - 1) / xi for xi, ai in zip(x, a)], [log(xi) + (digamma(whole) - digamma(ai)) for xi, ai in zip(x, a)]


def multinomial_points(r):
    k = r.integer(2, 4)
    return k, [[float(r.integer(0, 9)) if r.integer(0, 3) else float(int(r.logarithmic(1, 1e5))) for _ in range(k)], simplex(r, k)]


@family("multinomial", ["value", "probabilities"], ["probabilities"], multinomial_points)
def multinomial(x, p):
    lp = total(times(xi, log(pi)) for xi, pi in zip(x, p))
    return lp + (lgamma(total(x) + 1) - total(lgamma(xi + 1) for xi in x)), [times(xi, 1 / pi) for xi, pi in zip(x, p)]


@family("categorical", ["value", "probabilities"], ["probabilities"], lambda r: (lambda k: (k, [float(r.integer(0, k - 1)), simplex(r, k)]))(r.integer(1, 4)))
def categorical(y, p):
    return log(p[int(y.v)]), [1 / pi if i == y.v else lift(0) for i, pi in enumerate(p)]


def logits(r, k):
    return [r.choose(lambda: r.both(1e-2, 3), lambda: r.both(1, 30), lambda: r.both(1, 600)) for _ in range(k)]


@family("categoricalLogit", ["value", "logits"], ["logits"], lambda r: (lambda k: (k, [float(r.integer(0, k - 1)), logits(r, k)]))(r.integer(1, 4)))
def categorical_logit(y, l):
    top = max(l, key=lambda t: t.v)
    weights = [exp(t - top) for t in l]
    whole = total(weights)
    return l[int(y.v)] - top - log(whole), [(1 if i == y.v else 0) - w / whole for i, w in enumerate(weights)]


def ordered_points(r):
    k = r.integer(1, 4)
    cuts = [r.both(1e-2, 5)]
    while len(cuts) < k:
        cuts.append(r.round(cuts[-1] + r.choose(lambda: r.logarithmic(0.1, 3), lambda: r.logarithmic(1e-4, 40))))
    if any(b <= a for a, b in zip(cuts, cuts[1:])):
        return ordered_points(r)
    return k, [float(r.integer(0, k)), r.choose(lambda: r.both(1e-2, 5), lambda: r.both(1, 100)), cuts]


@family("orderedLogistic", ["value", "location", "cutpoints"], ["location", "cutpoints"], ordered_points)
def ordered_logistic(y, eta, c):
    j = int(y.v)
    u = c[j] - eta if j < len(c) else None
    l = c[j - 1] - eta if j > 0 else None
    lp, deta, dc = lift(0), lift(0), [lift(0) for _ in c]
    if u:
        lp, deta, dc[j] = lp - softplus(-u), deta - sigmoid(-u), dc[j] + sigmoid(-u)
    if l:
        lp, deta, dc[j - 1] = lp - softplus(l), deta + sigmoid(l), dc[j - 1] - sigmoid(l)
    if u and l:
        e = exp(l - u)
        shared = e / (1 - e) if e.v < 0.5 else e / exp(log1mexp(l - u))
        lp, dc[j], dc[j - 1] = lp + log1mexp(l - u), dc[j] + shared, dc[j - 1] - shared
    return lp, [deta], dc


# ---- Gaussians


def triangle(r, k):
    return [[r.both(1e-2, 2) if j < i else r.logarithmic(0.05, 20) for j in range(i + 1)] for i in range(k)]


def gaussian_points(r):
    k = r.integer(1, 3)
    return k, [[r.both(1e-2, 10) for _ in range(k)], [r.both(1e-2, 10) for _ in range(k)], triangle(r, k)]


def whiten(x, loc, factor):
    z = []
    for i, row in enumerate(factor):
        z.append((x[i] - loc[i] - total(row[j] * z[j] for j in range(i))) / row[i])
    return z


def back(factor, z):
    w = [None] * len(z)
    for i in reversed(range(len(z))):
        w[i] = (z[i] - total(factor[j][i] * w[j] for j in range(i + 1, len(z)))) / factor[i][i]
    return w


def factor_partial(w, z, factor):
    return [w[i] * z[j] - (1 / factor[i][i] if i == j else 0) for i in range(len(z)) for j in range(i + 1)]


@family("multivariateNormal", ["value", "loc", "cholesky"], ["loc", "cholesky"], gaussian_points)
def multivariate_normal(x, loc, factor):
    z = whiten(x, loc, factor)
    w = back(factor, z)
    lp = -half * total(t * t for t in z) - total(log(row[-1]) for row in factor) - len(z) * LOG_2PI_HALF
    return lp, w, factor_partial(w, z, factor)


@family("multivariateNormalPrecision", ["value", "loc", "precisionCholesky"], ["loc", "precisionCholesky"], gaussian_points)
def multivariate_normal_precision(x, loc, factor):
    k = len(x)
    d = [a - b for a, b in zip(x, loc)]
    z = [total(factor[i][j] * d[i] for i in range(j, k)) for j in range(k)]
    w = [total(factor[i][j] * z[j] for j in range(i + 1)) for i in range(k)]
    lp = -half * total(t * t for t in z) + total(log(row[-1]) for row in factor) - k * LOG_2PI_HALF
    return lp, w, [(1 / factor[i][i] if i == j else 0) - d[i] * z[j] for i in range(k) for j in range(i + 1)]


def student_points(r):
    k, (x, loc, factor) = gaussian_points(r)
    return k, [x, r.choose(lambda: r.logarithmic(0.5, 50), lambda: r.logarithmic(0.1, 1e4)), loc, factor]


@family("multivariateStudentT", ["value", "df", "loc", "cholesky"], ["df", "loc", "cholesky"], student_points)
def multivariate_student(x, nu, loc, factor):
    k = len(x)
    z = whiten(x, loc, factor)
    q = total(t * t for t in z)
    s = (nu + k) / (nu + q)
    w = back(factor, [s * t for t in z])
    lp = -half * (nu + k) * log1p(q / nu) - total(log(row[-1]) for row in factor)
    lp = lp + (lgamma(lift(half * k)) - lbeta(nu * half, lift(half * k)) - half * k * (log(nu) + LOG_PI))
    dnu = half * (digamma((nu + k) * half) - digamma(nu * half) - k / nu - log1p(q / nu) + s * q / nu)
    return lp, [dnu], w, factor_partial(w, z, factor)


def low_rank_points(r):
    k, (x, loc, _) = gaussian_points(r)
    columns = r.integer(1, 2)
    factor = [[r.both(1e-2, 3) for _ in range(columns)] for _ in range(k)]
    return k, [x, loc, factor, [r.logarithmic(0.05, 20) for _ in range(k)]]


@family("multivariateNormalLowRank", ["value", "loc", "factor", "diagonal"], ["loc", "factor", "diagonal"], low_rank_points)
def multivariate_normal_low_rank(x, loc, w, diagonal):
    k, r = len(x), len(w[0])
    d = [a - b for a, b in zip(x, loc)]
    scaled = [[v / diagonal[i] for v in w[i]] for i in range(k)]
    m = [[(1 if i == j else 0) + total(scaled[l][i] * w[l][j] for l in range(k)) for j in range(r)] for i in range(r)]
    c = [[None] * r for _ in range(r)]
    for i in range(r):
        for j in range(i + 1):
            v = m[i][j] - total(c[i][l] * c[j][l] for l in range(j))
            c[i][j] = sqrt(v) if i == j else v / c[j][j]
    solve = lambda t: whiten(t, [lift(0)] * r, [row[: i + 1] for i, row in enumerate(c)])
    back_solve = lambda t: back(c, t)
    u = solve([total(scaled[l][i] * d[l] for l in range(k)) for i in range(r)])
    q = total(d[i] * d[i] / diagonal[i] for i in range(k)) - total(t * t for t in u)
    y = back_solve(u)
    g = [(d[i] - total(w[i][j] * y[j] for j in range(r))) / diagonal[i] for i in range(k)]
    lp = -half * q - total(log(c[i][i]) for i in range(r)) - half * total(log(v) for v in diagonal) - k * LOG_2PI_HALF
    dw, dd = [], []
    for i in range(k):
        t = solve(scaled[i])
        dd.append(half * (g[i] * g[i] - (1 / diagonal[i] - total(v * v for v in t))))
        t = back_solve(t)
        dw.append([g[i] * y[j] - t[j] for j in range(r)])
    return lp, g, [v for row in dw for v in row], dd


def lkj_points(r):
    k = r.integer(2, 4)
    rows = []
    for i in range(k):
        v = [r.both(1e-2, 1) for _ in range(i)] + [r.logarithmic(0.05, 2)]
        norm = sum(x * x for x in v) ** 0.5
        rows.append([r.round(x / norm) for x in v])
    return k, [rows, r.choose(lambda: r.logarithmic(0.5, 20), lambda: r.logarithmic(1e-2, 1e3))]


@family("lkjCholesky", ["value", "concentration"], ["value", "concentration"], lkj_points)
def lkj_cholesky(factor, eta):
    k = len(factor)
    diagonal = [log(factor[i][i]) for i in range(k)]
    power = [2 * eta + (k - i - 3) for i in range(k)]
    lp = total(power[i] * diagonal[i] for i in range(1, k))
    volumes = total(LOG_PI * (half * i) - lgamma(lift(half * i)) for i in range(1, k))
    lp = lp - (volumes + total(lbeta(eta + half * (k - 1 - i), lift(half * i)) for i in range(1, k)))
    slope = (k - 1) * digamma(eta + half * (k - 1)) - total(digamma(eta + half * (k - 1 - i)) for i in range(1, k))
    partial = [power[i] / factor[i][i] if i == j and i else lift(0) for i in range(k) for j in range(i + 1)]
    return lp, partial, [2 * total(diagonal[1:]) + slope]


def wishart_points(r):
    k = r.integer(1, 3)
    return k, [triangle(r, k), k - 1 + r.logarithmic(0.1, 100), triangle(r, k)]


@family("wishartCholesky", ["value", "df", "cholesky"], ["value", "df", "cholesky"], wishart_points)
def wishart_cholesky(c, nu, factor):
    k = len(c)
    b = [[None] * k for _ in range(k)]
    for i in range(k):
        for j in range(i + 1):
            b[i][j] = (c[i][j] - total(factor[i][l] * b[l][j] for l in range(j, i))) / factor[i][i]
    logs = [log(c[i][i]) for i in range(k)]
    scale_logs = total(log(row[-1]) for row in factor)
    lp = total((nu - (i + 1)) * logs[i] for i in range(k)) - half * total(b[i][j] * b[i][j] for i in range(k) for j in range(i + 1))
    fixed = k * LOG_2 - LOG_PI * (mpf(k * (k - 1)) / 4)
    arguments = [nu * half - half * i for i in range(k)]
    lp = lp + (fixed - (half * k * nu * LOG_2 + nu * scale_logs + total(lgamma(t) for t in arguments)))
    dnu = total(logs) - (half * k * LOG_2 + scale_logs + half * total(digamma(t) for t in arguments))
    g = [[None] * k for _ in range(k)]
    for i in reversed(range(k)):
        for j in range(i + 1):
            g[i][j] = (b[i][j] - total(factor[l][i] * g[l][j] for l in range(i + 1, k))) / factor[i][i]
    dc = [((nu - (i + 1)) / c[i][i] if i == j else lift(0)) - g[i][j] for i in range(k) for j in range(i + 1)]
    dl = [
        total(g[i][l] * b[j][l] for l in range(j + 1)) - (nu / factor[i][i] if i == j else 0)
        for i in range(k) for j in range(i + 1)
    ]
    return lp, dc, [dnu], dl
