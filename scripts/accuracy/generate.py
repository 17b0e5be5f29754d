"""Writes test/accuracy/tables/<name>.txt, the reference values behind every accuracy promise, from the entries of
test/accuracy/promises.json: mpmath at 60 digits, and at more until two precisions agree to 30 digits, so that an expression
may cancel. Run as `python3 scripts/accuracy/generate.py [name ...]` (all entries without names); the same points come every time.

A line of a table is "x y e" ("x1 x2 y e" for two arguments): doubles as the hex digits of their 64 bits without the trailing
zeros ("." for +0), y the double nearest to the true value and e the true value minus y in hundredths of an ULP of y.

An entry of promises.json:
  name        of the function and its table
  op          the opcode that `run` takes
  arity       1 or 2
  expression  Python over mpmath's names and references.py, of x (and y); it is not asked at NaN or at infinities
  at          values where the expression cannot say: {"inf": "0", "-0": "-0"}; for two arguments "x,y"
  special     for two arguments: an expression over Python floats used where an argument is zero, infinite or NaN (None: fall back)
  odd         true when f(-0) = -0
  domain      [low, high]: outside, the value is NaN
  points      [{"log": [low, high], "count": n, "sign": "+" | "-" | "both"} | {"lin": [low, high], "count": n}]
  near        branch points; each with its three neighbours on either side (values may be expressions: "log(2)/2")
  exact       single inputs, among them the worst of some ten million random ones
  pairs       for two arguments: [{"x": points, "y": points, "count": n}]
  grid        for two arguments: {"x": [...], "y": [...]}: all combinations, with three neighbours of x when "near" is true
  table       of families.py, for functions of two and three arguments that share their points; then nothing of the above but
              name, op and arity is there
  column      which of its values, from 0
  regions     [{"name", "from", "to", "ulp", "absolute", "relaxedUlp"}]: a point belongs to the first region that holds its x
"""

import json
import math
import random
import signal
import struct
import sys
from pathlib import Path

import references
from families import FAMILIES
from mpmath import mp

mp.dps = 60  # for what happens outside `evaluate`
ROOT = Path(__file__).resolve().parent.parent.parent
TABLES = ROOT / "test" / "accuracy" / "tables"
NAMES = {n: getattr(mp, n) for n in dir(mp) if not n.startswith("_")}
NAMES.update({n: getattr(references, n) for n in dir(references) if not n.startswith("_")})

SUBNORMAL = [5e-324, 1e-323, 2.0**-1060, 1.5 * 2.0**-1040, 2.225073858507201e-308, 2.0**-1022, 2.2250738585072019e-308]
COMMON = [0.0, 1.0, 0.5, 2.0, 1.7976931348623157e308, math.inf] + SUBNORMAL


def bits(x):
    return struct.unpack(">Q", struct.pack(">d", x))[0]


def hexadecimal(x):
    if math.isnan(x):
        return "7ff8"
    return format(bits(x), "016x").rstrip("0") or "."


def number(text):
    """A float from a JSON number or from an expression."""
    if isinstance(text, (int, float)):
        return float(text)
    if text in ("inf", "-inf", "nan", "-0"):
        return float(text)
    return nearest(mp.mpf(eval(text, NAMES)))[0]


def nearest(v):
    """The double nearest to v, and what remains in ULP of it."""
    if v == 0:
        return 0.0, 0.0
    sign = -1.0 if v < 0 else 1.0
    v = abs(v)
    q = max(mp.frexp(v)[1] - 53, -1074)
    n = int(mp.nint(mp.ldexp(v, -q)))
    if n and q + n.bit_length() > 1024:
        return sign * math.inf, 0.0
    y = math.ldexp(float(n), q)
    ulp = max(math.frexp(y)[1] - 53, -1074) if y else -1074
    return sign * y, sign * float(mp.ldexp(v - mp.mpf(y), -ulp))


