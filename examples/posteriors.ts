// Fifteen real posteriors of posteriordb written in the modelling language, latents in the order and on the scale of its Stan
// programs, so that log densities compare digit for digit. Data come as posteriordb's JSON: names and arrays of numbers.

import * as v from "../src/index.js";

/** The data of a posterior as posteriordb stores it. */
export type PosteriorData = Readonly<Record<string, number | number[] | number[][]>>;

const vector = (d: PosteriorData, name: string): number[] => d[name] as number[];
const matrix = (d: PosteriorData, name: string): number[][] => d[name] as number[][];
const size = (d: PosteriorData, name: string): number => d[name] as number;

const kidscoreInteraction = v.model(({ sample, observe, plate }, d: PosteriorData) => {
  const children = plate("child", vector(d, "kid_score"));
  const beta = sample("beta", v.flat(v.real), { shape: [4] });
  const sigma = sample("sigma", v.cauchy(0, 2.5), { support: v.positive });
  const highSchool = vector(d, "mom_hs");
  const iq = vector(d, "mom_iq");
  const x = children.data(iq.map((q, i) => [1, highSchool[i]!, q, highSchool[i]! * q]));
  observe("kid_score", v.normal(v.dot(x, beta), sigma), children.data(vector(d, "kid_score")));
});

const blr = v.model(({ sample, observe, plate }, d: PosteriorData) => {
  const rows = plate("row", vector(d, "y"));
  const beta = sample("beta", v.normal(0, 10), { shape: [size(d, "D")] });
  const sigma = sample("sigma", v.normal(0, 10), { support: v.positive });
  observe("y", v.normal(rows.data(matrix(d, "X")).dot(beta), sigma), rows.data(vector(d, "y")));
});

const diamonds = v.model(({ sample, observe, plate, deterministic }, d: PosteriorData) => {
  const rows = plate("diamond", vector(d, "Y"));
  const x = matrix(d, "X");
  const columns = size(d, "K") - 1;
  const meanOf = (f: (row: number[]) => number): number => x.reduce((s, row) => s + f(row), 0) / x.length;
  const means = Array.from({ length: columns }, (_, j) => {
    // A second pass takes out the rounding of the first: 5,000 rows multiply it in the gradient of the intercept.
    const rough = meanOf((row) => row[j + 1]!);
    return rough + meanOf((row) => row[j + 1]! - rough);
  });
  const centred = x.map((row) => means.map((m, j) => row[j + 1]! - m));
  const b = sample("b", v.normal(0, 1), { shape: [columns] });
  const intercept = sample("Intercept", v.studentT(3, 8, 10));
  const sigma = sample("sigma", v.halfStudentT(3, 10));
  deterministic("b_Intercept", intercept.sub(v.dot(means, b)));
  observe("Y", v.normal(rows.data(centred).dot(b).add(intercept), sigma), rows.data(vector(d, "Y")));
});

const glmmPoisson = v.model(({ sample, observe, plate, factor }, d: PosteriorData) => {
  const years = plate("year", vector(d, "C"));
  const alpha = sample("alpha", v.uniform(-20, 20));
  const beta1 = sample("beta1", v.uniform(-10, 10));
  // The Stan program lets this one range up to 20 and gives it a prior up to 10.
  const beta2 = sample("beta2", v.flat(v.interval(-10, 20)));
  factor("beta2 prior", v.uniform(-10, 10).logProb(beta2));
  const beta3 = sample("beta3", v.uniform(-10, 10));
  // Declared before sigma, whose prior it needs: a standard deviation enters through a factor.
  const eps = sample("eps", v.flat(v.real), years);
  const sigma = sample("sigma", v.uniform(0, 5));
  factor("eps prior", v.normal(0, sigma).logProb(eps));
  const year = years.data(vector(d, "year"));
  const trend = alpha
    .add(beta1.mul(year))
    .add(beta2.mul(year.square()))
    .add(beta3.mul(year.mul(year).mul(year)));
  observe("C", v.poissonLog(trend.add(eps)), years.data(vector(d, "C")));
});

const eightSchoolsCentered = v.model(({ sample, observe, plate, factor }, d: PosteriorData) => {
  const schools = plate("school", size(d, "J"));
  const theta = sample("theta", v.flat(v.real), schools);
  const mu = sample("mu", v.normal(0, 5));
  const tau = sample("tau", v.cauchy(0, 5), { support: v.positive });
  factor("theta prior", v.normal(mu, tau).logProb(theta));
  observe("y", v.normal(theta, schools.data(vector(d, "sigma"))), schools.data(vector(d, "y")));
});

