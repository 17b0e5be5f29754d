"""The process of a contestant written in Python, as serve.ts is for Node: reads what it is told on the command line, then answers the
lines check, fit N and block N (see ../protocol.ts). A contestant gives serve() its version and a function that opens a fit;
a fit has run(steps) -> ELBO of the last step or None, and parameters() -> [location][log scale][strict rows]."""

import json
import os
import sys
import time
from dataclasses import dataclass

# One thread, as all contestants have; to be set before the numerical libraries start.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import numpy as np

EFFECT = np.array([28.0, 8, -3, 7, -1, 1, 18, 12])
ERROR = np.array([15.0, 10, 16, 11, 9, 11, 10, 18])
TOY = np.array([1.0, 2, 3])
RATE, BETA1, BETA2, EPSILON = 0.01, 0.9, 0.999, 1e-8


@dataclass
class Workload:
    model: str
    rows: int
    dimension: int
    draws: int
    full: bool
    log_scale: float
    x: np.ndarray | None
    y: np.ndarray | None
    fed: np.ndarray  # [step, draw, coordinate]


def read_workload() -> Workload:
    model, rows, dimension, draws, full, log_scale, checked, folder = sys.argv[1:]
    rows, dimension, draws, checked = int(rows), int(dimension), int(draws), int(checked)

    def read(name):
        return np.fromfile(os.path.join(folder, name), dtype="<f8")

    logistic = model == "2"
    return Workload(
        model=("toy", "schools", "logistic")[int(model)],
        rows=rows,
        dimension=dimension,
        draws=draws,
        full=full == "1",
        log_scale=float(log_scale),
        x=read("x.f64").reshape(rows, dimension) if logistic else None,
        y=read("y.f64") if logistic else None,
        fed=read("normals.f64").reshape(checked, draws, dimension),
    )


def say(answer) -> None:
    sys.stdout.write("@" + json.dumps(answer) + "\n")
    sys.stdout.flush()


def serve(version: str, workload: Workload, open_fit) -> None:
    """open_fit(fed or None) -> a fit at its start."""

    def fitted(fit, steps):
        start = time.perf_counter()
        elbo = fit.run(steps)
        seconds = time.perf_counter() - start
        answer = {"seconds": seconds, "parameters": [float(v) for v in fit.parameters()]}
        say(answer if elbo is None else {**answer, "elbo": float(elbo)})

    say({"version": version})
    timed = None
    for line in sys.stdin:
        command, *count = line.split()
        if command == "check":
            fitted(open_fit(workload.fed), len(workload.fed))
        elif command == "fit":
            fitted(open_fit(None), int(count[0]))
        else:
            timed = timed or open_fit(None)
            cpu, start = time.process_time(), time.perf_counter()
            timed.run(int(count[0]))
            seconds = time.perf_counter() - start
            say({"seconds": seconds, "cpu": time.process_time() - cpu})
