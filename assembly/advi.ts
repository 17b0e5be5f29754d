// Automatic differentiation variational inference (Kucukelbir et al. 2017) with one crossing per run: normals, reparameterised
// draws, the model's log density and gradient, pull-back with the chosen entropy (closed form; Monte Carlo; sticking the landing,
// Roeder et al. 2017), ELBO, Adam, running mean of the iterates. The state is laid out in advi-state.ts.
// The invariant: a step depends on the state and (seed, stream, step) only, with every sum in one order, so that the same seed
// gives the same bits however the steps are divided into runs.

import { Advi } from "./advi-state";
import {
  addInto, mapDiagonal, mapTriangular, pullDiagonal, pullSingle, pullTriangular, solveTransposed, sum, sumOfSquares, transposeDiagonal,
  transposeTriangular,
} from "./family";
import { klStandardNormal } from "./kl";
import { ld } from "./lanes";
import { expInto } from "./maps";
import { adam, average } from "./optimizer";
import { learn, LEARNING, mix } from "./mix";
import { convert, fillNormals, normalPairs, NORMALS, philox, VALUES, WORDS } from "./random";
import { sobol } from "./sobol";
import { drawBatches, evaluate } from "./tape";

const HALF_LOG_2PI: f64 = 0.91893853320467274178;

// @ts-ignore: decorator
@inline function word(state: usize, at: usize): i32 { return load<i32>(state + at); }
// @ts-ignore: decorator
@inline function address(state: usize, at: usize): usize { return <usize>load<u32>(state + at); }
/** Doubles of a location or a log scale: the dimension rounded up to even. */
// @ts-ignore: decorator
@inline function padded(dimension: i32): usize { return <usize>(dimension + 1) & ~1; }

/** What `fillNormals` gives for one draw, for several steps at once: [step][D]. No counter of the generator is wasted. */
function fillNormalSteps(
  seedLow: u32, seedHigh: u32, stream: u32, step: u32, steps: i32, dimension: i32, out: usize,
): void {
  const blocks = (dimension + 3) >> 2;
  const end = out + (<usize>(steps * dimension) << 3);
  const c1 = i32x4.splat(0);
  const c3 = i32x4.splat(NORMALS | stream);
  let block = 0;
  // The words are one round ahead of the normals, as below.
  let words = WORDS, late = -1;
  while (out < end) {
    const from = block;
    // The counters are put together in registers: a vector that is read from four stores waits until these have left the pipeline.
    let b = i32x4.splat(block);
    let s = i32x4.splat(step);
    if (++block == blocks) { block = 0; step++; }
    b = i32x4.replace_lane(b, 1, block);
    s = i32x4.replace_lane(s, 1, step);
    if (++block == blocks) { block = 0; step++; }
    b = i32x4.replace_lane(b, 2, block);
    s = i32x4.replace_lane(s, 2, step);
    if (++block == blocks) { block = 0; step++; }
    b = i32x4.replace_lane(b, 3, block);
    s = i32x4.replace_lane(s, 3, step);
    if (++block == blocks) { block = 0; step++; }
    philox(b, c1, s, c3, seedLow, seedHigh, words);
    words ^= 64;
    const was = late;
    late = from;
    if (was < 0) continue;
    convert(words);
    let at = was << 2;
    for (let k: usize = 0; k < 32 && out < end; k += 8) {
      const stop = min(at + 4, dimension);
      for (let p = VALUES + k; at < stop; at++, p += 32, out += 8) store<f64>(out, load<f64>(p));
      if (at == dimension) at = 0;
    }
  }
}

