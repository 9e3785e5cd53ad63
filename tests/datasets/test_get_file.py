"""get_file: over real HTTP and from files, with sums, archives, and archives that mean harm."""

import gzip
import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from melpy.errors import ArgumentError, DataError, DownloadError, UnknownNameError
from melpy.utils import get_file

DATA = b"nothing is hidden" * 100
SHA256, MD5 = hashlib.sha256(DATA).hexdigest(), hashlib.md5(DATA).hexdigest()


@pytest.fixture(autouse=True)
def own_home(home):
    """Keep the tests' files among themselves."""


def tar_of(entries, mode="w:gz"):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:
        for name, content in entries.items():
            entry = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            data = b"" if entry is content else content
            entry.name, entry.size = name, len(data)
            archive.addfile(entry, io.BytesIO(data))
    return file.getvalue()


def zip_of(entries):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return file.getvalue()


def link(kind, target):
    entry = tarfile.TarInfo()
    entry.type, entry.linkname = kind, target
    return entry


def listing(folder):
    root = Path(folder)
    return sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if not p.is_dir())


def test_a_file_is_downloaded_once(serve, home, capsys):
    host = serve({"a%20b.txt?version=3": DATA})
    for _ in range(2):
        path = get_file(origin=f"{host.url}a%20b.txt?version=3")
    assert isinstance(path, str)
    assert Path(path) == home / "datasets" / "a%20b.txt"
    assert Path(path).read_bytes() == DATA
    assert len(host.ranges) == 1
    get_file(origin=f"{host.url}a%20b.txt?version=3", force_download=True)
    assert len(host.ranges) == 2
    assert capsys.readouterr().out == ""


def test_names_and_folders(serve, tmp_path):
    host = serve({"x": DATA})
    path = get_file("own.txt", f"{host.url}x", cache_dir=tmp_path / "new", cache_subdir="a/b")
    assert path == str(tmp_path / "new/a/b/own.txt")
    inside = get_file("y", f"{host.url}x", cache_subdir=str(tmp_path / "whole"))
    assert inside == str(tmp_path / "whole/y")


def test_files_of_this_machine(tmp_path, home):
    (tmp_path / "source.bin").write_bytes(DATA)
    path = get_file(origin=(tmp_path / "source.bin").as_uri(), file_hash=SHA256)
    assert Path(path) == home / "datasets" / "source.bin"
    assert Path(path).read_bytes() == DATA


@pytest.mark.parametrize(
    "sums",
    [
        {"file_hash": SHA256},
        {"file_hash": SHA256.upper()},
        {"file_hash": MD5},
        {"md5_hash": MD5},
        {"file_hash": SHA256, "hash_algorithm": "sha256"},
        {"file_hash": MD5, "hash_algorithm": "md5"},
    ],
    ids=str,
)
def test_sums(serve, home, sums):
    host = serve({"x": DATA, "y": DATA + b"!"})
    for _ in range(2):
        get_file("x", f"{host.url}x", **sums)
    assert len(host.ranges) == 1
    Path(get_file("x", f"{host.url}x")).write_bytes(b"changed")
    assert Path(get_file("x", f"{host.url}x", **sums)).read_bytes() == DATA
    assert len(host.ranges) == 2
    with pytest.raises(DataError, match=r"get_file: .*sent a file with another (SHA-256|MD5)"):
        get_file("y", f"{host.url}y", **sums)
    assert listing(home) == ["datasets/x"]  # a wrong file is never in its place


def test_a_download_that_broke_off(serve, home):
    host = serve({"x": DATA}, "breaks", most_bytes=10)
    with pytest.raises(DownloadError, match="broke off after 50 of 1700 bytes"):
        get_file("x", f"{host.url}x", file_hash=SHA256)
    assert listing(home) == ["datasets/x.part"]
    whole = serve({"x": DATA})
    assert Path(get_file("x", f"{whole.url}x", file_hash=SHA256)).read_bytes() == DATA
    assert whole.ranges == ["bytes=50-"]
    (home / "datasets" / "z.part").write_bytes(b"old")
    get_file("z", f"{whole.url}x")  # without a sum, nobody knows what the part is of
    assert whole.ranges[1:] == [None]


def test_hosts_that_do_not_answer(serve, dead_url):
    host = serve({})
    with pytest.raises(DownloadError, match=r"did not give the file: HTTP 404 Not Found"):
        get_file(origin=f"{host.url}x")
    with pytest.raises(DownloadError, match="refused"):
        get_file(origin=f"{dead_url}x")
    with pytest.raises(DownloadError, match="did not give the file"):
        get_file(origin="file:///nowhere/at/all.bin")


