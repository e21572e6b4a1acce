"""Heads of several kinds for `npm run bench -- architectures`: how much of a map is the recurrent part's?

    python architectures.py FOLDER SEED

Trains each kind on the features in FOLDER (`events.json`, `features.npy` and so on, as architectures.ts writes them) with the losses
of `l2caf train`: semi-hard triplets, softmax over the labels, masks on the cells. Then finds class-oblivious L2-CAF filters of the
events to be measured (`‖A(f) − A‖²` of the embedding, f on the unit sphere, Levenberg–Marquardt from the even filter), of the
trained head and with all behind the feature maps drawn anew, with the mean and spread of each weight. Writes them as raw numbers,
`[events, frames, cells]`, and prints a line of JSON for each kind. Needs torch.
"""

import json
import math
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.func import functional_call, jacrev, vmap

ROWS, COLUMNS = 7, 12
UNITS, EMBEDDING = 128, 64
STEPS, PER_CLASS = 200, 4
LEARNING_RATE, WARM_UP, WEIGHT_DECAY = 0.003, 10, 0.1
DROPOUT, MARGIN = 0.3, 0.2
DENSE_SCALE = 10
SOLVER_ITERATIONS = 10
SOLVED_AT_ONCE = 30

KINDS = {
    "base": {},
    "no-boxes": {"dense": 0},
    "no-cnn": {"cnn": False, "dense": 0},
    "convlstm": {"recurrent": "convlstm"},
    "attention": {"recurrent": "attention"},
    "few-channels": {"channels": (96, 16)},
    "consistency": {"consistency": 0.3},
    "convlstm-no-boxes": {"recurrent": "convlstm", "dense": 0},
    "attention-no-boxes": {"recurrent": "attention", "dense": 0},
}


class ShallowCnn(nn.Module):
    """1×1, then 3×3 with stride 2, each with ReLU: `[n, 128, 14, 24]` to `[n, c, 7, 12]`."""

    def __init__(self, inputs, channels):
        super().__init__()
        self.first = nn.Conv2d(inputs, channels[0], 1)
        self.second = nn.Conv2d(channels[0], channels[1], 3, 2)

    def forward(self, x):
        # TensorFlow's "same" pads an even side after the last pixel only.
        return self.second(nn.functional.pad(self.first(x).relu(), (0, 1, 0, 1))).relu()


class Lstm(nn.Module):
    """2×4 average pooling, an LSTM over frames: `[n, t, c, 7, 12]` to `[n, 128]`."""

    def __init__(self, channels):
        super().__init__()
        self.inputs = nn.Linear(8 * channels, 4 * UNITS)
        self.recurrent = nn.Linear(UNITS, 4 * UNITS, bias=False)

    def forward(self, maps, drop=lambda x: x):
        pooled = torch.stack([nn.functional.adaptive_avg_pool2d(maps[:, t], (2, 4)).flatten(1) for t in range(maps.shape[1])], 1)
        inputs = self.inputs(drop(pooled))
        hidden = cell = inputs.new_zeros(len(maps), UNITS)
        for t in range(maps.shape[1]):
            hidden, cell = step(inputs[:, t] + self.recurrent(hidden), cell)
        return hidden


class ConvLstm(nn.Module):
    """An LSTM whose state has a place (Shi et al. 2015), 3×3 convolutions; its last state, pooled to 2×4."""

    CHANNELS = 16

    def __init__(self, channels):
        super().__init__()
        self.gates = nn.Conv2d(channels + self.CHANNELS, 4 * self.CHANNELS, 3, padding=1)

    def forward(self, maps, drop=lambda x: x):
        hidden = cell = maps.new_zeros(len(maps), self.CHANNELS, ROWS, COLUMNS)
        for t in range(maps.shape[1]):
            hidden, cell = step(self.gates(torch.cat([drop(maps[:, t]), hidden], 1)), cell)
        return nn.functional.adaptive_avg_pool2d(hidden, (2, 4)).flatten(1)


