// A turn for the event loop: what waits (timers, messages, painting) goes first, then the computation goes on in a task of its own.
// Browsers delay nested timers to 4 ms each, half a slice again for every slice; messages they deliver at once. A channel for every turn:
// Node hands up to a thousand messages of one port over in a row, timers waiting, and a port that is closed keeps no process alive.

/** Resolves in a task of its own. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof MessageChannel === "undefined") {
      setTimeout(resolve, 0);
      return;
    }
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
