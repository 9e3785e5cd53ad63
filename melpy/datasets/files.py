"""The files of the data sets: where they come from, what they must hold, how they are read.

A file that is in ``$MELPY_HOME/datasets`` and right is used without any network. What a file
*holds* is checked at each load, so an MNIST file that was unpacked and packed again, and so has
other gzip bytes, is as good as the original.
"""

from __future__ import annotations

import gzip
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from melpy import config
from melpy.datasets.sums import is_right, said, sum_of_bytes
from melpy.errors import DataError, DownloadError
from melpy.files import writing

__all__ = ["TABLE", "Archive", "Content", "fetch", "folder", "missing", "read"]


@dataclass(frozen=True)
class Content:
    """One file as `read` hands it out: unpacked."""

    path: str  # in the data set's folder
    size_bytes: int | None  # None where only the sum is the check
    sha256: str | None  # None where no sum is published; then the size is the check


@dataclass(frozen=True)
class Archive:
    """One file as the hosts send it, kept as it is; only a ``.tar.gz`` is unpacked."""

    dataset: str  # also the name of its folder
    name: str
    sha256: str  # or an MD5 sum, where a host publishes no other
    hosts: tuple[str, ...]  # URLs to which the name is added, tried in this order
    contents: tuple[Content, ...]

    @property
    def urls(self) -> tuple[str, ...]:
        return tuple(host + self.name for host in self.hosts)

    @property
    def is_tar(self) -> bool:
        return self.name.endswith(".tar.gz")


def _idx(dataset: str, hosts: tuple[str, ...], sums: list[tuple[str, str]]) -> tuple[Archive, ...]:
    """Return the four files of an MNIST-like set: images and labels, training then test."""
    names = [f"{part}-{kind}-ubyte.gz" for part in ("train", "t10k") for kind in _IDX_KINDS]
    sizes = [16 + 60000 * 28 * 28, 8 + 60000, 16 + 10000 * 28 * 28, 8 + 10000]
    return tuple(
        Archive(dataset, name, packed, hosts, (Content(name, size, unpacked),))
        for name, size, (packed, unpacked) in zip(names, sizes, sums, strict=True)
    )


_IDX_KINDS = ("images-idx3", "labels-idx1")
_TORONTO = ("https://www.cs.toronto.edu/~kriz/",)
_CIFAR_10_SUMS = {
    "data_batch_1": "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
    "data_batch_2": "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
    "data_batch_3": "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
    "data_batch_4": "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
    "data_batch_5": "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
    "test_batch": "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
}

