"""Two networks of one machine, joined by a cable of some rate and delay.

A network is a namespace of Linux's; a process in it sees nothing of the other but through the
cable. The kernel shapes the rate (tc's token bucket). A delay is made by a relay of ours, which
reads packets here and writes them there when their time has come; it takes its share of the CPUs,
so that times of trainings over it are told apart from those of the sums alone. Needs root, ip, tc.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import multiprocessing
import os
import select
import struct
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

__all__ = ["NETWORKS", "Cable", "cable"]

HOSTS = {"10.77.0.1": "melpy-a", "10.77.0.2": "melpy-b"}
DEVICES = ("melpy0", "melpy1")
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
MTU = 65000  # of the relay's: few large packets, as a network card makes of many small ones
LAUNCHER = """#!/bin/sh
# Called as ssh is: options, a host, a command. The host is a network namespace of this machine.
while [ "${1#-}" != "$1" ]; do shift; done
host=$1; shift
case $host in 10.77.0.1) name=melpy-a;; *) name=melpy-b;; esac
exec ip netns exec $name sh -c "$*"
"""


class Cable(NamedTuple):
    """How fast a cable is: a rate as tc writes it, None for the kernel's own; and a delay."""

    rate: str | None = None
    delay_ms: float = 0.0


NETWORKS = {
    "cable": Cable(),
    "cable-10gbit": Cable("10gbit"),
    "cable-1gbit": Cable("1gbit"),
    "cable-10gbit-0.1ms": Cable("10gbit", 0.1),
    "cable-10gbit-1ms": Cable("10gbit", 1.0),
    "cable-1gbit-0.1ms": Cable("1gbit", 0.1),
    "cable-1gbit-1ms": Cable("1gbit", 1.0),
}


@contextmanager
def cable(kind: Cable) -> Iterator[list[str]]:
    """Join two network namespaces; give the options of mpiexec for one process in each."""
    for name in HOSTS.values():
        _ip("netns", "add", name)
    relays: list[multiprocessing.Process] = []
    try:
        if kind.delay_ms:
            relays = _relays(kind.delay_ms / 1e3)
        else:
            _ip("link", "add", DEVICES[0], "type", "veth", "peer", "name", DEVICES[1])
            for name, device in zip(HOSTS.values(), DEVICES, strict=True):
                _ip("link", "set", device, "netns", name)
        for (host, name), device in zip(HOSTS.items(), DEVICES, strict=True):
            inside = ("netns", "exec", name)
            _ip(*inside, "ip", "addr", "add", f"{host}/24", "dev", device)
            _ip(*inside, "ip", "link", "set", device, "up")
            _ip(*inside, "ip", "link", "set", "lo", "up")
            if kind.rate is not None:
                shape = (
                    f"tc qdisc add dev {device} root tbf rate {kind.rate} burst 1mb latency 50ms"
                )
                _ip(*inside, *shape.split())
        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder) / "launcher.sh"
            script.write_text(LAUNCHER)
            script.chmod(0o755)
            yield ["-launcher", "ssh", "-launcher-exec", str(script), "-hosts", ",".join(HOSTS)]
    finally:
        for relay in relays:
            relay.terminate()
            relay.join()
        for name in HOSTS.values():
            _ip("netns", "del", name)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def _relays(delay_s: float) -> list[multiprocessing.Process]:
    """Make a device in each network, and begin what carries packets between them, each way."""
    ends = [_device(name, device) for name, device in zip(HOSTS.values(), DEVICES, strict=True)]
    made = [
        multiprocessing.get_context("fork").Process(target=_carry, args=(*way, delay_s))
        for way in (ends, ends[::-1])
    ]
    for relay in made:
        relay.start()
    for end in ends:  # the relays have their own
        os.close(end)
    return made


def _device(network: str, device: str) -> int:
    """Make a device inside a network, whose packets are read and written here."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{network}", os.O_RDONLY)
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        if libc.setns(there, 0):
            raise OSError(ctypes.get_errno(), "setns")
        end = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(end, TUNSETIFF, struct.pack("16sH22x", device.encode(), IFF_TUN | IFF_NO_PI))
        subprocess.run(["ip", "link", "set", device, "mtu", str(MTU)], check=True)
    finally:
        libc.setns(home, 0)
        os.close(home)
        os.close(there)
    return end


def _carry(source: int, sink: int, delay_s: float) -> None:
    """Write each packet of one device to the other, so much later."""
    waiting: deque[tuple[float, bytes]] = deque()
    while True:
        left_s = max(0.0, waiting[0][0] - time.perf_counter()) if waiting else None
        if select.select([source], [], [], left_s)[0]:
            waiting.append((time.perf_counter() + delay_s, os.read(source, MTU + 100)))
        while waiting and waiting[0][0] <= time.perf_counter():
            packet = waiting.popleft()[1]
            with contextlib.suppress(OSError):  # a device that is down loses it, as a cable does
                os.write(sink, packet)
