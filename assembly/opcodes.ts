export const enum Op { Nop = 0 }