class Attention(nn.Module):
    """At each step the state chooses the cells that are read (Bahdanau et al. 2015), by four heads; what is read tells the place."""

    HEADS, PLACE = 4, 16

    def __init__(self, channels):
        super().__init__()
        self.keys = nn.Linear(channels + self.PLACE, 64)
        self.query = nn.Linear(UNITS, 64)
        self.scores = nn.Linear(64, self.HEADS)
        self.places = nn.Parameter(0.1 * torch.randn(ROWS * COLUMNS, self.PLACE))
        self.inputs = nn.Linear(self.HEADS * channels * 2, 4 * UNITS)
        self.weigh = nn.Linear(self.PLACE, channels)
        self.recurrent = nn.Linear(UNITS, 4 * UNITS, bias=False)

    def forward(self, maps, drop=lambda x: x):
        hidden = cell = maps.new_zeros(len(maps), UNITS)
        for t in range(maps.shape[1]):
            cells = drop(maps[:, t].flatten(2).transpose(1, 2))  # [n, cells, c]
            places = self.places.expand(len(maps), -1, -1)
            score = self.scores((self.keys(torch.cat([cells, places], 2)) + self.query(hidden)[:, None]).tanh())
            weights = score.softmax(1).transpose(1, 2)  # [n, heads, cells]
            read = torch.cat([weights @ cells, weights @ (cells * self.weigh(places))], 2).flatten(1)
            hidden, cell = step(self.inputs(read) + self.recurrent(hidden), cell)
        return hidden


def step(gates, cell):
    entry, forget, candidate, exit = gates.chunk(4, 1)
    cell = forget.sigmoid() * cell + entry.sigmoid() * candidate.tanh()
    return exit.sigmoid() * cell.tanh(), cell


RECURRENT = {"lstm": Lstm, "convlstm": ConvLstm, "attention": Attention}


class Tail(nn.Module):
    """What comes behind the feature maps."""

    def __init__(self, recurrent, channels, inputs):
        super().__init__()
        self.recurrent = RECURRENT[recurrent](channels)
        self.embedding = nn.Linear(inputs, EMBEDDING)

    def forward(self, maps, drop=lambda x: x):
        return self.embedding(drop(self.recurrent(maps, drop)))


class Head(nn.Module):
    def __init__(self, labels, classes, channels=(96, 64), recurrent="lstm", cnn=True, **_):
        super().__init__()
        self.cnn = ShallowCnn(128, channels) if cnn else nn.AvgPool2d(2)
        self.channels = channels[1] if cnn else 128
        self.tail = Tail(recurrent, self.channels, 8 * ConvLstm.CHANNELS if recurrent == "convlstm" else UNITS)
        self.logits = nn.Linear(EMBEDDING, labels)
        self.dense = nn.Linear(self.channels, classes)
        nn.init.normal_(self.dense.weight, std=0.1 / self.channels)
        nn.init.zeros_(self.dense.bias)
        for name, value in self.named_parameters():  # as `l2caf train` starts
            if name.endswith("bias") and not name.startswith("dense"):
                nn.init.zeros_(value)

    def maps(self, features):
        """`[n, t, 336, 128]` to `[n, t, c, 7, 12]`"""
        n, t = features.shape[:2]
        pictures = features.reshape(n * t, 2 * ROWS, 2 * COLUMNS, 128).permute(0, 3, 1, 2)
        return self.cnn(pictures).reshape(n, t, self.channels, ROWS, COLUMNS)


def triplets(embeddings, labels, domains):
    units = nn.functional.normalize(embeddings)
    distances = (2 - 2 * units @ units.T).clamp_min(1e-12).sqrt()
    same_domain = domains[:, None] == domains[None]
    same = labels[:, None] == labels[None]
    positive = same & ~torch.eye(len(labels), dtype=torch.bool) & same_domain
    valid = positive[:, :, None] & (~same & same_domain)[:, None, :]
    gap = distances[:, :, None] - distances[:, None, :]
    loss = (gap + MARGIN).relu() * (valid & (gap < 0))
    return loss.sum() / (loss > 0).sum().clamp_min(1)


