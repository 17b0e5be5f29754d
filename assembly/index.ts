// The ABI of the core: every export, one documented line each, nothing else. All pointers are byte offsets into the memory.

export { allocate, free, used } from "./memory";