/** What `fillNormals` gives for an even number of draws, for several steps at once: [step][D][S]; lanes run over draws, then steps. */
function fillNormalDraws(
  seedLow: u32, seedHigh: u32, stream: u32, step: u32, steps: i32, draws: i32, dimension: i32, out: usize,
): void {
  const c3 = i32x4.splat(NORMALS | stream);
  const row = <usize>draws << 3;
  const size = row * <usize>dimension;
  let draw = 0;
  let at = out;
  const total = steps * draws;
  // Words become normals one block late, when the generator works on the next: neither waits for the other (5 % of a step of W2).
  let words = WORDS, lateTo: usize = 0, lateRight: usize = 0, lateRest = 0;
  for (let lane = 0; lane < total; lane += 4) {
    // Two pairs of draws, the second perhaps of the next step.
    const first = at + (<usize>draw << 3);
    const left = draw;
    const leftStep = step;
    draw += 2;
    if (draw == draws) { draw = 0; step++; at += size; }
    const right = at + (<usize>draw << 3) - first;
    const d = i32x4.add(v128.shuffle<u32>(i32x4.splat(left), i32x4.splat(draw), 0, 1, 4, 5), i32x4(0, 1, 0, 1));
    const s = v128.shuffle<u32>(i32x4.splat(leftStep), i32x4.splat(step), 0, 1, 4, 5);
    draw += 2;
    if (draw == draws) { draw = 0; step++; at += size; }
    let to = first;
    for (let rest = dimension, block = 0; rest > 0; rest -= 4, block++, to += row << 2) {
      philox(i32x4.splat(block), d, s, c3, seedLow, seedHigh, words);
      words ^= 64;
      if (lateRest) normalDraws(words, lateTo, lateRight, lateRest, row);
      lateTo = to; lateRight = right; lateRest = rest;
    }
  }
  normalDraws(words ^ 64, lateTo, lateRight, lateRest, row);
}

/** Up to four coordinates of two pairs of draws, from the words of one call of `philox`. */
// @ts-ignore: decorator
@inline function normalDraws(words: usize, to: usize, right: usize, rest: i32, row: usize): void {
  normalPairs(ld(words), v128.load(words, 16), to, right, rest > 2 ? row << 1 : 0);
  if (rest > 1) normalPairs(v128.load(words, 32), v128.load(words, 48), to + row, right, rest > 3 ? row << 1 : 0);
}

/** The normals of the step to come, [D][S], for this and some steps more. 0 when the host has to fill them. */
function makeNormals(state: usize): usize {
  const noise = address(state, Advi.noise);
  const steps = word(state, Advi.noiseSteps);
  if (word(state, Advi.noiseHost)) return 0;
  const count = <usize>(word(state, Advi.dimension) * word(state, Advi.draws)) << 3;
  const first = load<u32>(state, Advi.step);
  store<u32>(state, first, Advi.noiseFirst);
  const directions = address(state, Advi.directions);
  if (directions) {
    for (let k = 0; k < steps; k++) {
      sobol(
        directions, word(state, Advi.dimension), 0, word(state, Advi.draws), 0, load<u32>(state, Advi.seedLow),
        load<u32>(state, Advi.seedHigh), load<u32>(state, Advi.stream), first + k, 3, noise + <usize>k * count,
      );
    }
    return noise;
  }
  if (word(state, Advi.draws) == 1 && steps > 1) {
    fillNormalSteps(
      load<u32>(state, Advi.seedLow), load<u32>(state, Advi.seedHigh), load<u32>(state, Advi.stream), first, steps,
      word(state, Advi.dimension), noise,
    );
    return noise;
  }
  if (steps > 1) {
    fillNormalDraws(
      load<u32>(state, Advi.seedLow), load<u32>(state, Advi.seedHigh), load<u32>(state, Advi.stream), first, steps,
      word(state, Advi.draws), word(state, Advi.dimension), noise,
    );
    return noise;
  }
  for (let k = 0; k < steps; k++) {
    fillNormals(
      load<u32>(state, Advi.seedLow), load<u32>(state, Advi.seedHigh), load<u32>(state, Advi.stream), first + k,
      word(state, Advi.draws), word(state, Advi.dimension), noise + <usize>k * count, 0, 0,
    );
  }
  return noise;
}

/** Draws of the step to come into the program's theta. False when the host has to fill the normals first. */
export function adviDraw(state: usize): bool {
  const dimension = word(state, Advi.dimension);
  const draws = word(state, Advi.draws);
  const at = word(state, Advi.step) - word(state, Advi.noiseFirst);
  const eps = <u32>at < load<u32>(state, Advi.noiseSteps)
    ? address(state, Advi.noise) + (<usize>(at * dimension * draws) << 3)
    : makeNormals(state);
  if (!eps) return false;
  const map = word(state, Advi.map);
  const parameters = address(state, Advi.parameters);
  const pad = padded(dimension) << 3;
  const scale = address(state, Advi.scale);
  const theta = <usize>load<u32>(address(state, Advi.program), 8);
  expInto(parameters + pad, parameters + 2 * pad, scale, 0);
  if (word(state, Advi.family)) {
    const out = map ? address(state, Advi.work) : theta;
    mapTriangular(dimension, draws, parameters, scale, parameters + 2 * pad, eps, out);
    if (map) toModel(state, draws, out, theta);
  } else {
    let location = parameters;
    if (map) {
      location = address(state, Advi.location);
      toModel(state, 1, parameters, location);
    }
    mapDiagonal(dimension, draws, location, scale, eps, theta);
  }
  return true;
}