const eightSchoolsNoncentered = v.model(({ sample, observe, plate, deterministic }, d: PosteriorData) => {
  const schools = plate("school", size(d, "J"));
  const raw = sample("theta_trans", v.normal(0, 1), schools);
  const mu = sample("mu", v.normal(0, 5));
  const tau = sample("tau", v.cauchy(0, 5), { support: v.positive });
  const theta = deterministic("theta", raw.mul(tau).add(mu));
  observe("y", v.normal(theta, schools.data(vector(d, "sigma"))), schools.data(vector(d, "y")));
});

const radonNoncentered = v.model(({ sample, observe, plate, deterministic }, d: PosteriorData) => {
  const counties = plate("county", size(d, "J"));
  const houses = plate("house", vector(d, "log_radon"));
  const raw = sample("alpha_raw", v.normal(0, 1), counties);
  const beta = sample("beta", v.normal(0, 10), { shape: [2] });
  const mu = sample("mu_alpha", v.normal(0, 10));
  const sigmaAlpha = sample("sigma_alpha", v.normal(0, 1), { support: v.positive });
  const sigma = sample("sigma_y", v.normal(0, 1), { support: v.positive });
  const alpha = deterministic("alpha", raw.mul(sigmaAlpha).add(mu));
  const county = houses.index(
    vector(d, "county_idx").map((i) => i - 1),
    counties,
  );
  const mean = alpha
    .at(county)
    .add(houses.data(vector(d, "log_uppm")).mul(beta.at(0)))
    .add(houses.data(vector(d, "floor_measure")).mul(beta.at(1)));
  observe("log_radon", v.normal(mean, sigma), houses.data(vector(d, "log_radon")));
});

const arK = v.model(({ sample, observe, plate }, d: PosteriorData) => {
  const k = size(d, "K");
  const y = vector(d, "y");
  const times = plate("time", y.length - k);
  const alpha = sample("alpha", v.normal(0, 10));
  const beta = sample("beta", v.normal(0, 10), { shape: [k] });
  const sigma = sample("sigma", v.cauchy(0, 2.5), { support: v.positive });
  const lags = times.data(y.slice(k).map((_, t) => Array.from({ length: k }, (_, j) => y[t + k - 1 - j]!)));
  observe("y", v.normal(lags.dot(beta).add(alpha), sigma), times.data(y.slice(k)));
});

const lowDimGaussMix = v.model(({ sample, observe, plate }, d: PosteriorData) => {
  const rows = plate("row", vector(d, "y"));
  const mu = sample("mu", v.normal(0, 2), { shape: [2], support: v.ordered });
  const sigma = sample("sigma", v.normal(0, 2), { shape: [2], support: v.positive });
  const theta = sample("theta", v.beta(5, 5));
  const components = [v.normal(mu.at(0), sigma.at(0)), v.normal(mu.at(1), sigma.at(1))];
  observe("y", v.mixture([theta, v.sub(1, theta)], components), rows.data(vector(d, "y")));
});

const irt2pl = v.model(({ sample, observe, plate }, d: PosteriorData) => {
  const items = plate("item", size(d, "I"));
  const students = plate("student", size(d, "J"));
  const y = matrix(d, "y").flat();
  const answers = plate("answer", y);
  const sigmaTheta = sample("sigma_theta", v.cauchy(0, 2), { support: v.positive });
  const theta = sample("theta", v.normal(0, sigmaTheta), students);
  const sigmaA = sample("sigma_a", v.cauchy(0, 2), { support: v.positive });
  const a = sample("a", v.logNormal(0, sigmaA), items);
  const muB = sample("mu_b", v.normal(0, 5));
  const sigmaB = sample("sigma_b", v.cauchy(0, 2), { support: v.positive });
  const b = sample("b", v.normal(muB, sigmaB), items);
  const item = answers.index(
    y.map((_, r) => Math.floor(r / students.size)),
    items,
  );
  const student = answers.index(
    y.map((_, r) => r % students.size),
    students,
  );
  observe("y", v.bernoulliLogit(a.at(item).mul(theta.at(student).sub(b.at(item)))), answers.data(y));
});

