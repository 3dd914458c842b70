#!/usr/bin/env python3
"""Make a model folder: folder.py TRAINING.csv FEATURES.json FOLDER

TRAINING.csv has a column for each feature and y, 1 for won and 0 for not:
`ghl-ledger export --dataset training --format csv`. FEATURES.json is what
`ghl-ledger model features --output json` prints. Then
`ghl-ledger model import FOLDER`.
"""
import csv, json, pathlib, sys
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

rows = list(csv.DictReader(open(sys.argv[1])))
signs = {f["name"]: f["sign"] for f in json.load(open(sys.argv[2]))}
names = [n for n in signs if n in rows[0] and signs[n] != "none" and len({r[n] for r in rows}) > 1]
y = [float(r["y"]) for r in rows]
while True:
    x = [[float(r[n]) for n in names] for r in rows]
    scaler = StandardScaler().fit(x)
    model = LogisticRegression(C=1 / 30, max_iter=1000).fit(scaler.transform(x), y)
    weight = dict(zip(names, model.coef_[0]))
    wrong = {n for n in names if signs[n] == "+" and weight[n] < 0 or signs[n] == "-" and weight[n] > 0}
    if not wrong:  # a weight with the other sign would break a promise of the score
        break
    names = [n for n in names if n not in wrong]
tests = [{"x": r, "probability": p[1]} for r, p in zip(x[:50], model.predict_proba(scaler.transform(x[:50])))]
manifest = {"format": 1, "name": "scikit-learn", "model": "linear.json", "feature_set": "fs-1", "features": names, "self_tests": tests}
linear = {"intercept": model.intercept_[0], "weights": list(model.coef_[0]), "mean": list(scaler.mean_),
          "scale": list(scaler.scale_), "base_rate": sum(y) / len(y)}
folder = pathlib.Path(sys.argv[3])
folder.mkdir(parents=True, exist_ok=True)
(folder / "manifest.json").write_text(json.dumps(manifest, default=float))
(folder / "linear.json").write_text(json.dumps(linear, default=float))
