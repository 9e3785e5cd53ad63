"""The same networks in PyTorch; images are (N, C, H, W)."""

from __future__ import annotations

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


def mnist_3() -> nn.Module:
    return nn.Sequential(
        Same2x2(1, 16), nn.LeakyReLU(0.2), nn.MaxPool2d(2), Same2x2(16, 32), nn.LeakyReLU(0.2),
        nn.Flatten(), nn.Linear(32 * 14 * 14, 128), nn.LeakyReLU(0.2), nn.Linear(128, 10),
    )  # fmt: skip


def cifar_7() -> nn.Module:
    rows: list[nn.Module] = []
    for a, b in ((64 * 64, 128), (128, 64), (64, 32), (32, 16)):
        rows += [nn.Linear(a, b), nn.LeakyReLU(0.2)]
    return nn.Sequential(
        Same2x2(3, 32), nn.LeakyReLU(0.2), nn.MaxPool2d(2), Same2x2(32, 64), nn.LeakyReLU(0.2),
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
    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.last = nn.LSTM(64, 128, batch_first=True), nn.Linear(128, 10)

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


MODELS: dict[str, Any] = {
    "mnist-3": mnist_3, "cifar-7": cifar_7, "vgg": vgg, "resnet-20": resnet_20, "mlp": mlp,
    "mobilenet": mobilenet, "lstm": Lstm, "transformer": Encoder,
}  # fmt: skip
