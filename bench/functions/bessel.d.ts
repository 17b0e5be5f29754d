declare module "bessel" {
  const bessel: {
    /** The modified Bessel function of the first kind, I_n(x). */
    besseli(x: number, n: number): number;
  };
  export = bessel;
}
