// Twelve real posteriors of posteriordb written in the modelling language, latents in the order and on the scale of its Stan
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
};