def evaluate(code, **arguments):
    """The value of an expression, trusted once two precisions agree."""
    dps, previous = 60, None
    while True:
        with mp.workdps(dps):
            value = eval(code, NAMES, {k: mp.mpf(v) for k, v in arguments.items()})
            if isinstance(value, mp.mpc) or mp.isnan(value):
                return mp.nan
            if previous is not None and abs(value - previous) <= abs(value) * mp.mpf(10) ** -30:
                return value
            previous = value
        if dps > 5000:
            raise ArithmeticError(f"no agreement at {arguments}")
        dps = dps + 30 if dps < 100 else dps * 2


def steps(x, count=3):
    """x and its neighbours."""
    found, up, down = [x], x, x
    for _ in range(count):
        up, down = math.nextafter(up, math.inf), math.nextafter(down, -math.inf)
        found += [up, down]
    return found


def shorten(x, rng):
    """Two of three inputs keep 20 bits, so that tables stay small."""
    if rng.random() < 1 / 3 or x == 0 or math.isinf(x):
        return x
    m, e = math.frexp(x)
    return math.ldexp(round(math.ldexp(m, 21)), e - 21)


def draw(points, rng):
    if "log" in points:
        low, high = (number(v) for v in points["log"])
        if not 0 < low < high:
            raise ValueError(f"log: expected 0 < low < high, got {points['log']}")
        lowest, highest = float(mp.log(low, 2)), float(mp.log(high, 2))
        x = nearest(mp.power(2, rng.uniform(lowest, highest)))[0]
        sign = points.get("sign", "+")
        x = min(max(shorten(x, rng), low), high)
        return -x if sign == "-" or (sign == "both" and rng.random() < 0.5) else x
    low, high = (number(v) for v in points["lin"])
    return min(max(shorten(rng.uniform(low, high), rng), low), high)


def inputs(entry, rng):
    if entry["arity"] == 2:
        values = COMMON + [3.0, -math.inf, math.nan, 1.5]
        values = values + [-v for v in COMMON] + [-3.0, -1.5]
        found = [(a, b) for a in values for b in values]
        grid = entry.get("grid")
        if grid:
            for a in map(number, grid["x"]):
                near = steps(a) if grid.get("near") else [a]
                found += [(c, number(b)) for c in near for b in grid["y"]]
        for pair in entry.get("pairs", []):
            found += [(draw(pair["x"], rng), draw(pair["y"], rng)) for _ in range(pair["count"])]
        return found
    found = [s * v for v in COMMON for s in (1.0, -1.0)] + [math.nan]
    found += [number(v) for v in entry.get("exact", [])]
    for v in entry.get("near", []):
        found += steps(number(v))
    for points in entry.get("points", []):
        found += [draw(points, rng) for _ in range(points["count"])]
    return [(x,) for x in found]


def key(x):
    return "-0" if x == 0 and math.copysign(1, x) < 0 else "inf" if x == math.inf else "-inf" if x == -math.inf else repr(x)


def value(entry, code, special, at, arguments):
    """(y, e) at a point, or an error that names the point at which the entry does not say."""
    label = ",".join(map(key, arguments))
    if label in at:
        return at[label], 0.0
    if special and any(x == 0 or not math.isfinite(x) for x in arguments):
        y = eval(special, NAMES, dict(zip("xy", arguments)))
        if y is not None:
            return y, 0.0
    if any(map(math.isnan, arguments)):
        return math.nan, 0.0
    low, high = map(number, entry.get("domain", ["-inf", "inf"]))
    if not low <= arguments[0] <= high:
        return math.nan, 0.0
    if any(map(math.isinf, arguments)):
        raise ValueError(f"{entry['name']}: \"at\" or \"special\" must say what f({label}) is")
    try:
        v = evaluate(code, **dict(zip("xy", arguments)))
    except (ZeroDivisionError, ValueError) as error:
        raise ValueError(f"{entry['name']}: \"at\" or \"domain\" must say what f({label}) is: {error}") from error
    if mp.isnan(v):
        return math.nan, 0.0
    if mp.isinf(v):
        return float(v), 0.0
    y, e = nearest(v)
    if y == 0 and v == 0 and entry.get("odd") and math.copysign(1, arguments[0]) < 0:
        y = -0.0
    return y, e


