// log I0 and I1/I0 of the modified Bessel functions on two lanes, what the von Mises distribution needs: rational minimax fits in
// x²/4 up to 10 and 18, asymptotic forms as fits in 1/x beyond. Both functions are smooth at 0 and exact there. Fits:
// scripts/accuracy/fits.py.

import { abs, add, div, madd, mul, pmax, pmin, select, splat, sub } from "../lanes";
import { log } from "../math";
import { polynomial10, polynomial12, polynomial8 } from "./parts";

// log I0(x) = z P(z)/Q(z), z = x²/4, |x| <= 10.
const LOG_I0 = memory.data<f64>([
  1.0, 2.344089943733806, 2.2262063292429057, 1.1085025478992767, 0.31392169200323394, 0.051561236298928205,
  0.004834752490201199, 0.00024726430032423187, 6.356107842180804e-06, 7.123897689444212e-08, 2.617849377530672e-10,
  1.3258182533078088e-13,
  1.0, 2.5940899437338043, 2.7636177040653314, 1.5684664246105289, 0.5159227340743112, 0.10070241212260055,
  0.01155102447473944, 0.0007513323814056242, 2.5963975482063254e-05, 4.2748659612835647e-07, 2.751903613722222e-09,
  4.384141497348562e-12,
], 16);
// log I0(x) = x - log(2πx)/2 + q P(q)/Q(q), q = 1/x, x >= 10.
const LOG_I0_TAIL = memory.data<f64>([
  0.12500000001763167, -3.9757730760744234, 50.42449685938056, -309.6331571910214, 892.2075804373585,
  -958.8526166495598, 154.1171047853126, 0.0,
  1.0, -32.30618456821961, 419.0282292192085, -2670.5654532596177, 8279.261483374305, -10709.889843768242,
  3865.402908947252, 0.0,
], 16);
// I1(x)/I0(x) = x/2 P(z)/Q(z), z = x²/4, |x| <= 18.
const BESSEL_RATIO = memory.data<f64>([
  1.0, 0.4428627593659538, 0.056506285684507954, 0.0030158278514865176, 7.725423655168673e-05, 9.900680049227715e-07,
  6.17904065208366e-09, 1.6853341108016697e-11, 1.5398356877971228e-14, 1.994936915974851e-18,
  1.0, 0.9428627593659537, 0.19460433203415248, 0.015197074079908748, 0.0005470629531571288, 9.793450234278424e-06,
  8.753667109675155e-08, 3.6618687792526053e-10, 6.045827774990643e-13, 2.5325008984553276e-16,
], 16);
// I1(x)/I0(x) = 1 - q P(q), q = 1/x, x >= 18.
const BESSEL_RATIO_TAIL = memory.data<f64>([
  0.49999999999999695, 0.12500000000634645, 0.12499999680480182, 0.19531322748699947, 0.40615751766251235,
  1.0551116905343114, 2.8480663156104438, 24.051154940379146, -236.8486390684616, 4305.95954063508,
  -33810.2502764106, 144140.43132186678,
], 16);

/** log I0(x), even. */
export function logBesselI0(x: v128): v128 {
  const a = abs(x);
  const b = pmin(a, splat(10));
  const z = mul(mul(b, b), splat(0.25));
  const z2 = mul(z, z);
  const z4 = mul(z2, z2);
  let y = mul(z, div(polynomial12(LOG_I0, z, z2, z4), polynomial12(LOG_I0 + 96, z, z2, z4)));
  const large = f64x2.gt(a, splat(10));
  if (v128.any_true(large)) {
    const q = div(splat(1), pmax(a, splat(10)));
    const q2 = mul(q, q);
    const q4 = mul(q2, q2);
    const s = mul(q, div(polynomial8(LOG_I0_TAIL, q, q2, q4), polynomial8(LOG_I0_TAIL + 64, q, q2, q4)));
    const t = sub(s, madd(splat(0.5), log(a), splat(0.9189385332046727)));
    y = select(large, select(f64x2.eq(a, splat(Infinity)), a, add(a, t)), y);
  }
  return y;
}

/** I1(x)/I0(x), odd. */
export function besselRatio(x: v128): v128 {
  const a = abs(x);
  const b = pmin(a, splat(18));
  const z = mul(mul(b, b), splat(0.25));
  const z2 = mul(z, z);
  const z4 = mul(z2, z2);
  let y = mul(mul(b, splat(0.5)), div(polynomial10(BESSEL_RATIO, z, z2, z4), polynomial10(BESSEL_RATIO + 80, z, z2, z4)));
  const large = f64x2.gt(a, splat(18));
  if (v128.any_true(large)) {
    const q = div(splat(1), a);
    const q2 = mul(q, q);
    y = select(large, sub(splat(1), mul(q, polynomial12(BESSEL_RATIO_TAIL, q, q2, mul(q2, q2)))), y);
  }
  return v128.bitselect(x, y, splat(-0.0));
}
