// A signal that is aborted at an exact moment: what "abort at step k" means in tests, whatever the clock does.

/** An AbortSignal that is aborted when it is asked and `condition` says so. */
export function abortedWhen(condition: () => boolean): AbortSignal {
  const { signal } = new AbortController();
  Object.defineProperty(signal, "aborted", { get: condition });
  return signal;
}

/** One that reports an abort from the k-th time on that it is asked (once after each turn of a run; before the first for 0). */
export function abortedAt(k: number): AbortSignal {
  let asked = 0;
  return abortedWhen(() => asked++ >= k);
}

/** Never aborted, and counts how often it was asked. */
export function counting(): { readonly signal: AbortSignal; readonly asked: () => number } {
  let asked = 0;
  const signal = abortedWhen(() => {
    asked++;
    return false;
  });
  return { signal, asked: () => asked };
}
