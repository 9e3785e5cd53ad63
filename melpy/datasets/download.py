"""The one place that uses the network: a file from the first of its mirrors that has it right."""

from __future__ import annotations

import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from melpy.datasets.sums import is_right, said

__all__ = ["OTHER", "download"]

TRIES = 5  # for each host, as long as each try brings something
BLOCK_BYTES = 1 << 18
OTHER = "sent a file with another"  # sum: how that reason begins


class HostError(Exception):
    """One try with one host failed, through the host or the way to it."""


class RangeError(HostError):
    """The host cannot go on where ``part`` ends."""


def download(
    urls: Sequence[str], part: Path, digest: str | None, timeout_s: float
) -> dict[str, str]:
    """Bring a file to ``part``, going on from what ``part`` holds already.

    Parameters
    ----------
    urls : mirrors of one file, tried in this order
    part : where the bytes go; kept when a transfer breaks off, deleted when it ends up wrong
    digest : the SHA-256 sum, or the MD5 sum, in hexadecimal, that the whole file must have; None
        to take what comes, which is never a part from before
    timeout_s : the longest silence of a host that is waited out

    Returns
    -------
    dict, empty once ``part`` is whole and right; otherwise URL -> why it failed

    Raises
    ------
    OSError : ``part`` cannot be written
    """
    if digest is None:
        part.unlink(missing_ok=True)
    elif part.exists() and is_right(part, digest):
        return {}
    reasons = {}
    for url in urls:
        for _ in range(TRIES):
            had_bytes = part.stat().st_size if part.exists() else 0
            try:
                _transfer(url, part, had_bytes, timeout_s)
            except RangeError as error:
                reasons[url] = str(error)
                part.unlink(missing_ok=True)
                continue
            except HostError as error:
                reasons[url] = str(error)
                if part.exists() and part.stat().st_size > had_bytes:
                    continue  # it broke off, but it does work: go on where it stopped
                break
            if is_right(part, digest):
                return {}
            part.unlink()
            reasons[url] = f"{OTHER} {said(digest or '').split()[0]}"
            if had_bytes == 0:
                break
            # What was there before may have been wrong: once more, all of it from this host.
    return reasons


def _transfer(url: str, part: Path, had_bytes: int, timeout_s: float) -> None:
    """Append to ``part`` what the host sends after the first ``had_bytes`` bytes."""
    headers = {"User-Agent": "melpy"}
    if had_bytes:
        headers["Range"] = f"bytes={had_bytes}-"
    request = urllib.request.Request(url, headers=headers)
    try:
        response = urllib.request.urlopen(request, timeout=timeout_s)
    except urllib.error.HTTPError as error:
        error.close()
        kind = RangeError if error.code == 416 and had_bytes else HostError
        raise kind(f"HTTP {error.code} {error.reason}") from error
    except (OSError, HTTPException) as error:
        raise HostError(_reason(error)) from error
    with response:
        resumes = response.status == 206
        sent = response.headers.get("Content-Range", "")
        if resumes and not sent.startswith(f"bytes {had_bytes}-"):
            raise RangeError("answered with another range than asked for")
        done = had_bytes if resumes else 0  # a host that ignores Range starts again
        length = response.headers.get("Content-Length", "")
        total = done + int(length) if length.isdecimal() else None
        with part.open("ab" if resumes else "wb") as file, _Progress(url, total) as progress:
            while True:
                try:
                    block = response.read(BLOCK_BYTES)
                except (OSError, HTTPException) as error:
                    raise HostError(_reason(error)) from error
                if not block:
                    break
                file.write(block)
                done += len(block)
                progress.show(done)
        # http.client says nothing when a host hangs up early, so the count is ours.
        if total is not None and done < total:
            raise HostError(f"broke off after {done} of {total} bytes")


class _Progress:
    """One line on stderr: redrawn on a terminal, written once at the end elsewhere."""

    def __init__(self, url: str, total: int | None) -> None:
        self.what = f"{urlsplit(url).path.rpartition('/')[2]} from {urlsplit(url).netloc}"
        self.of = f" of {total / 1e6:.1f}" if total else ""
        self.done, self.shown_s = 0, 0.0

    def __enter__(self) -> _Progress:
        return self

    def show(self, done: int) -> None:
        self.done = done
        if sys.stderr.isatty() and time.monotonic() - self.shown_s > 0.1:
            self.shown_s = time.monotonic()
            self._write("\r")

    def __exit__(self, *_: object) -> None:
        self._write("\r" if sys.stderr.isatty() else "")
        sys.stderr.write("\n")

    def _write(self, start: str) -> None:
        sys.stderr.write(f"{start}melpy: {self.what}: {self.done / 1e6:.1f}{self.of} MB")
        sys.stderr.flush()


def _reason(error: Exception) -> str:
    cause = getattr(error, "reason", error)  # URLError wraps the error that counts
    return getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