def agreement(embeddings, others):
    """Two views of an event are nearer to each other than to other events' (NT-Xent at 0.2; Chen et al. 2020), no label used."""
    views = nn.functional.normalize(torch.cat([embeddings, others]))
    similarity = views @ views.T / 0.2
    similarity = similarity.masked_fill(torch.eye(len(views), dtype=torch.bool), -math.inf)
    n = len(embeddings)
    return nn.functional.cross_entropy(similarity, torch.cat([torch.arange(n, 2 * n), torch.arange(n)]))


class Events:
    def __init__(self, folder):
        self.about = json.loads((folder / "events.json").read_text())
        load = lambda name: torch.from_numpy(np.load(folder / f"{name}.npy", mmap_mode="r"))
        self.features, self.altered = load("features"), load("altered")
        self.present, self.importance = load("present"), load("importance")
        events = self.about["events"]
        self.labels_known = sorted({event["label"] for event in events if event["split"] == "train"})
        index = {label: i for i, label in enumerate(self.labels_known)}
        self.labels = torch.tensor([index.get(event["label"], -1) for event in events])
        domains = sorted({event["domain"] for event in events})
        self.domains = torch.tensor([domains.index(event["domain"]) for event in events])
        self.train = [i for i, event in enumerate(events) if event["split"] == "train"]
        self.by_label = [[i for i in self.train if self.labels[i] == label] for label in range(len(self.labels_known))]
        self.real = self.about["altered"]  # events that have an altered copy, in the order of `altered`
        self.boxed = {event: row for row, event in enumerate(self.about["boxed"])}


def train(head, events, rng, dense=1.0, consistency=0.0, **_):
    kernels = [value for value in head.parameters() if value.ndim > 1]
    biases = [value for value in head.parameters() if value.ndim < 2]
    optimiser = torch.optim.AdamW([{"params": kernels, "weight_decay": WEIGHT_DECAY}, {"params": biases, "weight_decay": 0}], LEARNING_RATE)
    rate = lambda s: (s + 1) / WARM_UP if s < WARM_UP else (1 + math.cos(math.pi * (s - WARM_UP) / (STEPS - WARM_UP))) / 2
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, rate)
    drop = lambda x: nn.functional.dropout(x, DROPOUT)
    for _ in range(STEPS):
        rows = np.concatenate([rng.choice(own, PER_CLASS, replace=len(own) < PER_CLASS) for own in events.by_label])
        maps = head.maps(events.features[rows].float())
        embeddings = head.tail(maps, drop)
        labels = events.labels[rows]
        loss = triplets(embeddings, labels, events.domains[rows]) + nn.functional.cross_entropy(head.logits(embeddings), labels)
        boxed = [i for i, row in enumerate(rows) if row in events.boxed] if dense else []
        if boxed:
            known = [events.boxed[rows[i]] for i in boxed]
            cells = maps[boxed].flatten(3).transpose(2, 3).reshape(-1, head.channels)
            logits = DENSE_SCALE * (cells @ head.dense.weight.abs().T + head.dense.bias)
            present, importance = (of[known].reshape(logits.shape) for of in (events.present, events.importance))
            losses = nn.functional.binary_cross_entropy_with_logits(logits, present, reduction="none")
            loss = loss + dense * (losses * importance).sum() / importance.sum().clamp_min(1)
        if consistency:
            chosen = rng.choice(len(events.real), 32, replace=False)
            plain = events.features[[events.real[i] for i in chosen]].float()
            views = [head.tail(head.maps(of), drop) for of in (plain, events.altered[chosen].float())]
            loss = loss + consistency * agreement(*views)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(head.parameters(), 1)
        optimiser.step()
        schedule.step()


