// CRC-32 (ISO 3309): what tells damaged bytes, and other numbers, from those that were meant.

const table = Uint32Array.from({ length: 256 }, (_, i) => {
  let c = i;
  for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
  return c;
});

/** The checksum of bytes that follow those which `before` is the checksum of. */
export function checksum(bytes: Uint8Array, before = 0): number {
  let c = ~before;
  for (let i = 0; i < bytes.length; i++) c = table[(c ^ bytes[i]!) & 0xff]! ^ (c >>> 8);
  return ~c >>> 0;
}

/** The same of numbers, all NaNs being one. */
export function checksumOf(numbers: ArrayLike<number>, before = 0): number {
  const view = new DataView(new ArrayBuffer(8 * numbers.length));
  for (let i = 0; i < numbers.length; i++)
    if (Number.isNaN(numbers[i]!)) view.setUint32(8 * i, 0x7ff80000);
    else view.setFloat64(8 * i, numbers[i]!);
  return checksum(new Uint8Array(view.buffer), before);
}
