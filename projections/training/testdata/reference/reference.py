#!/usr/bin/env python3
"""Makes reference.json: what scikit-learn and SciPy find on the two sets.

    python3 reference.py            (writes reference.json beside it)
    python3 reference.py --data     (writes breast_cancer.csv anew, too)

Columns are standardised by their weighted mean and population deviation. The
loss is sum(weight*logloss) + l2/2*|w|^2, the intercept free: scikit-learn's
with C = 1/l2. Fits with signs are by SciPy's L-BFGS-B with bounds.
"""
import csv, json, os, platform, sys
import numpy, scipy, sklearn
from scipy.optimize import minimize
from sklearn.calibration import _sigmoid_calibration
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score

HERE = os.path.dirname(os.path.abspath(__file__))


def write_breast_cancer():
    d = load_breast_cancer()
    with open(os.path.join(HERE, "breast_cancer.csv"), "w", newline="") as f:
        w = csv.writer(f, lineterminator="\n")
        w.writerow(["y", "weight"] + [n.replace(" ", "_") for n in d.feature_names[:10]])
        for x, y in zip(d.data[:, :10], d.target):
            w.writerow([int(y), 1] + [repr(float(v)) for v in x])


def read(name):
    with open(os.path.join(HERE, name + ".csv")) as f:
        rows = list(csv.reader(f))
    a = numpy.array(rows[1:], dtype=float)
    y, weight, x = a[:, 0], a[:, 1], a[:, 2:]
    mean = numpy.average(x, axis=0, weights=weight)
    scale = numpy.sqrt(numpy.average((x - mean) ** 2, axis=0, weights=weight))
    return (x - mean) / scale, y, weight


def described(x, y, weight, w, b):
    p = 1 / (1 + numpy.exp(-(x @ w + b)))
    return {
        "weights": [round(float(v), 10) for v in w], "intercept": round(float(b), 10),
        "auc": round(float(roc_auc_score(y, p, sample_weight=weight)), 10),
        "log_loss": round(float(log_loss(y, p, sample_weight=weight)), 10),
    }


def free(x, y, weight, l2):
    m = LogisticRegression(C=1 / l2, tol=1e-12, max_iter=100000, solver="newton-cholesky")
    m.fit(x, y, sample_weight=weight)
    return m.coef_[0], m.intercept_[0]


def signed(x, y, weight, l2, sign):
    def loss(beta):
        z = x @ beta[:-1] + beta[-1]
        p = 1 / (1 + numpy.exp(-z))
        value = (weight * (numpy.logaddexp(0, z) - y * z)).sum() + l2 / 2 * (beta[:-1] ** 2).sum()
        slope = numpy.append(x.T @ (weight * (p - y)) + l2 * beta[:-1], (weight * (p - y)).sum())
        return value, slope

    bounds = [(0, None) if s > 0 else (None, 0) if s < 0 else (None, None) for s in sign] + [(None, None)]
    options = {"maxiter": 100000, "maxfun": 1000000, "ftol": 1e-16, "gtol": 1e-10, "maxcor": 50}
    r = minimize(loss, numpy.zeros(x.shape[1] + 1), jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    return r.x[:-1], r.x[-1]


def main():
    if "--data" in sys.argv:
        write_breast_cancer()
    out = {"made_with": {
        "python": platform.python_version(), "numpy": numpy.__version__,
        "scipy": scipy.__version__, "scikit-learn": sklearn.__version__,
    }, "fits": []}
    for name in ["breast_cancer", "office"]:
        x, y, weight = read(name)
        # Every third weight is held above zero, the next below: some of them
        # want to the other side.
        sign = [(1, -1, 0)[j % 3] for j in range(x.shape[1])]
        for l2 in [1.0, 30.0]:
            w, b = free(x, y, weight, l2)
            fit = {"set": name, "l2": l2, "sign": None, **described(x, y, weight, w, b)}
            if (weight == 1).all():
                slope, shift = _sigmoid_calibration(x @ w + b, y)
                fit["platt"] = [round(float(-slope), 10), round(float(-shift), 10)]
            out["fits"].append(fit)
            w, b = signed(x, y, weight, l2, sign)
            out["fits"].append({"set": name, "l2": l2, "sign": sign, **described(x, y, weight, w, b)})
    with open(os.path.join(HERE, "reference.json"), "w") as f:
        json.dump(out, f, indent=1)
        f.write("\n")


main()
