"""The same networks in PyTorch; images are (N, C, H, W)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn

from benchmarks.peers.workloads import MOBILE

EPSILON, MOMENTUM = 1e-3, 0.01  # of batch normalization, as Keras has them


class Same2x2(nn.Conv2d):
    """A 2x2 convolution with Keras's "same" padding: zeros below and to the right."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(nn.functional.pad(x, (0, 1, 0, 1)))


def _bn(channels: int) -> nn.Module:
    return nn.BatchNorm2d(channels, EPSILON, MOMENTUM)


LAYERS: dict[str, Callable[[], nn.Module]] = {
    "leaky-relu": partial(nn.LeakyReLU, 0.2), "elu": nn.ELU, "gelu": nn.GELU, "silu": nn.SiLU,
}  # fmt: skip


def mnist_3(own: str = "leaky-relu") -> nn.Module:
    active = LAYERS[own]
    return nn.Sequential(
        Same2x2(1, 16), active(), nn.MaxPool2d(2), Same2x2(16, 32), active(),
        nn.Flatten(), nn.Linear(32 * 14 * 14, 128), active(), nn.Linear(128, 10),
    )  # fmt: skip


def cifar_7(own: str = "leaky-relu") -> nn.Module:
    active = LAYERS[own]
    rows: list[nn.Module] = []
    for a, b in ((64 * 64, 128), (128, 64), (64, 32), (32, 16)):
        rows += [nn.Linear(a, b), active()]
    return nn.Sequential(
        Same2x2(3, 32), active(), nn.MaxPool2d(2), Same2x2(32, 64), active(),
        nn.MaxPool2d(2), nn.Flatten(), *rows, nn.Linear(16, 10),
    )  # fmt: skip


def vgg() -> nn.Module:
    rows: list[nn.Module] = []
    channels = 3
    for filters in (64, 128, 256):
        for _ in range(2):
            rows += [nn.Conv2d(channels, filters, 3, padding=1, bias=False), _bn(filters)]
            rows.append(nn.ReLU(inplace=True))
            channels = filters
        rows.append(nn.MaxPool2d(2))
    return nn.Sequential(
        *rows, nn.Flatten(), nn.Linear(4096, 256), nn.ReLU(inplace=True), nn.Linear(256, 10)
    )


class Block(nn.Module):
    def __init__(self, inputs: int, filters: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, filters, 3, stride, 1, bias=False)
        self.second = nn.Conv2d(filters, filters, 3, 1, 1, bias=False)
        self.norms = nn.ModuleList([_bn(filters), _bn(filters)])
        self.short = nn.Identity()
        if stride > 1:
            self.short = nn.Sequential(
                nn.Conv2d(inputs, filters, 1, stride, bias=False), _bn(filters)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(self.norms[0](self.first(x)))
        return torch.relu(self.norms[1](self.second(y)) + self.short(x))


def resnet_20() -> nn.Module:
    rows: list[nn.Module] = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), _bn(16), nn.ReLU(inplace=True)]
    channels = 16
    for stage, filters in enumerate((16, 32, 64)):
        for block in range(3):
            rows.append(Block(channels, filters, 2 if stage and not block else 1))
            channels = filters
    return nn.Sequential(*rows, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def mlp() -> nn.Module:
    return nn.Sequential(
        nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10)
    )


def wide_mlp() -> nn.Module:
    return nn.Sequential(
        nn.Linear(784, 2048), nn.ReLU(), nn.Dropout(0.5),
        nn.Linear(2048, 2048), nn.ReLU(), nn.Dropout(0.5), nn.Linear(2048, 10),
    )  # fmt: skip


def mobilenet() -> nn.Module:
    rows: list[nn.Module] = [nn.Conv2d(3, 32, 3, 1, 1, bias=False), _bn(32), nn.ReLU(inplace=True)]
    channels = 32
    for filters, stride in MOBILE:
        rows += [
            nn.Conv2d(channels, channels, 3, stride, 1, groups=channels, bias=False),
            _bn(channels), nn.ReLU(inplace=True),
            nn.Conv2d(channels, filters, 1, bias=False), _bn(filters), nn.ReLU(inplace=True),
        ]  # fmt: skip
        channels = filters
    return nn.Sequential(*rows, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10))


class Lstm(nn.Module):
    def __init__(self, numbers: int = 64, units: int = 128) -> None:
        super().__init__()
        self.lstm, self.last = nn.LSTM(numbers, units, batch_first=True), nn.Linear(units, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.lstm(x)[0][:, -1])


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                128, 4, 512, dropout=0.0, activation="gelu", batch_first=True
            )
            for _ in range(2)
        )
        self.last = nn.Linear(128, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for block in self.blocks:
            x = block(x)
        return self.last(x.mean(1))


def iris_mlp() -> nn.Module:
    return nn.Sequential(
        nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 3)
    )


def digits_mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


def digits_cnn() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 16, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(144, 10)
    )


def lenet_5() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10),
    )  # fmt: skip


def mnist_mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Dropout(0.2), nn.Linear(128, 10))


MODELS: dict[str, Any] = {
    "mnist-3": mnist_3, "cifar-7": cifar_7, "vgg": vgg, "resnet-20": resnet_20, "mlp": mlp,
    "mobilenet": mobilenet, "lstm": Lstm, "transformer": Encoder, "wide-mlp": wide_mlp,
    "iris-mlp": iris_mlp, "digits-mlp": digits_mlp, "digits-cnn": digits_cnn, "lenet-5": lenet_5,
    "mnist-mlp": mnist_mlp, "small-lstm": partial(Lstm, 16, 32),
}  # fmt: skip
for name, build in (("mnist-3", mnist_3), ("cifar-7", cifar_7)):
    MODELS |= {f"{name}-{own}": partial(build, own) for own in LAYERS}
