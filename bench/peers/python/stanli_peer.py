"""stanli, an interpreter of Stan: log density and gradient are its, float64; the loop around them (draws, pull-back, Adam) is NumPy, as its
Python package has no variational algorithm. The step is that of bench/baseline.ts."""

import importlib.metadata

from contest import BETA1, BETA2, EFFECT, EPSILON, ERROR, RATE, TOY, read_workload, serve

import numpy as np
import stanli

workload = read_workload()
D, S = workload.dimension, workload.draws

# target += with _lpdf keeps the normalisers; HalfCauchy is twice a Cauchy; the Jacobian of tau is Stan's.
PROGRAMS = {
    "toy": """data { vector[3] x; } parameters { vector[3] z; }
        model { target += std_normal_lpdf(z) + normal_lpdf(x | z, 1); }""",
    "schools": """data { vector[8] y; vector[8] error; }
        parameters { real mu; real<lower=0> tau; vector[8] effect; }
        model {
          target += normal_lpdf(mu | 0, 5) + cauchy_lpdf(tau | 0, 5) + log(2) + std_normal_lpdf(effect);
          target += normal_lpdf(y | mu + tau * effect, error);
        }""",
    "logistic": """data { int N; int D; matrix[N, D] x; array[N] int y; } parameters { vector[D] beta; }
        model { target += std_normal_lpdf(beta) + bernoulli_logit_glm_lpmf(y | x, 0, beta); }""",
}
DATA = {
    "toy": lambda: {"x": TOY},
    "schools": lambda: {"y": EFFECT, "error": ERROR},
    "logistic": lambda: {"N": workload.rows, "D": D, "x": workload.x, "y": workload.y.astype(int)},
}
model = stanli.Model(stan_code=PROGRAMS[workload.model], data=DATA[workload.model]())
entropy = D * (0.5 + 0.5 * np.log(2 * np.pi))
strict = np.tril_indices(D, -1)


class Fit:
    def __init__(self, fed):
        self.fed = fed
        self.taken = 0
        self.random = np.random.default_rng(1)
        n = 2 * D + (len(strict[0]) if workload.full else 0)
        self.values = np.zeros(n)
        self.values[D : 2 * D] = workload.log_scale
        self.first, self.second = np.zeros(n), np.zeros(n)
        self.lower = np.zeros((D, D))

    def step(self):
        eps = self.random.standard_normal((S, D)) if self.fed is None else self.fed[self.taken]
        self.taken += 1
        location, omega = self.values[:D], self.values[D : 2 * D]
        scale = np.exp(omega)
        z = location + scale * eps
        if workload.full:
            self.lower[strict] = self.values[2 * D :]
            z = z + eps @ self.lower.T
        value, pathwise = 0.0, np.empty((S, D))
        for s in range(S):
            density, pathwise[s] = model.log_prob_grad(z[s])
            value += density
        gradient = [pathwise.mean(0), (pathwise * eps).mean(0) * scale + 1]
        if workload.full:
            gradient.append((pathwise.T @ eps / S)[strict])
        g = np.concatenate(gradient)
        self.first = BETA1 * self.first + (1 - BETA1) * g
        self.second = BETA2 * self.second + (1 - BETA2) * g * g
        elbo = value / S + entropy + omega.sum()
        correction = 1 - BETA2**self.taken
        self.values += RATE / (1 - BETA1**self.taken) * self.first / (np.sqrt(self.second / correction) + EPSILON)
        return elbo

    def run(self, steps):
        for _ in range(steps):
            elbo = self.step()
        return elbo

    def parameters(self):
        return self.values


serve(importlib.metadata.version("stanli"), workload, Fit)