TABLE: dict[str, tuple[Archive, ...]] = {
    "mnist": _idx(
        "mnist",
        (
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
        ),
        [  # SHA-256 of the .gz, SHA-256 of what it holds
            (
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            ),
            (
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            ),
            (
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            ),
            (
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            ),
        ],
    ),
    "fashion-mnist": _idx(
        "fashion-mnist",
        (
            "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        ),
        [
            (
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            ),
            (
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            ),
            (
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            ),
            (
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
                "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
            ),
        ],
    ),
    "cifar-10": (
        Archive(
            "cifar-10",
            "cifar-10-binary.tar.gz",  # not the Python archive: that one holds pickles
            "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            _TORONTO,
            tuple(
                Content(f"cifar-10-batches-bin/{name}.bin", 10000 * 3073, sha256)
                for name, sha256 in _CIFAR_10_SUMS.items()
            ),
        ),
    ),
    "cifar-100": (
        Archive(
            "cifar-100",
            "cifar-100-binary.tar.gz",
            "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
            _TORONTO,
            (
                Content("cifar-100-binary/train.bin", 50000 * 3074, None),
                Content("cifar-100-binary/test.bin", 10000 * 3074, None),
            ),
        ),
    ),
}


def folder(archive: Archive) -> Path:
    """Return the folder of the archive's data set, which may not exist yet."""
    return config.home() / "datasets" / archive.dataset


def missing(archive: Archive) -> list[Content]:
    """Return the contents that are not on this machine; it looks at names only."""
    return [c for c in archive.contents if not (folder(archive) / c.path).is_file()]


def read(archive: Archive, *, timeout_s: float = 30.0) -> list[bytes]:
    """Return the archive's contents, unpacked and checked; download what is missing.

    Parameters
    ----------
    archive : Archive, a row of `TABLE`
    timeout_s : float, the longest silence of a host that is waited out

    Returns
    -------
    list of bytes, one for each of ``archive.contents``

    Raises
    ------
    DataError : a file on this machine is damaged; it is left as it is
    DownloadError : a file is missing and no host gave it
    """
    fetch(archive, timeout_s=timeout_s)
    return [_checked(archive, content) for content in archive.contents]


def fetch(archive: Archive, *, timeout_s: float = 30.0) -> Path:
    """Make sure that the archive's contents are on this machine, and return their folder."""
    home = folder(archive)
    if not missing(archive):
        return home
    packed = home / archive.name
    if packed.is_file():  # a .tar.gz that was put there by hand: it is the user's, it stays
        if not is_right(packed, archive.sha256):
            raise _damaged(archive, packed, f"the file with {said(archive.sha256)}", {})
        _unpack(archive, packed)
        return home
    part = _download(archive, home, timeout_s)
    if archive.is_tar:
        _unpack(archive, part)
        part.unlink()
    else:
        os.replace(part, packed)
    return home


def _download(archive: Archive, home: Path, timeout_s: float) -> Path:
    # Imported here because urllib takes as long to import as the rest of melpy's data code.
    from melpy.datasets.download import download

    part = home / f"{archive.name}.part"
    try:
        home.mkdir(parents=True, exist_ok=True)
        reasons = download(archive.urls, part, archive.sha256, timeout_s)
    except OSError as error:  # the disk's; the hosts' are among the reasons
        raise DownloadError(
            f"data set {archive.dataset!r}",
            f"{archive.name} cannot be written to {home} ({error.strerror or error})",
            mend="Set MELPY_HOME to a folder with room that may be written.",
        ) from error
    if reasons:
        tried = ", ".join(f"{urlsplit(url).netloc} ({why})" for url, why in reasons.items())
        raise DownloadError(
            f"data set {archive.dataset!r}",
            f"{archive.name} is not in {home} and no host gave it: {tried}",
            expected=f"the file with {said(archive.sha256)}",
            mend=f"Download it elsewhere from {archive.urls[0]} and put it at "
            f"{home / archive.name}, or set MELPY_HOME to a folder that has "
            f"datasets{os.sep}{archive.dataset}.",
        )
    return part


def _unpack(archive: Archive, packed: Path) -> None:
    """Write the contents that are missing, and nothing else that the archive may hold."""
    import tarfile

    wanted = {content.path: content for content in missing(archive)}
    with tarfile.open(packed, "r:gz") as tar:
        for entry in tar:
            content = wanted.get(entry.name.removeprefix("./"))
            if content is None or not entry.isreg() or entry.size != content.size_bytes:
                continue
            # The path is the table's, never the archive's.
            path = folder(archive) / content.path
            part = path.with_name(path.name + ".part")
            source = tar.extractfile(entry)
            with writing(path, f"data set {archive.dataset!r}"):
                path.parent.mkdir(parents=True, exist_ok=True)
                part.write_bytes(source.read() if source else b"")
                os.replace(part, path)
    if absent := [content.path for content in missing(archive)]:
        raise _damaged(archive, packed, f"an archive that holds {', '.join(absent)}", {})


def _checked(archive: Archive, content: Content) -> bytes:
    """Return what the file holds once it is known to be right."""
    path = folder(archive) / content.path
    expected = "a file" if content.size_bytes is None else f"{content.size_bytes} bytes"
    if content.sha256:
        expected += f" with {said(content.sha256)}"
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            # One byte more than right: enough to refuse, whatever else the file unpacks to.
            data = file.read(None if content.size_bytes is None else content.size_bytes + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise _damaged(archive, path, expected, {"gzip": str(error)}) from error
    if content.size_bytes is not None and len(data) != content.size_bytes:
        more = "more" if len(data) > content.size_bytes else len(data)
        raise _damaged(archive, path, expected, {"size_bytes": more})
    if content.sha256:
        found = sum_of_bytes(data, content.sha256)
        if found != content.sha256:
            raise _damaged(archive, path, expected, {"sum": found})
    return data


def _damaged(archive: Archive, path: Path, expected: str, received: dict[str, object]) -> DataError:
    return DataError(
        f"data set {archive.dataset!r}",
        f"{path} is damaged",
        expected=expected,
        received=received,
        mend="Delete it and load the data set again, which downloads it.",
    )
