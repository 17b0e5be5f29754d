// The arena: every byte the core uses beyond its static tables. TypeScript asks for blocks through scopes (src/core/memory.ts)
// and frees them by scope; nothing here is garbage collected. First fit over an address-ordered free list with coalescing:
// blocks are few (tens per fit) and large, so a search costs nothing and fragmentation stays nil.

/** Where the host hears of a failed assertion: "message at file:line:column" through the loader's abort hook. */
// @ts-ignore: decorator
@external("env", "abort")
declare function hostAbort(message: usize, file: usize, line: u32, column: u32): void;

export function fail(message: string | null, file: string | null, line: u32, column: u32): void {
  hostAbort(changetype<usize>(message), changetype<usize>(file), line, column);
  unreachable();
}

const HEADER: usize = 16; // [size of the whole block: u32][next free block: u32][padding], so that payloads stay 16-aligned
let freeList: usize = 0;
let top: usize = 0;

/** Reserves `bytes` (rounded up to 16) and returns a 16-aligned address, or 0 when memory cannot grow. Not zeroed. */
export function allocate(bytes: u32): usize {
  const need = ((<usize>bytes + 15) & ~15) + HEADER;
  if (need < bytes) return 0;
  let previous: usize = 0;
  let block = freeList;
  while (block) {
    const size = <usize>load<u32>(block);
    if (size >= need) {
      const rest = size - need;
      let next = <usize>load<u32>(block, 4);
      if (rest >= 64) {
        const tail = block + need;
        store<u32>(tail, <u32>rest);
        store<u32>(tail, <u32>next, 4);
        store<u32>(block, <u32>need);
        next = tail;
      }
      if (previous) store<u32>(previous, <u32>next, 4);
      else freeList = next;
      return block + HEADER;
    }
    previous = block;
    block = <usize>load<u32>(block, 4);
  }
  if (!top) top = (__heap_base + 15) & ~15;
  const end = top + need;
  if (end < top) return 0;
  const limit = <usize>memory.size() << 16;
  if (end > limit) {
    // Grow by at least an eighth, so that a program that grows by steps does not pay for a copy of memory at each.
    const wanted = <i32>((end - limit + 0xffff) >> 16);
    if (memory.grow(max(wanted, memory.size() >> 3)) < 0 && memory.grow(wanted) < 0) return 0;
  }
  block = top;
  store<u32>(block, <u32>need);
  top = end;
  return block + HEADER;
}

/** Returns a block of `allocate`. Neighbouring free blocks become one; a free block at the top is given back to the top. */
export function free(pointer: usize): void {
  const block = pointer - HEADER;
  let previous: usize = 0;
  let next = freeList;
  while (next && next < block) {
    previous = next;
    next = <usize>load<u32>(next, 4);
  }
  let size = <usize>load<u32>(block);
  let start = block;
  if (next && block + size == next) {
    size += <usize>load<u32>(next);
    next = <usize>load<u32>(next, 4);
  }
  let before: usize = 0;
  if (previous && previous + <usize>load<u32>(previous) == block) {
    start = previous;
    size += <usize>load<u32>(previous);
    before = previousOf(previous);
  } else before = previous;
  if (start + size == top) {
    top = start;
    next = 0;
    if (before) store<u32>(before, 0, 4);
    else freeList = 0;
    return;
  }
  store<u32>(start, <u32>size);
  store<u32>(start, <u32>next, 4);
  if (before) store<u32>(before, <u32>start, 4);
  else freeList = start;
}

function previousOf(block: usize): usize {
  let previous: usize = 0;
  let at = freeList;
  while (at != block) {
    previous = at;
    at = <usize>load<u32>(at, 4);
  }
  return previous;
}

/** Bytes between the start of the arena and its top: what a leak test watches. */
export function used(): u32 {
  return top ? <u32>(top - ((__heap_base + 15) & ~15)) : 0;
}
