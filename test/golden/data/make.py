"""Makes the golden files of this folder: `python3 make.py` (NumPy alone; the same numbers every time).

An implementation of its own, in double precision, of what the files hold: gradients come from complex steps
(Squire and Trapp, 1998), not from formulas or automatic differentiation, and Adam is Algorithm 1 of Kingma and Ba (2015).
"""
import json
import struct
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent


def save(name, tensors, facts):
    """A pair of files: safetensors (numbers as float32) and JSON."""
    header, blocks, at = {}, [], 0
    for key, value in sorted(tensors.items()):
        data = np.asarray(value, dtype="<f4").tobytes()
        header[key] = {"dtype": "F32", "shape": list(np.shape(value)), "data_offsets": [at, at + len(data)]}
        blocks.append(data)
        at += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    (HERE / f"{name}.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blocks))
    (HERE / f"{name}.json").write_text(json.dumps(facts, indent=1) + "\n")


def single(array):
    """What float32 keeps, so that the files hold exactly what was computed with."""
    return np.asarray(array, dtype=np.float32).astype(np.float64)


def slopes(loss, at, step=1e-30):
    """Gradient by complex steps, one parameter at a time."""
    found = np.empty(at.size)
    for i in range(at.size):
        moved = at.astype(complex)
        moved[i] += 1j * step
        found[i] = loss(moved).imag / step
    return found


def unit(parameters):
    return parameters / np.sqrt(np.sum(parameters * parameters))


def descend(loss, start, optimizer, lr, end_lr, tol, max_iter, check_every=50):
    """Gradient descent with a linear schedule; stops one step after a look finds the loss changed by less than `tol`."""
    at, previous, stops = start.copy(), np.inf, None
    mean, square = np.zeros_like(at), np.zeros_like(at)
    for t in range(max_iter + 1):
        now = loss(at)
        if stops is not None or t == max_iter:
            break
        if t % check_every == 0:
            stops = t if abs(now - previous) < tol else None
            previous = now
        g = slopes(loss, at)
        rate = end_lr + (lr - end_lr) * (1 - t / max_iter)
        if optimizer == "sgd":
            at = at - rate * g
            continue
        mean = 0.9 * mean + 0.1 * g
        square = 0.999 * square + 0.001 * g * g
        corrected_mean = mean / (1 - 0.9 ** (t + 1))
        corrected_square = square / (1 - 0.999 ** (t + 1))
        at = at - rate * corrected_mean / (np.sqrt(corrected_square) + 1e-8)
    return now, unit(at), t if stops is None else stops


def on_sphere(matrix, right):
    """Minimises f'Gf - 2q'f over unit vectors: the root of the secular equation, by bisection on eigenvalues."""
    values, vectors = np.linalg.eigh(matrix)
    q = vectors.T @ right
    low, high = -values[0], -values[0] + np.linalg.norm(q) + 1
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if np.linalg.norm(q / (values + middle)) > 1 else (low, middle)
    return vectors @ (q / (values + high))


def pooled(random):
    """Global average pooling and a dense layer: descents of a few Adam steps and of many, and the exact filters."""
    height, width, channels, outputs = 3, 4, 5, 14
    maps = single(np.abs(random.normal(size=(height, width, channels))))
    kernel = single(random.normal(size=(channels, outputs)))
    bias = single(0.1 * random.normal(size=outputs))
    starts = {"uniform": single(random.uniform(size=height * width)), "normal": single(random.normal(size=height * width))}
    matrix = maps.reshape(-1, channels) @ kernel / (height * width)  # [cells, outputs]
    logits = matrix.sum(0) + bias

    def loss_of(reduce):
        return lambda parameters: reduce((unit(parameters) @ matrix + bias - logits) ** 2)

    runs = {
        "adam_uniform": dict(optimizer="adam", lr=0.1, end_lr=1e-5, tol=1e-5, loss="sum", max_iter=1000),
        "adam_8_steps_uniform": dict(optimizer="adam", lr=0.1, end_lr=1e-5, tol=1e-5, loss="sum", max_iter=8),
        "adam_8_steps_normal": dict(optimizer="adam", lr=0.5, end_lr=0.0, tol=1e-6, loss="mean", max_iter=8),
        "sgd_8_steps_ones": dict(optimizer="sgd", lr=0.5, end_lr=1e-5, tol=1e-5, loss="sum", max_iter=8),
    }
    tensors = {"feature_map_hwc": maps, "dense_kernel_ck": kernel, "dense_bias": bias, "logits": logits}
    facts = {"case": "global average pool + dense tail", "oblivious": {}, "class_specific": {}}
    for name, run in runs.items():
        start = starts.get(name.split("_")[-1], np.ones(height * width))
        settings = {key: value for key, value in run.items() if key != "loss"}
        final, filtered, steps = descend(loss_of(getattr(np, run["loss"])), start, **settings)
        facts["oblivious"][name] = {**run, "iterations": steps, "final_loss": float(final)}
        tensors[f"oblivious_{name}"] = filtered.reshape(height, width)
    exact = on_sphere(matrix @ matrix.T, matrix @ (logits - bias))
    tensors["oblivious_exact"] = exact.reshape(height, width)
    signs = np.ones(outputs)
    signs[2] = -1  # the loss of class 2: all other logits less its own
    facts["class_specific"]["2"] = {}
    tensors["class2_exact"] = unit(-(matrix @ signs)).reshape(height, width)
    for name, values in starts.items():
        tensors[f"init_{name}"] = values.reshape(height, width)
    save("caf-gap-3x4", tensors, facts)


def recurrent(random):
    """An LSTM over two frames, gates i, f, g, o, and a dense layer; one filter per frame, the other frame untouched."""
    frames, height, width, channels, units, outputs = 2, 2, 3, 3, 8, 8
    cells = height * width
    maps = single(np.abs(random.normal(size=(frames, height, width, channels))))
    weight_ih = single(0.4 * random.normal(size=(4 * units, cells * channels)))
    weight_hh = single(0.5 * random.normal(size=(4 * units, units)))
    bias_ih, bias_hh = (single(0.2 * random.normal(size=4 * units)) for _ in range(2))
    kernel = single(random.normal(size=(units, outputs)))
    bias = single(0.1 * random.normal(size=outputs))

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    def embed(filters):
        hidden, cell = np.zeros(units), np.zeros(units)
        for t in range(frames):
            seen = maps[t] * filters[t].reshape(height, width, 1)
            gates = weight_ih @ seen.reshape(-1) + weight_hh @ hidden + bias_ih + bias_hh
            i, f, g, o = np.split(gates, 4)
            cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
            hidden = sigmoid(o) * np.tanh(cell)
        return hidden @ kernel + bias

    reference = embed(np.ones((frames, cells)))
    tensors = {
        "feature_maps_thwc": maps,
        "lstm_weight_ih": weight_ih,
        "lstm_weight_hh": weight_hh,
        "lstm_bias_ih": bias_ih,
        "lstm_bias_hh": bias_hh,
        "dense_kernel_he": kernel,
        "dense_bias": bias,
        "embedding": reference,
    }
    facts = {"gates": "torch order i,f,g,o", "timesteps": frames, "frames": []}
    for t in range(frames):

        def loss(parameters, t=t):
            filters = [unit(parameters) if k == t else np.ones(cells) for k in range(frames)]
            return np.sum((embed(filters) - reference) ** 2)

        start = single(random.uniform(size=cells))
        tensors[f"init_{t}"] = start.reshape(height, width)
        entry = {}
        for name, lr in (("adam", 0.1), ("sgd", 0.5)):
            final, filtered, steps = descend(loss, start, name, lr, 1e-5, 1e-5, 1000)
            entry[name] = {"iterations": steps, "final_loss": float(final)}
            tensors[f"{name}_{t}"] = filtered.reshape(height, width)
        tries = [descend(loss, random.normal(size=cells), "adam", 0.05, 0.0, 0.0, 1500) for _ in range(8)]
        best = min(tries, key=lambda found: found[0])
        entry["best_loss"] = float(best[0])
        tensors[f"best_{t}"] = best[1].reshape(height, width)
        facts["frames"].append(entry)
    save("caf-recurrent-t2-2x3", tensors, facts)


if __name__ == "__main__":
    pooled(np.random.default_rng(1))
    recurrent(np.random.default_rng(2))