const dugongs = v.model(({ sample, observe, plate, deterministic }, d: PosteriorData) => {
  const rows = plate("dugong", vector(d, "Y"));
  const alpha = sample("alpha", v.normal(0, 1000));
  const beta = sample("beta", v.normal(0, 1000));
  const lambda = sample("lambda", v.uniform(0.5, 1));
  const tau = sample("tau", v.gamma(0.0001, 0.0001));
  const sigma = deterministic("sigma", v.div(1, tau.sqrt()));
  deterministic("U3", lambda.log().sub(v.log(v.sub(1, lambda))));
  const mean = alpha.sub(beta.mul(lambda.pow(rows.data(vector(d, "x")))));
  observe("Y", v.normal(mean, sigma), rows.data(vector(d, "Y")));
});

const accelSplines = v.model(({ sample, observe, plate }, d: PosteriorData) => {
  const rows = plate("time", vector(d, "Y"));
  const intercept = sample("Intercept", v.studentT(3, -13, 36));
  const bs = sample("bs", v.flat(v.real), { shape: [size(d, "Ks")] });
  const zs = sample("zs_1_1", v.normal(0, 1), { shape: [size(d, "knots_1")] });
  const sds = sample("sds_1_1", v.halfStudentT(3, 36));
  const interceptSigma = sample("Intercept_sigma", v.studentT(3, 0, 10));
  const bsSigma = sample("bs_sigma", v.flat(v.real), { shape: [size(d, "Ks_sigma")] });
  const zsSigma = sample("zs_sigma_1_1", v.normal(0, 1), { shape: [size(d, "knots_sigma_1")] });
  const sdsSigma = sample("sds_sigma_1_1", v.halfStudentT(3, 36));
  const mean = intercept.add(rows.data(matrix(d, "Xs")).dot(bs)).add(rows.data(matrix(d, "Zs_1_1")).dot(zs.mul(sds)));
  const logScale = interceptSigma
    .add(rows.data(matrix(d, "Xs_sigma")).dot(bsSigma))
    .add(rows.data(matrix(d, "Zs_sigma_1_1")).dot(zsSigma.mul(sdsSigma)));
  observe("Y", v.normal(mean, logScale.exp()), rows.data(vector(d, "Y")));
});

/** Poisson counts over a latent Gaussian process, its kernel's Cholesky factor written out element by element. */
const gpPoissonRegression = v.model(({ sample, observe, plate }, d: PosteriorData) => {
  const x = vector(d, "x");
  const rho = sample("rho", v.gamma(25, 4));
  const alpha = sample("alpha", v.normal(0, 2), { support: v.positive });
  const raw = sample("f_tilde", v.normal(0, 1), { shape: [x.length] });
  const variance = alpha.square();
  const decay = v.div(-0.5, rho.square());
  const kernel = (i: number, j: number): v.Expression =>
    i === j ? variance.add(1e-10) : variance.mul(decay.mul((x[i]! - x[j]!) ** 2).exp());
  const factor: v.Expression[][] = [];
  x.forEach((_, i) => {
    const row: v.Expression[] = [];
    factor.push(row);
    for (let j = 0; j <= i; j++) {
      let s = kernel(i, j);
      for (let k = 0; k < j; k++) s = s.sub(row[k]!.mul(factor[j]![k]!));
      row.push(j === i ? s.sqrt() : s.div(factor[j]![j]!));
    }
  });
  const f = v.concat(...factor.map((row) => row.map((l, k) => l.mul(raw.at(k))).reduce((a, b) => a.add(b))));
  const points = plate("point", x.length);
  const counts = points.data(vector(d, "k"));
  observe(
    "k",
    v.poissonLog(
      f.at(
        points.index(
          x.map((_, i) => i),
          x.length,
        ),
      ),
    ),
    counts,
  );
});

