"""Reference numbers for the optimisers: six updates each on the quadratic
J(w) = (c1 w1^2 + c2 w2^2) / 2, gradient (c1 w1, c2 w2), in plain Python.

The formulas are written as they stand in the sources:
  Sgd    torch.optim.SGD's documentation (dampening 0)
  Adam   Kingma & Ba 2015, algorithm 1
  AdamW  Loshchilov & Hutter 2019, algorithm 2, with the decay scaled by the rate as in torch.optim.AdamW

Run `python3 optimisers.py > optimisers.json`.
"""

import json
import math

CURVATURE = [1.0, 25.0]
START = [1.0, -0.5]
UPDATES = 6


def gradient(w):
    return [c * x for c, x in zip(CURVATURE, w)]


def sgd(rate, momentum=0.0, nesterov=False):
    w, velocity, path = list(START), None, []
    for _ in range(UPDATES):
        g = gradient(w)
        if velocity is None:
            velocity = list(g)
        else:
            velocity = [momentum * v + x for v, x in zip(velocity, g)]
        direction = [x + momentum * v for x, v in zip(g, velocity)] if nesterov else velocity
        w = [x - rate * d for x, d in zip(w, direction)]
        path.append(list(w))
    return path


def adam(rate, beta1=0.9, beta2=0.999, epsilon=1e-8, decay=0.0):
    w, m, v, path = list(START), [0.0, 0.0], [0.0, 0.0], []
    for t in range(1, UPDATES + 1):
        g = gradient(w)
        w = [x - rate * decay * x for x in w]
        for i in range(2):
            m[i] = beta1 * m[i] + (1 - beta1) * g[i]
            v[i] = beta2 * v[i] + (1 - beta2) * g[i] ** 2
            m_hat = m[i] / (1 - beta1**t)
            v_hat = v[i] / (1 - beta2**t)
            w[i] -= rate * m_hat / (math.sqrt(v_hat) + epsilon)
        path.append(list(w))
    return path


RUNS = [
    ("Sgd(rate: 0.02)", sgd(0.02)),
    ("Sgd(rate: 0.02, momentum: 0.9)", sgd(0.02, 0.9)),
    ("Sgd(rate: 0.02, momentum: 0.9, nesterov: true)", sgd(0.02, 0.9, True)),
    ("Adam(rate: 0.1)", adam(0.1)),
    (
        "Adam(rate: 0.05, beta1: 0.8, beta2: 0.9, epsilon: 0.01)",
        adam(0.05, 0.8, 0.9, 0.01),
    ),
    ("AdamW(rate: 0.1)", adam(0.1, decay=0.01)),
    (
        "AdamW(rate: 0.05, decay: 0.5, beta1: 0.8, beta2: 0.9, epsilon: 0.01)",
        adam(0.05, 0.8, 0.9, 0.01, 0.5),
    ),
]

print(
    json.dumps(
        {
            "made_by": "tests/reference/optimisers.py",
            "curvature": CURVATURE,
            "start": START,
            "runs": [{"optimiser": name, "weights": path} for name, path in RUNS],
        },
        indent=1,
    )
)
