// A signal that is aborted at an exact moment: what "abort at step k" means in tests, whatever the clock does.

/** An AbortSignal that reports an abort from the k-th time on that it is asked (once after each turn of a run; before the first for 0). */
export function abortedAt(k: number): AbortSignal {
  const { signal } = new AbortController();
  let asked = 0;
  Object.defineProperty(signal, "aborted", { get: () => asked++ >= k });
  return signal;
}

/** Never aborted, and counts how often it was asked. */
export function counting(): { readonly signal: AbortSignal; readonly asked: () => number } {
  const { signal } = new AbortController();
  let asked = 0;
  Object.defineProperty(signal, "aborted", {
    get: () => {
      asked++;
      return false;
    },
  });
  return { signal, asked: () => asked };
}