def agreed(values, arguments):
    """A tuple of values, trusted once two precisions agree."""
    dps, previous = 50, None
    while True:
        with mp.workdps(dps):
            found = values(*map(mp.mpf, arguments))
            if previous and all(abs(v - w) <= abs(v) * mp.mpf(10) ** -25 for v, w in zip(found, previous)):
                return found
            previous = found
        if dps > 700:
            raise ArithmeticError("no agreement")
        dps = dps + 15 if dps < 60 else dps * 2


def give_up(*_):
    raise TimeoutError("60 seconds")


def moved(slope, y, x):
    """The condition of an inverse, unless the function is too flat for one."""
    if slope == 0 or min(y, abs(x)) < 1e-307 or math.ulp(y) / abs(slope) > 1e5 * math.ulp(x):
        return ""
    return f"c{float(math.ulp(y) / slope / math.ulp(x)):.1e}"


def family_table(name):
    """
    A table of families.py: its columns follow each other, "y e" each. Where y is 0 and the true value is not, e is 1. Where the
    column has an inverse, e is followed by "c" and how many ULP of the last argument an ULP of y is.
    """
    family, rng, lines, seen = FAMILIES[name], random.Random(name), [], set()
    inverted = [0] * len(family.signs)
    signal.signal(signal.SIGALRM, give_up)
    for arguments in family.points(rng):
        words = [hexadecimal(v) for v in arguments]
        if tuple(words) in seen:
            continue
        seen.add(tuple(words))
        found = family.special(*arguments)
        if found is not None:
            words += [w for v in found for w in (hexadecimal(v), "0")]
        else:
            signal.alarm(60)
            try:
                found = agreed(family.values, arguments)
            except Exception as error:
                raise ArithmeticError(f"{name} at {arguments}: {error}") from error
            signal.alarm(0)
            for k, v in enumerate(found):
                y, e = nearest(v)
                words += [hexadecimal(y), str(round(e * 100) if y or v == 0 else 1)]
                if k < len(family.signs) and 1e-307 < y < 1:
                    condition = moved(family.density(*map(mp.mpf, arguments)) * family.signs[k], y, arguments[-1])
                    words[-1] += condition
                    inverted[k] += condition != ""
        lines.append(" ".join(words) + "\n")
    if min([len(lines), *inverted]) < 2000:
        raise ValueError(f"{name}: expected at least 2000 points, of inverses too, got {len(lines)} and {inverted}")
    (TABLES / f"{name}.txt").write_text("".join(lines))
    return len(lines)


def table(entry):
    rng = random.Random(entry["name"])
    code = compile(entry["expression"], entry["name"], "eval")
    special = compile(entry["special"], entry["name"], "eval") if "special" in entry else None
    at = {k: number(v) for k, v in entry.get("at", {}).items()}
    lines, seen = [], set()
    for arguments in inputs(entry, rng):
        x = " ".join(map(hexadecimal, arguments))
        if x in seen:
            continue
        seen.add(x)
        y, e = value(entry, code, special, at, arguments)
        lines.append(f"{x} {hexadecimal(y)} {round(e * 100)}\n")
    if len(lines) < 2000:
        raise ValueError(f"{entry['name']}: expected at least 2000 points, got {len(lines)}")
    TABLES.mkdir(parents=True, exist_ok=True)
    (TABLES / f"{entry['name']}.txt").write_text("".join(lines))
    return len(lines)


def main():
    entries = json.loads((ROOT / "test" / "accuracy" / "promises.json").read_text())
    tables = {e.get("table", e["name"]): e for e in entries}
    wanted = sys.argv[1:]
    unknown = set(wanted) - tables.keys()
    if unknown:
        sys.exit(f"no such table: {', '.join(sorted(unknown))}")
    for name, entry in tables.items():
        if not wanted or name in wanted:
            print(name, family_table(name) if name in FAMILIES else table(entry), "points", flush=True)


if __name__ == "__main__":
    main()
