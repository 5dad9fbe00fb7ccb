"""The polynomial of src/expr/functions/normal.rs, printed as Rust.

For u >= 0 the normal distribution function is Phi(-u) = exp(-u^2/2) P(t) / (u + C) with t = (u - C) / (u + C), after
Shepherd and Laframboise (1981). P interpolates at the Chebyshev points of 0 <= u <= FAR, stretched so that the lowest
is u = 0, where Phi is 1/2 without error.
"""

from mpmath import cos, erfc, exp, mp, mpf, pi, sqrt

mp.dps = 60
C, FAR, N = mpf(4), mpf(39), 23


def wanted(t):
    u = C * (1 + t) / (1 - t)
    return (u + C) * exp(u * u / 2) * erfc(u / sqrt(mpf(2))) / 2


def value(p, t):
    y = mpf(0)
    for a in reversed(p):
        y = y * t + a
    return y


low, high = mpf(-1), (FAR - C) / (FAR + C)
end = cos(pi / (2 * N))
points = [low + (high - low) * (1 - cos(pi * (2 * k + 1) / (2 * N)) / end) / 2 for k in range(N)]
points = [min(max(t, low), high) for t in points]

# Newton's divided differences, then powers of t.
slopes = [wanted(t) for t in points]
for j in range(1, N):
    for i in range(N - 1, j - 1, -1):
        slopes[i] = (slopes[i] - slopes[i - 1]) / (points[i] - points[i - j])
p = [slopes[-1]]
for slope, t in zip(reversed(slopes[:-1]), reversed(points[:-1])):
    p = [a - t * b for a, b in zip([mpf(0)] + p, p + [mpf(0)])]
    p[0] += slope

p = [mpf(float(a)) for a in p]
grid = [low + (high - low) * k / 2000 for k in range(2001)]
error = max(abs(value(p, t) / wanted(t) - 1) for t in grid)
print(f"// relative error {float(error):.1e}, P(-1) - 2 = {float(value(p, low) - 2):.1e}")
for a in p:
    print(f"    {float(a)!r},")
