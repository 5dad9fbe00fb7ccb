"""Measures of explicit Runge-Kutta methods in 50 digits, for tests/measures.rs.

Tableaus, error coefficients and orders come from NodePy; everything else is computed here with
sympy and mpmath by other means than in kutta: roots of square-free factors, eigenvalues, a curve
followed by Newton's method.
"""

import json
import sys

import mpmath as mp
import numpy as np
import sympy as sp
from nodepy import rk
from nodepy import rooted_trees as rt

mp.mp.dps = 50
NAMES = ["FE", "Mid22", "SSP22", "MTE22", "Heun33", "SSP33", "RK44", "SSP43", "SSP104", "BS3", "Merson43",
         "Zonneveld43", "Fehlberg45", "CK5", "DP5", "BS5"]
# Methods whose region has one part.
CONNECTED = ["Mid22", "SSP22", "MTE22", "Heun33", "SSP33", "RK44", "SSP104", "BS3"]
z = sp.symbols("z")


def positive_roots(poly):
    poly = sp.Poly(poly, z)
    roots = set()
    for factor, _ in poly.sqf_list()[1]:
        for root in factor.nroots(n=60, maxsteps=500):
            if abs(sp.im(root)) < sp.Float(10) ** -30 and sp.re(root) > sp.Float(10) ** -30:
                roots.add(sp.re(root))
    return sorted(roots)


def stable_intervals(margin):
    """The intervals of z >= 0 with margin(z) >= 0."""
    ends = [sp.Integer(0)] + positive_roots(margin)
    poly = sp.Poly(margin, z)
    intervals = []
    for low, high in zip(ends, ends[1:]):
        if poly.eval(sp.Rational(str((low + high) / 2))) >= 0:
            if intervals and intervals[-1][1] == low:
                intervals[-1][1] = high
            else:
                intervals.append([low, high])
    return intervals


def disk(c):
    """min |z|^2 / (-2 Re z) over |R(z)| = 1, Re z < 0; for order 1 also its limit at z = 0."""
    p = np.poly1d([float(x) for x in reversed(c)])
    best = None
    for angle in np.linspace(0, np.pi, 2001):
        for w in (p - np.exp(1j * angle)).r:
            if w.real < -1e-3:
                size = abs(w) ** 2 / (-2 * w.real)
                if best is None or size < best[0]:
                    best = (size, angle, complex(w))
    coefficients = [mp.mpf(x.p) / x.q for x in reversed(c)]

    def size(angle):
        target, w = mp.expj(angle), mp.mpc(best[2])
        for _ in range(60):
            value, slope = mp.polyval(coefficients, w, derivative=True)
            w -= (value - target) / slope
        return abs(w) ** 2 / (-2 * w.real)

    found = golden(lambda angle: -size(angle), best[1] - 0.002, best[1] + 0.002)
    limit = 1 / (1 - 2 * mp.mpf(c[2].p) / c[2].q) if len(c) > 2 and c[2] < sp.Rational(1, 2) else mp.inf
    limit = mp.mpf(1) if len(c) == 2 else limit
    return min(-found, limit)


def golden(f, low, high):
    ratio = (mp.sqrt(5) - 1) / 2
    low, high = mp.mpf(low), mp.mpf(high)
    for _ in range(100):
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        if f(a) > f(b):
            high = b
        else:
            low = a
    return f((low + high) / 2)


def linear_ssp(r):
    """Up to the first r at which a derivative of R(-r) becomes negative."""
    derivatives = [sp.Poly(r.diff(z, k) if k else r, z) for k in range(sp.degree(r, z) + 1)]
    mirrored = [sp.Poly(d.as_expr().subs(z, -z), z) for d in derivatives]
    ends = sorted({root for d in mirrored if d.degree() > 0 for root in positive_roots(d.as_expr())})
    last = sp.Integer(0)
    for low, high in zip([sp.Integer(0)] + ends, ends + [ends[-1] + 2]):
        middle = sp.Rational(str((low + high) / 2))
        if any(d.eval(middle) < 0 for d in mirrored):
            return low
        last = high
    return last


def ssp(a, b):
    s = len(b)
    a, b = mp.matrix(a), mp.matrix(b)
    one = mp.ones(s, 1)

    def holds(r):
        inverse = (mp.eye(s) + r * a) ** -1
        tests = list(a * inverse) + list(b.T * inverse) + list(inverse * one)
        tests.append(1 - r * (b.T * inverse * one)[0])
        return all(x >= -mp.mpf(10) ** -45 for x in tests)

    low, high = mp.mpf(10) ** -6, mp.mpf(50)
    if not holds(low):
        return mp.mpf(0)
    for _ in range(150):
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


