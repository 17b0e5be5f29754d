// The ABI of the core: every export, one documented line each, nothing else. All pointers are byte offsets into the memory.

export { allocate, free, used } from "./memory";

// Random numbers: out[coordinate][draw], each a pure function of (seed, stream, step, draw, coordinate).
/** (seedLow, seedHigh, stream, step, draws, coordinates, out, firstDraw, firstCoordinate): standard normals, f64 */
export { fillNormals } from "./random";
/** the same arguments: uniforms of the open interval (0, 1), f64 */
export { fillUniforms } from "./random";
/** the same arguments: 32 random bits each, u32 */
export { fillBits } from "./random";
/** (four counter words, two key words, out): one Philox4x32-10 block, for its known-answer test */
export { philoxBlock } from "./random";

/** (op, rows, n, a): one kernel of opcodes.ts */
export { dispatch as run } from "./dispatch";

// Programs: header in src/core/program.ts.
/** (program): log density and gradient of every draw */
export { evaluate } from "./tape";
/** (program, k, batch): the batch that the k-th subsampled plate evaluates */
export { selectBatch } from "./tape";
/** (program, seedLow, seedHigh, step): random batches for all subsampled plates */
export { drawBatches } from "./tape";

// Samplers
/** (family of samplers.ts, n, a, seedLow, seedHigh, stream): exact samples of a distribution, one per element */
export { sample } from "./sampler";
/** (directions, dimensions, firstDimension, points, first, seedLow, seedHigh, stream, step, 1 scrambled | 2 normal, out[dimension][point]): Sobol points */
export { sobol } from "./sobol";

// Variational inference: the state is laid out in advi-state.ts.
/** (state): draws of the step to come into the program's theta; 0: the host has to fill the normals */
export { adviDraw } from "./advi";
/** (state): after an evaluation, gradient and ELBO of the step; 0: something was not finite */
export { adviGradient } from "./advi";
/** (state): after an evaluation, the rest of the step; 0: something was not finite, nothing changed */
export { adviUpdate } from "./advi";
/** (state, steps): whole steps; how many were done */
export { adviRun } from "./advi";
/** (moments): mirrored normals, and the program's theta */
export { momentsDraw } from "./moments";
/** (moments): after an evaluation, adds the draws; 0: something was not finite */
export { momentsAdd } from "./moments";
/** (moments, steps): whole batches of draws; how many were added */
export { momentsRun } from "./moments";
/** (n, draws, centre | 0, matrix, in, out): centre + matrix in, for every draw */
export { affine } from "./nested-map";
/** (map, program): points of the map's inner program from those of the outer one; the map is laid out in nested-state.ts */
export { nestedForward } from "./nested-map";
/** (map, program): after an evaluation of the inner program, log densities and gradients of the outer one */
export { nestedBackward } from "./nested-map";
/** (n, parameters, gradient, first, second, settings): one step of Adam, uphill */
export { adam } from "./optimizer";
/** (D, location, logScale, scale, strict, lower, gradLocation, gradLogScale, gradLower): KL(q || N(0, I)), gradients subtracted */
export { klStandardNormal } from "./kl";
/** (D, m, s, logS, n, t, logT): KL(N(m, diag s^2) || N(n, diag t^2)) */
export { klDiagonal } from "./kl";
