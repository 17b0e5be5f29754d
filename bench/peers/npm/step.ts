// What the contestants that take steps of their own have in common: the loop over steps, and the factor's triangle below its diagonal.

/** 1 for each element of a D × D table that lies below the diagonal, else 0, row by row. */
export const belowDiagonal = (D: number): number[] =>
  Array.from({ length: D * D }, (_, k) => Number(k % D < Math.floor(k / D)));

/** The elements of a D × D table below its diagonal, row by row. */
export function triangleOf(rows: readonly number[], D: number): number[] {
  const below = belowDiagonal(D);
  return rows.filter((_, k) => below[k]);
}

/** Takes so many steps; the ELBO is that of the last. */
export const taking =
  (step: () => number) =>
  (steps: number): { elbo: number } => {
    let elbo = Number.NaN;
    for (let k = 0; k < steps; k++) elbo = step();
    return { elbo };
  };
