"""NumPyro, float64: SVI with an automatic Gaussian guide, Adam and Trace_ELBO, many steps in one compiled loop. The guides' constraints are set to
the exponential, so that the path is ours. The entropy is by Monte Carlo at reparameterised draws, which gives the gradient of the
closed form and another estimate of the ELBO. While a fit is fed, the function that draws normals is replaced."""

from contest import BETA1, BETA2, EFFECT, EPSILON, ERROR, RATE, TOY, read_workload, serve

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro.distributions import constraints
from numpyro.infer import SVI, Trace_ELBO, init_to_value
from numpyro.infer.autoguide import AutoDiagonalNormal, AutoMultivariateNormal

jax.config.update("jax_enable_x64", True)
workload = read_workload()
D, S = workload.dimension, workload.draws


class Diagonal(AutoDiagonalNormal):
    scale_constraint = constraints.positive


class Full(AutoMultivariateNormal):
    scale_tril_constraint = constraints.lower_cholesky


def toy():
    z = numpyro.sample("z", dist.Normal(jnp.zeros(3), 1).to_event(1))
    numpyro.sample("x", dist.Normal(z, 1).to_event(1), obs=TOY)


def schools():
    mu = numpyro.sample("mu", dist.Normal(0, 5))
    tau = numpyro.sample("tau", dist.HalfCauchy(5))
    # A guide takes its latents in the order of their names.
    effect = numpyro.sample("unit_effect", dist.Normal(jnp.zeros(8), 1).to_event(1))
    numpyro.sample("y", dist.Normal(mu + tau * effect, ERROR).to_event(1), obs=EFFECT)


def logistic(x, y):
    beta = numpyro.sample("beta", dist.Normal(jnp.zeros(D), 1).to_event(1))
    numpyro.sample("y", dist.Bernoulli(logits=x @ beta).to_event(1), obs=y)


model = {"toy": toy, "schools": schools, "logistic": logistic}[workload.model]
start = {
    "toy": {"z": jnp.zeros(3)},
    "schools": {"mu": 0.0, "tau": 1.0, "unit_effect": jnp.zeros(8)},
    "logistic": {"beta": jnp.zeros(D)},
}[workload.model]
data = (jnp.asarray(workload.x), jnp.asarray(workload.y)) if workload.model == "logistic" else ()

drawn = jax.random.normal
feeding = None  # the normals of a draw, while its computation is traced


def normal(key, shape=(), dtype=float, **options):
    return drawn(key, shape, dtype, **options) if feeding is None else feeding.reshape(shape)


jax.random.normal = normal


class Fit:
    def __init__(self, fed):
        self.fed = fed
        rows = None

        def vectorised(one, keys):
            def draw(key, row):
                global feeding
                feeding = row
                try:
                    return one(key)
                finally:
                    feeding = None

            return jax.vmap(one)(keys) if rows is None else jax.vmap(draw)(keys, rows)

        init = init_to_value(values=start)
        guide = (Full if workload.full else Diagonal)(model, init_loc_fn=init, init_scale=float(np.exp(workload.log_scale)))
        optimizer = numpyro.optim.Adam(RATE, b1=BETA1, b2=BETA2, eps=EPSILON)
        # Fed fits always go through the vectorisation, which is where a draw gets its normals.
        loss = Trace_ELBO(num_particles=S, vectorize_particles=vectorised if S > 1 else True)
        self.svi = SVI(model, guide, optimizer, loss)
        self.state = self.svi.init(jax.random.key(1), *data)

        def fed_step(state, normals, data):
            nonlocal rows
            global feeding
            rows, feeding = (normals, None) if S > 1 else (None, normals[0])
            try:
                return self.svi.update(state, *data)
            finally:
                rows, feeding = None, None

        def loop(state, steps, data):
            def body(k, carry):
                state, trace = carry
                state, value = self.svi.update(state, *data)
                return state, trace.at[k % 1024].set(value)

            return jax.lax.fori_loop(0, steps, body, (state, jnp.zeros(1024)))

        self.fed_step = jax.jit(fed_step)
        self.loop = jax.jit(loop)

    def run(self, steps):
        if self.fed is None:
            self.state, trace = self.loop(self.state, steps, data)
            np.asarray(trace)
        else:
            for normals in self.fed[:steps]:
                self.state, _ = self.fed_step(self.state, jnp.asarray(normals), data)

    def parameters(self):
        found = self.svi.get_params(self.state)
        location = np.asarray(found["auto_loc"])
        if not workload.full:
            return [*location, *np.log(np.asarray(found["auto_scale"]))]
        lower = np.asarray(found["auto_scale_tril"])
        return [*location, *np.log(np.diagonal(lower)), *lower[np.tril_indices(D, -1)]]


serve(f"{numpyro.__version__} (jax {jax.__version__})", workload, Fit)