def leading_terms(r):
    terms = 2 * sp.degree(r, z) + 2
    # log R, term by term: R' = R (log R)'.
    c = [sp.Poly(r, z).coeff_monomial(z**k) for k in range(terms)]
    log = [sp.Integer(0)]
    for k in range(1, terms):
        log.append(c[k] - sum(j * log[j] * c[k - j] for j in range(1, k)) / sp.Integer(k))
    log[1] -= 1
    found = {}
    for k, x in enumerate(log):
        kind = "dispersion" if k % 2 else "dissipation"
        if x != 0 and kind not in found:
            part = sp.im(sp.I**k * x) if k % 2 else sp.re(sp.I**k * x)
            found[kind] = {"order": k - 1, "coefficient": str(-part)}
    return found


def amplification(c, perturbations):
    p = np.poly1d([float(x) for x in reversed(c)])
    qs = [np.poly1d([float(x) for x in q]) for q in perturbations]
    best = (0, None, None, None)
    for angle in np.linspace(0, np.pi, 2001):
        for w in (p - np.exp(1j * angle)).r:
            for q, exact in zip(qs, perturbations):
                if abs(q(w)) > best[0]:
                    best = (abs(q(w)), angle, complex(w), exact)
    coefficients = [mp.mpf(x.p) / x.q for x in reversed(c)]
    q = [mp.mpf(x.p) / x.q for x in best[3]]

    def size(angle):
        target, w = mp.expj(angle), mp.mpc(best[2])
        for _ in range(60):
            value, slope = mp.polyval(coefficients, w, derivative=True)
            w -= (value - target) / slope
        return abs(mp.polyval(q, w))

    return golden(size, best[1] - 0.002, best[1] + 0.002)


def measure(name):
    method = rk.loadRKM(name)
    a = [[sp.Rational(x) for x in row] for row in method.A.tolist()]
    b = [sp.Rational(x) for x in method.b]
    # Stages that do not reach b take no part in the step.
    keep = list(range(len(b)))
    for j in reversed(range(len(b))):
        if b[j] == 0 and all(a[i][j] == 0 for i in keep if i > j):
            keep.remove(j)
    a, b = [[a[i][j] for j in keep] for i in keep], [b[i] for i in keep]
    s = len(b)
    r = sp.Integer(1)
    powers = sp.ones(s, 1)
    for k in range(1, s + 1):
        r += (sp.Matrix([b]) * powers)[0] * z**k
        powers = sp.Matrix(a) * powers
    r = sp.expand(r)
    c = [sp.Poly(r, z).coeff_monomial(z**k) for k in range(sp.degree(r, z) + 1)]
    # z b' (I - z a)^-1, backward.
    q = [None] * s
    for j in reversed(range(s)):
        q[j] = sp.expand(z * (b[j] + sum(a[i][j] * q[i] for i in range(j + 1, s))))
    real = stable_intervals(1 - r.subs(z, -z) ** 2)
    even = sum(c[k] * (-1) ** (k // 2) * z ** (k // 2) for k in range(0, len(c), 2))
    odd = sum(c[k] * (-1) ** (k // 2) * z ** (k // 2) for k in range(1, len(c), 2))
    squares = stable_intervals(sp.expand(1 - even**2 - z * odd**2))
    on_axis = sp.Integer(0)
    for poly in q[1:]:
        mirrored = sp.Poly(poly.subs(z, -z), z)
        turns = positive_roots(mirrored.diff().as_expr()) if mirrored.degree() > 1 else []
        for x in [t for t in turns if t < real[0][1]] + [real[0][1]]:
            on_axis = max(on_axis, abs(mirrored.eval(x)))
    to_mp = lambda rows: [[mp.mpf(x.p) / x.q for x in row] for row in rows]
    number = lambda x: mp.nstr(mp.mpf(str(x)), 20)
    p = method.p

    def norm(order):
        # NodePy is slow beyond order 7.
        if order > 7:
            return None
        errors = [sp.nsimplify(method.error_coefficient(tree)) for tree in rt.list_trees(order)]
        return number(sp.sqrt(sum(e**2 for e in errors)).evalf(40))

    case = {
        "name": name,
        "a": [[str(x) for x in row[:i]] for i, row in enumerate(a)],
        "b": [str(x) for x in b],
        "order": p,
        "real": [[number(x) for x in ends] for ends in real],
        "imaginary": [[number(sp.sqrt(x).evalf(40)) for x in ends] for ends in squares],
        "disk": number(disk(c)),
        "linear_ssp": number(linear_ssp(r)),
        "ssp": number(ssp(to_mp(a), to_mp([b])[0])),
        "contractivity": number(contractivity(to_mp(a), to_mp([b])[0])),
        "principal": norm(p + 1),
        "next": norm(p + 2),
        "real_amplification": number(on_axis),
        **leading_terms(r),
    }
    if name in CONNECTED:
        exact = [[x for x in sp.Poly(poly, z).all_coeffs()] for poly in q[1:]]
        case["amplification"] = number(amplification(c, exact))
    print(name, file=sys.stderr, flush=True)
    return case


cases = ",\n".join(json.dumps(measure(name)) for name in NAMES)
print('{"cases": [\n' + cases + "\n]}")
