"""Measures of the whole catalogue in 60 digits, for tests/catalogue_measures.rs.

Reads the coefficients of `kutta tableau list --json` from stdin. The rest is computed here by other
means than in kutta: roots of 1 - |R|^2 by the iteration of Durand and Kerner, error norms by a recursion over trees
as nested tuples, strong stability and contractivity by inverse matrices and eigenvalues, the disk by minimising
over the boundary of the region.
"""

import json
import re
import sys
from fractions import Fraction
from functools import lru_cache
from math import factorial

import mpmath as mp
import numpy as np

mp.mp.dps = 60


def number(text):
    if "sqrt" in text:
        text = re.sub(r"(\d+(?:\.\d+)?)", r"mp.mpf('\1')", text)
        return eval(text, {"mp": mp, "sqrt": mp.sqrt})
    x = Fraction(text)
    return mp.mpf(x.numerator) / x.denominator


@lru_cache(None)
def forests(vertices, largest):
    """Multisets of trees with so many vertices in all, as sorted tuples of trees up to `largest`."""
    if vertices == 0:
        return [()]
    found = []
    for size in range(min(vertices, largest), 0, -1):
        for tree in trees(size):
            for rest in forests(vertices - size, size):
                if not rest or (order(rest[0]), rest[0]) <= (size, tree):
                    found.append((tree,) + rest)
    return found


@lru_cache(None)
def trees(vertices):
    return sorted(set(tuple(sorted(f)) for f in forests(vertices - 1, vertices - 1)))


@lru_cache(None)
def order(tree):
    return 1 + sum(order(branch) for branch in tree)


@lru_cache(None)
def density(tree):
    product = order(tree)
    for branch in tree:
        product *= density(branch)
    return product


@lru_cache(None)
def symmetry(tree):
    product = 1
    for branch in set(tree):
        count = tree.count(branch)
        product *= symmetry(branch) ** count * factorial(count)
    return product