CONTENT = {"top.txt": b"top", "deep/er/a.bin": DATA}
ARCHIVES = {
    "a.tar": tar_of(CONTENT, "w"),
    "a.tar.gz": tar_of(CONTENT),
    "a.tgz": tar_of(CONTENT),
    "a.tar.bz2": tar_of(CONTENT, "w:bz2"),
    "a.zip": zip_of({"deep/": b"", **CONTENT}),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_archives(serve, home, name):
    host = serve(ARCHIVES)
    folder = get_file(origin=f"{host.url}{name}", extract=True)
    assert Path(folder) == home / "datasets" / name
    assert listing(folder) == ["deep/er/a.bin", "top.txt"]
    assert (Path(folder) / "deep/er/a.bin").read_bytes() == DATA
    assert get_file(f"own-{name}", f"{host.url}{name}", extract=True) == str(
        home / "datasets" / "own-a_extracted"
    )
    assert get_file("own", f"{host.url}{name}", extract=True) == str(home / "datasets" / "own")
    (Path(folder) / "mine.txt").write_text("kept")
    get_file(origin=f"{host.url}{name}", extract=True, force_download=True)
    assert listing(folder) == ["deep/er/a.bin", "mine.txt", "top.txt"]


def test_kinds_of_archives(serve):
    host = serve({**ARCHIVES, "words.txt.gz": gzip.compress(DATA), "plain": DATA})
    folder = get_file(origin=f"{host.url}words.txt.gz", extract=True)
    assert (Path(folder) / "words.txt").read_bytes() == DATA
    assert listing(get_file("t", f"{host.url}a.tar", untar=True)) == listing(
        get_file("u", f"{host.url}a.zip", extract=True, archive_format=["tar", "zip"])
    )
    for name, formats in (("a.zip", "tar"), ("plain", "auto"), ("a.tar", None), ("a.tar", [])):
        with pytest.warns(UserWarning, match="was not unpacked"):
            get_file(f"not {name} {formats}", f"{host.url}{name}", extract=True,
                     archive_format=formats)  # fmt: skip


SYMLINK, HARDLINK, DEVICE = tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE


@pytest.mark.parametrize(
    "archive",
    [
        tar_of({"good": b"1", "../evil": b"2"}),
        tar_of({"good": b"1", "a/../../evil": b"2"}),
        tar_of({"good": b"1", "/tmp/melpy-evil": b"2"}),
        tar_of({"good": b"1", "..\\evil": b"2"}),
        tar_of({"good": b"1", "C:evil": b"2"}),
        zip_of({"good": b"1", "../evil": b"2"}),
        zip_of({"good": b"1", "/tmp/melpy-evil": b"2"}),
    ],
)
def test_no_path_leads_out_of_the_folder(serve, home, archive):
    host = serve({"a": archive})
    with pytest.raises(DataError, match=r"leads out of its folder.*evil"):
        get_file("a", f"{host.url}a", extract=True)
    assert listing(home) == ["datasets/a_archive"]  # nothing was unpacked, nor beside it
    assert not Path("/tmp/melpy-evil").exists()


@pytest.mark.parametrize(
    ("kind", "target"),
    [(SYMLINK, "/etc/passwd"), (SYMLINK, "good"), (HARDLINK, "good"), (DEVICE, "")],
)
def test_links_and_devices_are_left_out(serve, kind, target):
    host = serve({"a": tar_of({"good": b"1", "x": link(kind, target), "x/through": b"2"})})
    with pytest.warns(UserWarning, match="1 links or devices .* were left out, such as 'x'"):
        folder = get_file("a", f"{host.url}a", extract=True)
    assert listing(folder) == ["good", "x/through"]  # x is a folder now, not a way out


def test_a_link_in_a_zip(serve):
    entry = zipfile.ZipInfo("x")
    entry.external_attr = 0o120777 << 16
    host = serve({"a": zip_of({"good": b"1"}) and _zip_with(entry, b"/etc/passwd")})
    with pytest.warns(UserWarning, match="1 links"):
        folder = get_file("a", f"{host.url}a", extract=True)
    assert listing(folder) == []


def _zip_with(entry, data):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(entry, data)
    return file.getvalue()


def test_a_damaged_archive(serve, home):
    host = serve({"a": ARCHIVES["a.tar.gz"][:-40], "b": gzip.compress(DATA)[:-9]})
    for name in "ab":
        with pytest.raises(DataError, match="is damaged"):
            get_file(name, f"{host.url}{name}", extract=True)
    assert listing(home) == ["datasets/a_archive", "datasets/b_archive"]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"origin": None}, ArgumentError, "there is no URL"),
        ({"origin": "data:,x"}, UnknownNameError, "kind of URL 'data'"),
        ({"origin": "/etc/passwd"}, UnknownNameError, "one of file, ftp, http, https"),
        ({"origin": "http://host/"}, ArgumentError, "no file's name"),
        ({"origin": "http://host/.."}, ArgumentError, "fname is a path"),
        ({"origin": "http://host/a\\b"}, ArgumentError, "fname is a path"),
        ({"fname": "a/b"}, ArgumentError, "fname is a path"),
        ({"fname": Path("a/b")}, ArgumentError, "cache_dir and cache_subdir"),
        ({"fname": ".."}, ArgumentError, "fname is a path"),
        ({"file_hash": "abc"}, ArgumentError, "32 or 64 hexadecimal digits"),
        ({"file_hash": MD5, "hash_algorithm": "sha256"}, ArgumentError, "Expected 64 hexa"),
        ({"file_hash": MD5, "hash_algorithm": "sha1"}, UnknownNameError, "unknown hash_algorithm"),
    ],
)
def test_refusals_need_no_network(arguments, error, message):
    with pytest.raises(error, match=message):
        get_file(**{"origin": "http://127.0.0.1:9/x", **arguments})


def test_an_unknown_format(serve):
    host = serve(ARCHIVES)
    with pytest.raises(UnknownNameError, match="unknown archive format 'rar'"):
        get_file("a", f"{host.url}a.zip", extract=True, archive_format="rar")


def test_a_folder_that_cannot_be_written(serve, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    host = serve({"x": DATA})
    with pytest.raises(DownloadError, match="cannot be written"):
        get_file("x", f"{host.url}x", cache_dir=tmp_path / "file")
