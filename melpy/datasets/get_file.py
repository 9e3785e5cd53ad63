"""get_file: any file from a URL, checked, kept, and unpacked if it is an archive."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from melpy import config
from melpy.datasets.sums import LENGTHS, is_right, said
from melpy.errors import ArgumentError, DataError, DownloadError, lookup, warn

__all__ = ["get_file"]

WHO = "get_file"
SCHEMES = {name: name for name in ("http", "https", "ftp", "file")}
ALGORITHMS = {"auto": None, **LENGTHS}
TIMEOUT_S = 60.0


def get_file(
    fname: str | os.PathLike | None = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: str | Sequence[str] | None = "auto",
    cache_dir: str | os.PathLike | None = None,
    force_download: bool = False,
) -> str:
    """Return the path of a file, which is downloaded if it is not there or not right.

    Parameters
    ----------
    fname : str, its name in the folder, or None for the name in the URL
    origin : str, a URL, "http", "https", "ftp" or "file"
    untar : bool, the same as ``extract`` with ``archive_format="tar"``
    md5_hash : str or None, the older way to say ``file_hash``
    file_hash : str or None, the SHA-256 or MD5 sum, in hexadecimal, that the file must have
    cache_subdir : str, the folder, below ``cache_dir``
    hash_algorithm : "sha256", "md5", or "auto" to tell them by their length
    extract : bool, whether the file is an archive to be unpacked
    archive_format : "tar" (also ``.tar.gz``, ``.tar.bz2``, ``.tar.xz``), "zip", "gz", a list of
        these, "auto" for all, or None for none
    cache_dir : path, or None for ``$MELPY_HOME``, `config.home`
    force_download : bool, whether it is downloaded in any case

    Returns
    -------
    str, the file's path; that of the folder where an archive was unpacked: ``<name>_extracted``
    for a name of one's own with an ending, else the name

    Raises
    ------
    ArgumentError : no URL, a name with a folder in it, a sum that is none
    DownloadError : the host did not give the file, or gave one with another sum
    DataError : an archive is damaged, or has a path that leads out of its folder

    Notes
    -----
    The network is used by the call alone, and only if the file is not there. A download that breaks
    off goes on at the next call if the sum is given; a file is in its place only once it is whole.
    Links inside archives are left out. Give the sum of what you download: without it you trust the
    host, and the way to it.

    Source
    ------
    Keras 3, ``keras.utils.get_file``.
    """
    if not origin:
        raise ArgumentError(WHO, "there is no URL", expected='the argument "origin"')
    lookup("kind of URL", urlsplit(origin).scheme, SCHEMES, WHO)
    digest = _digest(file_hash or md5_hash, hash_algorithm if file_hash else "md5")
    name = _name(fname, origin)
    folder = Path(cache_dir or config.home()).expanduser() / cache_subdir
    target, unpacked = folder / name, folder / name
    if extract or untar:
        target = folder / f"{name}_archive"
        if fname and "." in name:
            target, unpacked = folder / name, folder / f"{name[: name.find('.')]}_extracted"
    is_new = force_download or not (target.is_file() and is_right(target, digest))
    if is_new:
        _download(origin, target, digest)
    if not (extract or untar):
        return str(target)
    if is_new or not unpacked.is_dir():
        _extract(target, unpacked, "tar" if untar else archive_format)
    return str(unpacked)


def _digest(digest: str | None, algorithm: str) -> str | None:
    """Return a sum that may be one."""
    length = lookup("hash_algorithm", algorithm, ALGORITHMS, WHO)
    if not digest:
        return None
    right = [length] if length else list(LENGTHS.values())
    if len(digest) not in right or set(digest.lower()) - set("0123456789abcdef"):
        raise ArgumentError(
            WHO,
            "file_hash is no sum",
            expected=f"{' or '.join(map(str, right))} hexadecimal digits",
            received={"file_hash": digest},
        )
    return digest


def _name(fname: str | os.PathLike | None, origin: str) -> str:
    """Return the file's name, which is no path: no URL chooses a folder."""
    given = os.fspath(fname) if fname else urlsplit(origin).path.rsplit("/", 1)[-1]
    if not given:
        raise ArgumentError(
            WHO, "the URL has no file's name", expected="fname", received={"origin": origin}
        )
    if given in (".", "..") or set(given) & set("/\\\0"):
        raise ArgumentError(
            WHO,
            "fname is a path",
            expected="a name",
            received={"fname": given},
            mend="cache_dir and cache_subdir say in which folder the file lies.",
        )
    return given


def _download(origin: str, target: Path, digest: str | None) -> None:
    # Imported here because urllib takes as long to import as the rest of melpy's data code.
    from melpy.datasets.download import OTHER, download

    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        reasons = download([origin], part, digest, TIMEOUT_S)
        if not reasons:
            os.replace(part, target)
    except OSError as error:  # the disk's; the host's are among the reasons
        raise DownloadError(
            WHO,
            f"{target} cannot be written ({error.strerror or error})",
            mend="Give a cache_dir with room that may be written.",
        ) from error
    for why in reasons.values():
        wrong = DataError if why.startswith(OTHER) else DownloadError
        raise wrong(
            WHO,
            f"{origin} did not give the file: {why}",
            expected=f"the file with {said(digest)}" if digest else "",
            mend=f"Download it elsewhere and put it at {target}.",
        )


def _extract(path: Path, folder: Path, formats: str | Sequence[str] | None) -> None:
    from melpy.datasets.extract import FORMATS, extract  # not at import: rarely needed

    names = list(FORMATS) if formats == "auto" else formats or []
    names = [names] if isinstance(names, str) else names
    if not extract(path, folder, names, WHO):
        warn(
            f"{WHO}: {path} was not unpacked: it is no archive of the formats {list(names)}.",
        )
