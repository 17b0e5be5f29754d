// The inlined core's text back to bytes (src/core/text.ts says what the text is): a module of its own, a few hundred bytes, since a loop
// over a hundred thousand characters is WebAssembly's from the first call, and JavaScript's only once it is hot. Memory: the rank of each
// character [128], the byte of each rank [256], then the text, which its bytes replace from the front.

/** Decodes `length` characters; the number of bytes. Ranks from `singles` on open a pair. */
export function decode(length: usize, singles: u32): usize {
  let from: usize = 384;
  const end = from + length;
  let to = from;
  while (from < end) {
    let rank: u32 = load<u8>(load<u8>(from++));
    if (rank >= singles) rank = (rank - singles + 1) * singles + load<u8>(load<u8>(from++));
    store<u8>(to++, load<u8>(<usize>rank, 128));
  }
  return to - 384;
}