/** out = centre + P in. */
function toModel(state: usize, draws: i32, input: usize, out: usize): void {
  const dimension = word(state, Advi.dimension);
  const centre = address(state, Advi.centre);
  const diagonal = address(state, Advi.mapDiagonal);
  if (word(state, Advi.map) == 1) mapDiagonal(dimension, draws, centre, diagonal, input, out);
  else mapTriangular(dimension, draws, centre, diagonal, address(state, Advi.mapLower), input, out);
}

/** out = P^T in. */
function fromModel(state: usize, draws: i32, input: usize, out: usize): void {
  const dimension = word(state, Advi.dimension);
  const diagonal = address(state, Advi.mapDiagonal);
  if (word(state, Advi.map) == 1) transposeDiagonal(dimension, draws, diagonal, input, out);
  else transposeTriangular(dimension, draws, diagonal, address(state, Advi.mapLower), input, out);
}

/**
 * After `adviDraw` and an evaluation of the program: gradient of the parameters and ELBO of this step. False when the log density or
 * a gradient was not finite: `failed` then holds the draw.
 */
export function adviGradient(state: usize): bool {
  const program = address(state, Advi.program);
  const dimension = word(state, Advi.dimension);
  const draws = word(state, Advi.draws);
  const map = word(state, Advi.map);
  const entropy = word(state, Advi.entropy);
  const prior = word(state, Advi.standardPrior);
  const parameters = address(state, Advi.parameters);
  const gradient = address(state, Advi.gradient);
  const scale = address(state, Advi.scale);
  const pad = padded(dimension) << 3;
  const count = <usize>(dimension * draws) << 3;
  const eps = address(state, Advi.noise) + <usize>(word(state, Advi.step) - word(state, Advi.noiseFirst)) * count;
  const own = prior || entropy == 2 ? 0.0 : 1.0;
  let h = <usize>load<u32>(program, 12);
  if (word(state, Advi.family)) {
    if (map) {
      fromModel(state, draws, h, address(state, Advi.work));
      h = address(state, Advi.work);
    }
    if (entropy == 2) {
      const u = address(state, Advi.work2);
      solveTransposed(dimension, draws, scale, parameters + 2 * pad, eps, u);
      addInto(dimension * draws, h, u);
      h = u;
    }
    pullDiagonal(dimension, draws, h, eps, scale, false, own, gradient, gradient + pad);
    pullTriangular(dimension, draws, h, eps, gradient + 2 * pad);
  } else {
    const location = map ? address(state, Advi.location) : gradient;
    // Inline: of a step that takes 80 ns a call with ten arguments is 2.
    if (draws == 1) pullSingle(dimension, h, eps, scale, entropy == 2, own, location, gradient + pad);
    else pullDiagonal(dimension, draws, h, eps, scale, entropy == 2, own, location, gradient + pad);
    if (map) fromModel(state, 1, location, gradient);
  }
  let elbo = sum(draws, <usize>load<u32>(program, 16)) / <f64>draws;
  // Sums that are finite have finite terms; 0 · x is NaN for the others.
  if (!(elbo * 0 + sum(dimension, gradient) * 0 == 0)) {
    store<i32>(state, culprit(program, dimension, draws), Advi.failed);
    return false;
  }
  if (prior) {
    elbo -= klStandardNormal(
      dimension, parameters, parameters + pad, scale, word(state, Advi.family) ? (dimension * (dimension - 1)) >> 1 : 0,
      parameters + 2 * pad, gradient, gradient + pad, gradient + 2 * pad,
    );
  } else {
    const spread = entropy == 1 || entropy == 2 ? sumOfSquares(dimension * draws, eps) / <f64>draws : <f64>dimension;
    elbo += sum(dimension, parameters + pad) + load<f64>(state, Advi.logMap) + <f64>dimension * HALF_LOG_2PI + 0.5 * spread;
  }
  if (entropy == 3) elbo = mixed(state, eps, elbo);
  store<f64>(state, elbo, Advi.elbo);
  return true;
}

/** Doubles of the learned mix: the parameters, rounded up to even, and the ELBO. */
// @ts-ignore: decorator
@inline function mixSize(state: usize): i32 { return ((word(state, Advi.size) + 1) & ~1) + 2; }