def forget(tail, seed):
    """All weights drawn anew, with the mean and spread of each."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for value in tail.parameters():
            value.copy_(value.mean() + value.std(correction=0) * torch.randn_like(value))


def filters_of(tail, maps):
    """Filters of all frames of events `[n, t, c, 7, 12]`: `[n, t, cells]`."""
    return torch.stack([torch.cat([slot_filters(tail, own, slot) for own in maps.split(SOLVED_AT_ONCE)]) for slot in range(maps.shape[1])], 1)


def slot_filters(tail, maps, slot):
    weights = dict(tail.named_parameters())
    reference = tail(maps)

    def residual(filter, own, whole):
        filtered = own[slot] * filter.reshape(1, ROWS, COLUMNS)
        return functional_call(tail, weights, (torch.cat([own[:slot], filtered[None], own[slot + 1 :]])[None],))[0] - whole

    value = lambda f: vmap(residual)(f, maps, reference)
    cells = ROWS * COLUMNS
    f = torch.full((len(maps), cells), cells**-0.5)
    r = value(f)
    damping = torch.full((len(maps),), 1e-2)
    for _ in range(SOLVER_ITERATIONS):
        j = vmap(jacrev(residual))(f, maps, reference)
        hessian = j.transpose(1, 2) @ j
        unit = hessian.diagonal(dim1=1, dim2=2).mean(1) + 1e-12
        tangent = torch.eye(cells) - f[:, :, None] * f[:, None, :]
        gradient = tangent @ (j.transpose(1, 2) @ r[:, :, None])
        inside = tangent @ hessian @ tangent
        done = torch.zeros(len(maps), dtype=torch.bool)
        for _ in range(4):
            move = torch.linalg.solve(inside + (damping * unit)[:, None, None] * torch.eye(cells), -gradient)[:, :, 0]
            tried = nn.functional.normalize(f + move)
            new = value(tried)
            better = ~done & (new.square().sum(1) < r.square().sum(1))
            f, r = torch.where(better[:, None], tried, f), torch.where(better[:, None], new, r)
            damping = torch.where(better, damping / 10, torch.where(done, damping, damping * 10))
            done |= better
            if done.all():
                break
    return f


def neighbours(embeddings, events, domain):
    """Balanced accuracy by the five nearest training events of a domain."""
    about = events.about["events"]
    of = lambda split: [i for i, event in enumerate(about) if event["domain"] == domain and event["split"] == split]
    units = nn.functional.normalize(embeddings)
    known, asked = of("train"), of("test")
    nearest = (units[asked] @ units[known].T).topk(5).indices
    answers = torch.tensor([torch.mode(events.labels[known][row]).values.item() for row in nearest])
    truth = events.labels[asked]
    return float(np.mean([(answers[truth == label] == label).float().mean().item() for label in truth.unique()]))


def main(folder, seed):
    events = Events(folder)
    measured = events.about["measured"]
    for name, kind in KINDS.items():
        if (folder / f"{name}-{seed}.json").exists():
            print((folder / f"{name}-{seed}.json").read_text(), flush=True)
            continue
        torch.manual_seed(seed)
        head = Head(len(events.labels_known), events.present.shape[-1], **kind)
        train(head, events, np.random.default_rng(seed), **kind)
        head.requires_grad_(False)
        all_maps = [head.maps(events.features[i : i + 64].float()) for i in range(0, len(events.features), 64)]
        embeddings = torch.cat([head.tail(maps) for maps in all_maps])
        found = {domain: neighbours(embeddings, events, domain) for domain in ("fixtures", "steering")}
        maps = torch.cat(all_maps)[measured]
        filters_of(head.tail, maps).numpy().astype("<f4").tofile(folder / f"{name}-{seed}.trained.f32")
        forget(head.tail, seed)
        filters_of(head.tail, maps).numpy().astype("<f4").tofile(folder / f"{name}-{seed}.forgotten.f32")
        line = json.dumps({"name": name, "knn": found})
        (folder / f"{name}-{seed}.json").write_text(line)
        print(line, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
