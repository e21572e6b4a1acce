"""Networks of real size with random weights for `npm run bench -- networks`, and the published way to explain them.

    python networks.py make FOLDER          writes each network as ONNX with a card
    python networks.py loop FOLDER NAME     reads NAME.rgb (bytes, t h w 3), prints one JSON document

The loop is that of the paper (Sec. 3) on the part after the layer: Adam at 0.1, falling linearly to 1e-5 over 1000
iterations, from U[0,1], until the loss changes by less than 1e-5 in 50; one filter after another. Needs torch and onnx.
"""

import json
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

REPEATS = 3
# Of more filters than this three are found, which takes long enough.
MEASURED = 3
IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
KINETICS = ([0.43216, 0.394666, 0.37645], [0.22803, 0.22145, 0.216989])


class Block(nn.Module):
    """A residual block: convolutions of (size, stride) with batch norms, in two or three dimensions."""

    def __init__(self, dims, channels, layers):
        super().__init__()
        conv, norm = (nn.Conv2d, nn.BatchNorm2d) if dims == 2 else (nn.Conv3d, nn.BatchNorm3d)
        stride = max(stride for _, stride in layers)
        steps = []
        for (size, by), before, after in zip(layers, channels, channels[1:]):
            steps += [conv(before, after, size, by, size // 2, bias=False), norm(after), nn.ReLU()]
        self.convs = nn.Sequential(*steps[:-1])
        is_same = stride == 1 and channels[0] == channels[-1]
        change = [conv(channels[0], channels[-1], 1, stride, bias=False), norm(channels[-1])]
        self.shortcut = nn.Identity() if is_same else nn.Sequential(*change)

    def forward(self, x):
        return torch.relu(self.convs(x) + self.shortcut(x))


def resnet50():
    """He et al., Table 1, with the stride in the 3x3, up to the last block."""
    steps = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    channels = 64
    for width, count, stride in [(64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)]:
        for i in range(count):
            layers = [(1, 1), (3, stride if i == 0 else 1), (1, 1)]
            steps.append(Block(2, [channels, width, width, 4 * width], layers))
            channels = 4 * width
    return nn.Sequential(*steps)


def r3d18():
    """Tran et al., "A Closer Look at Spatiotemporal Convolutions", R3D with 18 layers, up to the last block."""
    steps = [nn.Conv3d(3, 64, (3, 7, 7), (1, 2, 2), (1, 3, 3), bias=False), nn.BatchNorm3d(64), nn.ReLU()]
    channels = 64
    for width, stride in [(64, 1), (128, 2), (256, 2), (512, 2)]:
        for first in (stride, 1):
            steps.append(Block(3, [channels, width, width], [(3, first), (3, 1)]))
            channels = width
    return nn.Sequential(*steps)


class ResNetLstm(nn.Module):
    """ResNet-50 over frames `b t c h w`; the mean of each frame's maps goes through an LSTM; 64 numbers."""

    def __init__(self):
        super().__init__()
        self.features = resnet50()
        self.lstm = nn.LSTM(2048, 256, batch_first=True)
        self.last = nn.Linear(256, 64)

    def trunk(self, frames):
        return self.features(frames.flatten(0, 1))

    def tail(self, maps):
        means = maps.mean((2, 3))
        return self.last(self.lstm(means[None])[0][:, -1])

    def forward(self, frames):
        return self.tail(self.trunk(frames))

    @staticmethod
    def filtered(maps, slot, values):
        """Maps `(b t) c h w` with the frame `slot` multiplied by a filter."""
        one = (maps[slot] * values)[None]
        return torch.cat([maps[:slot], one, maps[slot + 1 :]])

    @staticmethod
    def slots(maps):
        return maps.shape[0]


class R3d(nn.Module):
    """R3D-18 over `b c t h w`; 400 scores."""

    def __init__(self):
        super().__init__()
        self.trunk = r3d18()
        self.last = nn.Linear(512, 400)

    def tail(self, maps):
        return self.last(maps.mean((2, 3, 4)))

    def forward(self, frames):
        return self.tail(self.trunk(frames))

    @staticmethod
    def filtered(maps, slot, values):
        """Maps `b c t h w` with the slice `slot` multiplied by a filter."""
        one = (maps[:, :, slot] * values)[:, :, None]
        return torch.cat([maps[:, :, :slot], one, maps[:, :, slot + 1 :]], 2)

    @staticmethod
    def slots(maps):
        return maps.shape[2]


NETWORKS = {
    "resnet50-lstm-3": (ResNetLstm, (1, 3, 3, 224, 224), "b t c h w", IMAGENET, "embedding"),
    "resnet50-lstm-8": (ResNetLstm, (1, 8, 3, 224, 224), "b t c h w", IMAGENET, "embedding"),
    "r3d-18": (R3d, (1, 3, 16, 112, 112), "b c t h w", KINETICS, "scores"),
}


def made(name):
    """The network with seeded weights, whose batch norms and last layer keep numbers at a usual size."""
    kind, shape, *_ = NETWORKS[name]
    torch.manual_seed(0)
    network = kind()
    for module in network.modules():
        if isinstance(module, (nn.BatchNorm2d, nn.BatchNorm3d)):
            module.momentum = 1.0
    example = torch.randn(shape)
    with torch.no_grad():
        network.train()(example)
        network.eval()
        network.last.weight *= 10**0.5 / network(example).norm()
    return network.requires_grad_(False), example


def make(folder):
    for name, (_, _, layout, (mean, std), kind) in NETWORKS.items():
        network, example = made(name)
        path = folder / f"{name}.onnx"
        torch.onnx.export(network, (example,), str(path), dynamo=False, input_names=["frames"], output_names=["output"])
        card = {
            "model": path.name,
            "input": {"layout": layout, "range": [0, 1], "mean": mean, "std": std},
            "output": {"kind": kind},
        }
        path.with_suffix(".json").write_text(json.dumps(card))


def timed(work):
    work()
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        result = work()
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times), result


def published(network, maps, slot, seed, limit=1000):
    """The filter of a slot as published: its loss and the number of iterations."""
    reference = network.tail(maps)
    random = torch.Generator().manual_seed(seed)
    values = torch.rand(maps.shape[-2:], generator=random).requires_grad_()
    adam = torch.optim.Adam([values], lr=0.1)
    before = 32767.0
    for iteration in range(1, limit + 1):
        adam.param_groups[0]["lr"] = (0.1 - 1e-5) * (1 - (iteration - 1) / 1000) + 1e-5
        adam.zero_grad()
        loss = (network.tail(network.filtered(maps, slot, values / values.norm())) - reference).square().sum()
        loss.backward()
        adam.step()
        if iteration % 50 == 0:
            now = loss.item()
            if abs(now - before) < 1e-5:
                break
            before = now
    with torch.no_grad():
        filtered = network.filtered(maps, slot, values / values.norm())
        return (network.tail(filtered) - reference).square().sum().item(), iteration


def loop(folder, name):
    _, shape, layout, (mean, std), _ = NETWORKS[name]
    network, _ = made(name)
    axes = layout.split()
    t, h, w = (shape[axes.index(axis)] for axis in "thw")
    rgb = np.fromfile(folder / f"{name}.rgb", np.uint8).reshape(t, h, w, 3)
    frames = (torch.from_numpy(rgb).float() / 255 - torch.tensor(mean)) / torch.tensor(std)
    frames = frames[None].permute(*["bthwc".index(axis) for axis in axes]).contiguous()
    with torch.no_grad():
        trunk_ms, maps = timed(lambda: network.trunk(frames))
    count = network.slots(maps)
    slots = range(count) if count <= MEASURED else [0, count // 2, count - 1]
    published(network, maps, 0, 0, limit=50)  # to warm up
    start = time.perf_counter()
    losses, iterations = zip(*[published(network, maps, slot, slot) for slot in slots])
    loop_ms = 1000 * (time.perf_counter() - start) * count / len(slots)
    found = {"slots": list(slots), "losses": losses, "iterations": iterations}
    print(json.dumps({"trunkMs": trunk_ms, "loopMs": loop_ms, **found}))


if __name__ == "__main__":
    command, folder, *rest = sys.argv[1:]
    make(Path(folder)) if command == "make" else loop(Path(folder), *rest)