/** Mixes the gradient by the weights learnt so far, after what sticking the landing would add to it; returns the ELBO, mixed like it. */
function mixed(state: usize, eps: usize, elbo: f64): f64 {
  const dimension = word(state, Advi.dimension);
  const draws = word(state, Advi.draws);
  const map = word(state, Advi.map);
  const difference = address(state, Advi.difference);
  const gradient = address(state, Advi.gradient);
  const scale = address(state, Advi.scale);
  const pad = padded(dimension) << 3;
  const u = address(state, Advi.work2);
  if (word(state, Advi.family)) {
    solveTransposed(dimension, draws, scale, address(state, Advi.parameters) + 2 * pad, eps, u);
    pullDiagonal(dimension, draws, u, eps, scale, false, -1, difference, difference + pad);
    pullTriangular(dimension, draws, u, eps, difference + 2 * pad);
  } else {
    memory.fill(u, 0, <usize>(dimension * draws) << 3);
    const location = map ? address(state, Advi.location) : difference;
    pullDiagonal(dimension, draws, u, eps, scale, true, -1, location, difference + pad);
    if (map) fromModel(state, 1, location, difference);
  }
  const size = mixSize(state);
  const at = <usize>(size - 2) << 3;
  store<f64>(gradient + at, elbo);
  store<f64>(difference + at, 0.5 * (sumOfSquares(dimension * draws, eps) / <f64>draws - <f64>dimension));
  if (word(state, Advi.learnt) >= LEARNING)
    mix(size, gradient, difference, address(state, Advi.covariance), address(state, Advi.variance));
  return load<f64>(gradient + at);
}

/** The first draw whose log density or gradient is not finite; 0 when it was the sum that overflowed. */
function culprit(program: usize, dimension: i32, draws: i32): i32 {
  const gradient = <usize>load<u32>(program, 12);
  const density = <usize>load<u32>(program, 16);
  for (let s = 0; s < draws; s++) {
    let probe = load<f64>(density + (<usize>s << 3)) * 0;
    for (let i = 0; i < dimension; i++) probe += load<f64>(gradient + (<usize>(i * draws + s) << 3)) * 0;
    if (!(probe == 0)) return s;
  }
  return 0;
}

/** After `adviDraw` and an evaluation of the program: the whole rest of a step. False, with nothing changed, as `adviGradient`. */
export function adviUpdate(state: usize): bool {
  if (!adviGradient(state)) return false;
  const size = word(state, Advi.size);
  const parameters = address(state, Advi.parameters);
  adam(
    size, parameters, address(state, Advi.gradient), address(state, Advi.first), address(state, Advi.second),
    state + Advi.optimizer,
  );
  if (word(state, Advi.entropy) == 3) {
    const learnt = word(state, Advi.learnt);
    learn(
      mixSize(state), address(state, Advi.gradient), address(state, Advi.difference), address(state, Advi.covariance),
      address(state, Advi.variance), address(state, Advi.usualGradient), learnt,
    );
    store<i32>(state, learnt + 1, Advi.learnt);
  }
  const step = word(state, Advi.step);
  const trace = address(state, Advi.trace);
  if (trace) store<f64>(trace + (<usize>(step - word(state, Advi.traceFirst)) << 3), load<f64>(state, Advi.elbo));
  const mean = address(state, Advi.average);
  if (word(state, Advi.averageCount) >= 0) {
    const k = word(state, Advi.averageCount) + 1;
    const eta = load<f64>(state, Advi.averagePower);
    store<i32>(state, k, Advi.averageCount);
    average(size, parameters, mean, (eta + 1) / (eta + <f64>k));
  }
  store<i32>(state, step + 1, Advi.step);
  return true;
}

/**
 * Up to `steps` whole steps. Returns how many were done: fewer when a log density or gradient was not finite (`failed` is then
 * the draw, and the state is that before the step) or when the host has to fill the normals (`failed` is then -1).
 */
export function adviRun(state: usize, steps: i32): i32 {
  const program = address(state, Advi.program);
  store<i32>(state, -1, Advi.failed);
  for (let k = 0; k < steps; k++) {
    if (!adviDraw(state)) return k;
    if (load<u32>(program, 36))
      drawBatches(program, load<u32>(state, Advi.seedLow), load<u32>(state, Advi.seedHigh), load<u32>(state, Advi.step));
    evaluate(program);
    if (!adviUpdate(state)) return k;
  }
  return steps;
}