/** A hidden Markov chain of two states, summed out by the forward algorithm. */
const hmmExample = v.model(({ sample, factor }, d: PosteriorData) => {
  const rows = [
    sample("theta1", v.flat(v.simplex), { shape: [2] }),
    sample("theta2", v.flat(v.simplex), { shape: [2] }),
  ];
  const mu = sample("mu", v.flat(v.positiveOrdered), { shape: [2] });
  factor(
    "mu prior",
    v
      .normal(3, 1)
      .logProb(mu.at(0))
      .add(v.normal(10, 1).logProb(mu.at(1))),
  );
  const transition = rows.map((row) => [row.at(0).log(), row.at(1).log()]);
  const emission = (y: number, k: number): v.Expression => v.normal(y, 1).logProb(mu.at(k));
  const [first, ...rest] = vector(d, "y");
  let forward = [0, 1].map((k) => emission(first!, k));
  for (const y of rest)
    forward = [0, 1].map((k) =>
      v.logAddExp(forward[0]!.add(transition[0]![k]!), forward[1]!.add(transition[1]![k]!)).add(emission(y, k)),
    );
  factor("y", v.logAddExp(forward[0]!, forward[1]!));
});

/** Steps of the classical Runge-Kutta method in a year. */
const rungeKuttaSteps = 8;

/** Predators and prey: a differential equation of two states, integrated by Runge-Kutta steps that are part of the model. */
const lotkaVolterra = v.model(({ sample, observe, deterministic, factor }, d: PosteriorData) => {
  const theta = sample("theta", v.flat(v.positive), { shape: [4] });
  const start = sample("z_init", v.logNormal(Math.log(10), 1), { shape: [2] });
  const sigma = sample("sigma", v.logNormal(-1, 1), { shape: [2] });
  for (const k of [0, 2]) factor(`theta[${k}] prior`, v.normal(1, 0.5).logProb(theta.at(k)));
  for (const k of [1, 3]) factor(`theta[${k}] prior`, v.normal(0.05, 0.05).logProb(theta.at(k)));
  type State = readonly [prey: v.Expression, predators: v.Expression];
  const [birth, eaten, death, growth] = [0, 1, 2, 3].map((k) => theta.at(k)) as [
    v.Expression,
    v.Expression,
    v.Expression,
    v.Expression,
  ];
  const rate = ([u, w]: State): State => [birth.sub(eaten.mul(w)).mul(u), growth.mul(u).sub(death).mul(w)];
  const along = (z: State, h: number, r: State): State => [z[0].add(r[0].mul(h)), z[1].add(r[1].mul(h))];
  const h = 1 / rungeKuttaSteps;
  let z: State = [start.at(0), start.at(1)];
  const observed = matrix(d, "y");
  const states: State[] = [];
  for (let year = 0; year < observed.length; year++) {
    for (let step = 0; step < rungeKuttaSteps; step++) {
      const a = rate(z);
      const b = rate(along(z, h / 2, a));
      const c = rate(along(z, h / 2, b));
      const e = rate(along(z, h, c));
      const mean = (k: 0 | 1): v.Expression => a[k].add(b[k].mul(2)).add(c[k].mul(2)).add(e[k]);
      z = along(z, h / 6, [mean(0), mean(1)]);
    }
    states.push(z);
  }
  deterministic("z_end", v.concat(...states.at(-1)!));
  for (const k of [0, 1] as const) {
    observe(`y_init[${k}]`, v.logNormal(start.at(k).log(), sigma.at(k)), vector(d, "y_init")[k]!);
    observe(
      `y[${k}]`,
      v.logNormal(v.concat(...states.map((s) => s[k].log())), sigma.at(k)),
      observed.map((row) => row[k]!),
    );
  }
});

/** By posteriordb's names. */
export const posteriors: Readonly<Record<string, v.Model<PosteriorData>>> = {
  "kidiq-kidscore_interaction": kidscoreInteraction,
  "sblrc-blr": blr,
  "diamonds-diamonds": diamonds,
  "GLMM_Poisson_data-GLMM_Poisson_model": glmmPoisson,
  "eight_schools-eight_schools_centered": eightSchoolsCentered,
  "eight_schools-eight_schools_noncentered": eightSchoolsNoncentered,
  "radon_mn-radon_hierarchical_intercept_noncentered": radonNoncentered,
  "arK-arK": arK,
  "low_dim_gauss_mix-low_dim_gauss_mix": lowDimGaussMix,
  "irt_2pl-irt_2pl": irt2pl,
  "dugongs_data-dugongs_model": dugongs,
  "mcycle_splines-accel_splines": accelSplines,
  "gp_pois_regr-gp_pois_regr": gpPoissonRegression,
  "hmm_example-hmm_example": hmmExample,
  "hudson_lynx_hare-lotka_volterra": lotkaVolterra,
};
