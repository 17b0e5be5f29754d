// Bytes from printable text: how the core is inlined. Each frequent byte is one character, each rare one two. Base64 cuts bytes at
// 6 bits, which hides their repetitions from gzip: this text of the core is a fifth shorter, and 32 kB gzipped where base64 is
// 41 kB. scripts/inline-core.mjs writes it; a tiny module, inlined itself, reads it (assembly/text/decode.ts).

/** Characters that stand as they are in a quoted string, a template and an HTML script; the last two open a pair. */
const characters = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).filter(
  (c) => !['"', "$", "<", "\\", "`"].includes(c),
);
const singles = characters.length - 2;

interface Decoder {
  readonly memory: WebAssembly.Memory;
  decode(length: number, singles: number): number;
}

const page = 65536;
const tables = 384;

const fromHex = (digits: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from({ length: digits.length / 2 }, (_, i) => Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16));

/**
 * The bytes of 512 hexadecimal digits, the byte values from frequent to rare, and the characters that follow; `decoder` is the
 * module that reads them, in hexadecimal digits.
 */
export function decode(text: string, decoder: string): Uint8Array<ArrayBuffer> {
  const module = new WebAssembly.Module(fromHex(decoder));
  const { memory, decode } = new WebAssembly.Instance(module).exports as unknown as Decoder;
  const length = text.length - 512;
  memory.grow(Math.max(0, Math.ceil((tables + length) / page) - memory.buffer.byteLength / page));
  const bytes = new Uint8Array(memory.buffer as ArrayBuffer);
  characters.forEach((c, rank) => {
    bytes[c.charCodeAt(0)] = rank;
  });
  bytes.set(fromHex(text.slice(0, 512)), 128);
  new TextEncoder().encodeInto(text.slice(512), bytes.subarray(tables));
  return bytes.subarray(tables, tables + decode(length, singles));
}
