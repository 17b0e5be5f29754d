# Writes test/loo-reference.txt, one line of JSON a case, with what arviz-stats computes: fits of the generalised Pareto distribution, smoothed
# weights, cumulative distances, and leave-one-out of a linear regression, for exact draws and for draws of a displaced approximation with its correction.
# Sizes are such that 3 sqrt(S) is an integer: arviz-stats rounds the length of the tail down, the paper (and this library) up.
# Run: pip install arviz-stats scipy && python3 test/loo-reference.py
import json, os, warnings
import numpy as np
from scipy import stats
from arviz_stats.base import array_stats

warnings.simplefilter("ignore")
rng = np.random.default_rng(20241)
lines = []
short = lambda x: np.round(x, 6)
def put(**case):
    lines.append(json.dumps({k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in case.items()}))

for k in (-0.6, -0.1, 0.2, 0.5, 0.7, 1.0, 1.8):
    for n in (12, 60, 190):
        x = np.sort(short(stats.genpareto.rvs(k, scale=0.7, size=n, random_state=rng)) + 1e-6)
        kappa, sigma = array_stats._gpdfit(x)
        put(kind="pareto", x=x, k=float(kappa), sigma=float(sigma))

for name, logratios in (
    ("gaussian, narrow", 0.35 * rng.normal(size=400) ** 2),
    ("exponential tail", 0.6 * rng.exponential(size=400)),
    ("heavy tail", 1.2 * rng.exponential(size=900) - 300),
    ("bounded", -rng.normal(size=225) ** 2),
):
    logratios = short(logratios)
    logweights, k = array_stats.psislw(-logratios)
    put(kind="psis", name=name, logRatios=logratios, logWeights=logweights, k=float(k))

# y = X beta + noise of sd 1, beta ~ N(0, I).
S, N = 400, 8
X = np.column_stack([np.ones(N), short(rng.normal(size=N))])
y = short(X @ np.array([0.5, -1.0]) + rng.normal(size=N))
y[-1] += 2.5
V = np.linalg.inv(X.T @ X + np.eye(2))
m = V @ X.T @ y
def joint(b): return stats.norm.logpdf(y, b @ X.T, 1).sum(1) + stats.norm.logpdf(b).sum(1)
for name, mean, cov in (("exact", m, V), ("displaced", m + 0.3 * np.sqrt(np.diag(V)), 1.2 * V)):
    beta = rng.multivariate_normal(mean, cov, size=S)
    loglik = short(stats.norm.logpdf(y, beta @ X.T, 1))
    ratios = short(joint(beta) - stats.multivariate_normal.logpdf(beta, mean, cov))
    elpd, khat, ploo, fitted = [], [], [], []
    for i in range(N):
        if name == "exact": e, k, p = array_stats.loo(loglik[None, :, i], chain_axis=0, draw_axis=1, r_eff=1.0)
        else: e, k, p = array_stats.loo_approximate_posterior(loglik[None, :, i], ratios[None, :], 0 * ratios[None, :], chain_axis=0, draw_axis=1)
        elpd.append(float(e)); khat.append(float(k)); ploo.append(float(p))
    total, se, p_total, _ = array_stats.loo_summary(np.array(elpd), np.array(ploo))
    put(kind="loo", name=name, X=X.ravel(), y=y, draws=S, values=loglik.ravel(), logRatios=ratios, elpd=elpd, k=khat,
        pLoo=float(p_total), total=float(total), se=float(se))

for spread in (0.02, 0.5):
    x = short(rng.gamma(2.0, size=150))
    w = np.exp(short(spread * rng.normal(size=150) + spread * x))
    w = w / w.sum()
    put(kind="distance", x=x, weights=w, distance=float(max(array_stats._cjs_dist(x, w), array_stats._cjs_dist(-x, w))))

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "loo-reference.txt"), "w") as f:
    f.write("\n".join(lines) + "\n")
