# Writes src/core/sobol-data.ts: the direction numbers new-joe-kuo-6 of S. Joe and F. Y. Kuo ("Constructing Sobol sequences with
# better two-dimensional projections", SIAM J. Sci. Comput. 30, 2008) for the first 1,024 dimensions, as one string of bits. The
# argument is their published table (columns d, s, a, m_i); without one the copy that scipy ships is read. Each dimension from the
# second on gives a in s - 1 bits, then (m_k - 1) / 2 in k - 1 bits for k = 2..s; the degrees s follow from the numbers of
# primitive polynomials. Run: python3 scripts/sobol-directions.py [new-joe-kuo-6.21201]
import base64, os, sys

DIMENSIONS = 1024
table = []
if len(sys.argv) > 1:
    for line in open(sys.argv[1]):
        words = line.split()
        if words and words[0].isdigit() and 2 <= int(words[0]) <= DIMENSIONS:
            table.append((int(words[1]), int(words[2]), [int(w) for w in words[3:]]))
else:
    import numpy, scipy.stats
    data = numpy.load(os.path.join(os.path.dirname(scipy.stats.__file__), "_sobol_direction_numbers.npz"))
    for polynomial, initial in list(zip(data["poly"], data["vinit"]))[1:DIMENSIONS]:
        s = int(polynomial).bit_length() - 1
        table.append((s, (int(polynomial) >> 1) & ((1 << (s - 1)) - 1), [int(m) for m in initial[:s]]))
assert len(table) == DIMENSIONS - 1
assert table[4] == (4, 4, [1, 3, 5, 13]) or table[5] == (4, 4, [1, 3, 5, 13])

degrees = [s for s, _, _ in table]
assert degrees == sorted(degrees)
bits = ""
for s, a, m in table:
    assert len(m) == s and m[0] == 1 and all(v % 2 == 1 and v < 1 << k for k, v in enumerate(m, 1))
    bits += format(a, f"0{s - 1}b") if s > 1 else ""
    for k in range(2, s + 1): bits += format((m[k - 1] - 1) // 2, f"0{k - 1}b")
bits += "0" * (-len(bits) % 8)
text = base64.b64encode(bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))).decode()
counts = [degrees.count(s) for s in range(1, max(degrees) + 1)]
lines = "\n".join(f'  "{text[i:i + 110]}",' for i in range(0, len(text), 110))
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "src", "core", "sobol-data.ts")
with open(path, "w") as f:
    f.write(f"""// The numbers of new-joe-kuo-6 (S. Joe and F. Y. Kuo, SIAM J. Sci. Comput. 30, 2008; table (c) 2008 F. Y. Kuo and S. Joe, BSD
// licence) for 1,024 dimensions, packed by scripts/sobol-directions.py.

/** How many of the dimensions from the second on have a polynomial of degree 1, 2, 3, ... */
export const degreeCounts: readonly number[] = {counts};

/** Per dimension: a in s - 1 bits, (m_k - 1) / 2 in k - 1 bits for k = 2..s; base64. */
export const packed: readonly string[] = [
{lines}
];
""")
print(len(text), counts)
