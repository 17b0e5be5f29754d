// Bytes from printable text: how the core is inlined. Each frequent byte is one character, each rare one two. Base64 cuts bytes at
// 6 bits, which hides their repetitions from gzip: this text of the core is a fifth shorter, and 32 kB gzipped where base64 is
// 41 kB. scripts/inline-core.mjs writes it.

/** Characters that stand as they are in a quoted string, a template and an HTML script; the last two open a pair. */
const characters = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).filter(
  (c) => !['"', "$", "<", "\\", "`"].includes(c),
);
const singles = characters.length - 2;

/** The bytes of 512 hexadecimal digits, the byte values from frequent to rare, and the characters that follow. */
export function decode(text: string): Uint8Array<ArrayBuffer> {
  const ranks = new Uint8Array(128);
  characters.forEach((c, rank) => {
    ranks[c.charCodeAt(0)] = rank;
  });
  const order = Uint8Array.from({ length: 256 }, (_, i) => Number.parseInt(text.slice(2 * i, 2 * i + 2), 16));
  const bytes = new Uint8Array(text.length);
  let size = 0;
  for (let i = 512; i < text.length; i++) {
    let rank = ranks[text.charCodeAt(i)]!;
    if (rank >= singles) rank = (rank - singles + 1) * singles + ranks[text.charCodeAt(++i)]!;
    bytes[size++] = order[rank]!;
  }
  return bytes.slice(0, size);
}