def error_norm(a, b, q):
    """The Euclidean norm of (Phi - 1/gamma)/sigma over the trees of q vertices, in integers over 10^80."""
    scale = 10**80
    fixed = lambda x: int(mp.nint(x * scale))
    rows, weights = [[fixed(x) for x in row] for row in a], [fixed(x) for x in b]
    known = {}

    def stage(tree):
        if tree not in known:
            values = [scale] * len(weights)
            for branch in tree:
                inner = stage(branch)
                sums = [sum(x * y for x, y in zip(row, inner)) // scale for row in rows]
                values = [x * y // scale for x, y in zip(values, sums)]
            known[tree] = values
        return known[tree]

    total = mp.mpf(0)
    for tree in trees(q):
        phi = mp.mpf(sum(x * y for x, y in zip(weights, stage(tree)))) / scale**2
        total += ((phi - mp.mpf(1) / density(tree)) / symmetry(tree)) ** 2
    return mp.sqrt(total)


def stability(a, b, p, rounding):
    s = len(b)
    powers, c = [mp.mpf(1)] * s, [mp.mpf(1)]
    sizes, size = [mp.mpf(1)] * s, [mp.mpf(1)]
    for k in range(1, s + 1):
        moment = mp.fsum(x * y for x, y in zip(b, powers))
        c.append(1 / mp.factorial(k) if k <= p else moment)
        powers = [mp.fsum(x * y for x, y in zip(row, powers)) for row in a]
        size.append(mp.fsum(abs(x) * y for x, y in zip(b, sizes)))
        sizes = [mp.fsum(abs(x) * y for x, y in zip(row, sizes)) for row in a]
    # What is zero but for the rounding of the tableau.
    while abs(c[-1]) <= rounding * size[len(c) - 1]:
        c.pop()
    return c


def first_exit(margin):
    """The smallest x > 0 at which a polynomial (constant first), not negative at 0+, becomes negative."""
    margin = list(margin)
    while abs(margin[-1]) < mp.mpf(10) ** -45:
        margin.pop()
    while abs(margin[0]) < mp.mpf(10) ** -40:
        margin.pop(0)
    # What is zero but for the rounding of the tableau.
    if margin[0] < 0:
        return mp.mpf(0)
    roots = mp.polyroots(list(reversed(margin)), maxsteps=2000, extraprec=600)
    real = sorted(mp.re(x) for x in roots if abs(mp.im(x)) < mp.mpf(10) ** -18 * (1 + abs(x)) and mp.re(x) > 0)
    value = lambda x: mp.polyval(list(reversed(margin)), x)
    for k, x in enumerate(real):
        after = (x + real[k + 1]) / 2 if k + 1 < len(real) else x * 2
        if value(after) < 0:
            return x
    return mp.inf


def real_limit(c):
    mirrored = [x * (-1) ** k for k, x in enumerate(c)]
    return min(first_exit([1 - mirrored[0]] + [-x for x in mirrored[1:]]), first_exit([1 + mirrored[0]] + mirrored[1:]))


def imaginary_limit(c, p, rounding):
    even = [c[k] * (-1) ** (k // 2) for k in range(0, len(c), 2)]
    odd = [c[k] * (-1) ** (k // 2) for k in range(1, len(c), 2)]
    margin = [mp.mpf(0)] * (len(c) + 1)
    for part, shift in ((even, 0), (odd, 1)):
        for i, x in enumerate(part):
            for j, y in enumerate(part):
                margin[i + j + shift] -= x * y
    margin[0] += 1
    margin = [x if abs(x) > rounding else mp.mpf(0) for x in margin]
    return mp.sqrt(first_exit(margin))


def ssp(a, b, slack):
    s = len(b)
    a, b = mp.matrix(a), mp.matrix(b)
    one = mp.ones(s, 1)

    def holds(r):
        inverse = (mp.eye(s) + r * a) ** -1
        tests = list(a * inverse) + list(b.T * inverse) + list(inverse * one)
        tests.append(1 - r * (b.T * inverse * one)[0])
        return all(x >= -slack for x in tests)

    low, high = mp.mpf(10) ** -6, mp.mpf(50)
    if not holds(low):
        return mp.mpf(0)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def contractivity(a, b):
    s = len(b)
    if min(b) <= 0:
        return mp.mpf(0)
    m = mp.matrix(s, s)
    for i in range(s):
        for j in range(s):
            m[i, j] = (b[i] * a[i][j] + b[j] * a[j][i] - b[i] * b[j]) / mp.sqrt(b[i] * b[j])
    return -1 / min(mp.eigsy(m, eigvals_only=True))


def disk(c, real):
    """The largest r with |R| <= 1 on |z + r| <= r, by halving; |R| on the circle at many angles, refined."""
    exact = list(reversed(c))
    floats = np.array([float(x) for x in exact])

    def holds(r):
        angle = np.linspace(1e-3, np.pi, 4001)
        z = float(r) * (np.exp(1j * angle) - 1)
        size = np.abs(np.polyval(floats, z))
        k = int(np.argmax(size))
        # Around the largest value in 60 digits.
        low, high = mp.mpf(angle[max(k - 1, 0)]), mp.mpf(angle[min(k + 1, 4000)])
        f = lambda t: abs(mp.polyval(exact, r * (mp.expj(t) - 1)))
        for _ in range(60):
            x, y = low + (high - low) / 3, high - (high - low) / 3
            if f(x) < f(y):
                low = x
            else:
                high = y
        near = f(mp.mpf(10) ** -6)
        return max(f((low + high) / 2), near, f(mp.pi)) <= 1 + mp.mpf(10) ** -25

    low, high = mp.mpf(0), real / 2
    if holds(high):
        return high
    for _ in range(45):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def measure(entry):
    s = entry["stages"]
    a = [[number(x) for x in row] + [mp.mpf(0)] * (s - len(row)) for row in entry["a"]]
    b = [number(x) for x in entry["b"]]
    p, digits = entry["order"], entry["digits"]
    keep = list(range(s))
    for j in reversed(range(s)):
        if b[j] == 0 and all(a[i][j] == 0 for i in keep if i > j):
            keep.remove(j)
    a, b = [[a[i][j] for j in keep] for i in keep], [b[i] for i in keep]
    rounding = mp.mpf(10) ** (-digits + 3 if digits else -50)
    c = stability(a, b, p, rounding)
    real = real_limit(c)
    text = lambda x: mp.nstr(x, 18)
    case = {
        "name": entry["name"],
        "real": text(real),
        "imaginary": text(imaginary_limit(c, p, rounding)),
        "disk": text(disk(c, real)),
        "contractivity": text(contractivity(a, b)),
        "principal": text(error_norm(a, b, p + 1)),
        "next": text(error_norm(a, b, p + 2)),
    }
    # Rounded Shu-Osher forms have another coefficient than a and b.
    if not (digits and "shu_osher" in entry):
        case["ssp"] = text(ssp(a, b, 64 * rounding))
    print(entry["name"], file=sys.stderr, flush=True)
    return case


cases = ",\n".join(json.dumps(measure(entry)) for entry in json.load(sys.stdin))
print('{"cases": [\n' + cases + "\n]}")
