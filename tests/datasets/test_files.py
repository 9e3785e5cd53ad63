"""read() and fetch(): what is there is used, what is wrong is named, what is missing is fetched."""

import dataclasses
import gzip
import subprocess
import sys
import tarfile

import pytest

from melpy.datasets import files
from melpy.errors import DataError, DownloadError

DATA = b"sixteen is enough" * 100


def put(home, archive, data, name=None):
    path = home / "datasets" / archive.dataset / (name or archive.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def listing(home):
    root = home / "datasets"
    return sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file())


def test_a_file_that_is_there_needs_no_host(home, make_gz, capsys):
    archive, packed = make_gz(DATA)
    put(home, archive, packed)
    assert files.read(archive) == [DATA]
    assert capsys.readouterr() == ("", "")


def test_what_counts_is_what_the_gzip_holds(home, make_gz):
    archive, packed = make_gz(DATA)
    again = gzip.compress(DATA, 1, mtime=7)
    assert again != packed
    put(home, archive, again)
    assert files.read(archive) == [DATA]


def test_a_missing_file_is_downloaded_once(home, make_gz, serve):
    _, packed = make_gz(DATA)
    host = serve({"small-ubyte.gz": packed})
    archive, _ = make_gz(DATA, hosts=[host.url])
    assert files.read(archive) == files.read(archive) == [DATA]
    assert host.ranges == [None]
    assert listing(home) == ["toy/small-ubyte.gz"]


def test_a_download_goes_on_after_a_break(home, make_gz, serve):
    _, packed = make_gz(DATA)
    host = serve({"small-ubyte.gz": packed})
    archive, _ = make_gz(DATA, hosts=[host.url])
    put(home, archive, packed[:9], "small-ubyte.gz.part")
    assert files.read(archive) == [DATA]
    assert host.ranges == ["bytes=9-"]
    assert listing(home) == ["toy/small-ubyte.gz"]


def test_without_network_the_error_says_all_that_is_needed(home, make_gz, serve, dead_url):
    host = serve({})
    archive, _ = make_gz(DATA, hosts=[dead_url, host.url])
    with pytest.raises(DownloadError) as caught:
        files.read(archive)
    folder = home / "datasets" / "toy"
    dead = dead_url.split("/")[2]
    reason = str(caught.value).partition(f"{dead} (")[2].partition(")")[0]
    assert str(caught.value) == (
        f"data set 'toy': small-ubyte.gz is not in {folder} and no host gave it: {dead} ({reason}),"
        f" 127.0.0.1:{host.server_port} (HTTP 404 Not Found)."
        f" Expected the file with SHA-256 {archive.sha256}."
        f" Download it elsewhere from {dead_url}small-ubyte.gz and put it at"
        f" {folder / 'small-ubyte.gz'}, or set MELPY_HOME to a folder that has"
        f" {files.os.path.join('datasets', 'toy')}."
    )
    assert "refused" in reason


def test_a_home_that_cannot_be_written_is_named(home, make_gz):
    archive, _ = make_gz(DATA)
    home.mkdir()
    (home / "datasets").write_text("a file where the folder should be")
    with pytest.raises(DownloadError, match=r"cannot be written to .*toy.*Set MELPY_HOME"):
        files.read(archive)


@pytest.mark.parametrize(
    ("damage", "received"),
    [
        (lambda packed: packed[:-30], "Compressed file ended"),
        (lambda packed: packed[:-8] + b"\0" * 8, "CRC check failed"),
        (lambda packed: b"<html>not here</html>", "Not a gzipped file"),
        (lambda packed: packed[:10] + b"\xff" + packed[11:], "Error -3"),
        (lambda packed: gzip.compress(DATA[:-1]), f"received size_bytes={len(DATA) - 1}."),
        (lambda packed: gzip.compress(DATA + b"!" * 10**6), "received size_bytes='more'."),
        (lambda packed: gzip.compress(DATA[::-1]), "received sum='"),
    ],
)
def test_a_damaged_file_is_named_and_kept(home, make_gz, serve, damage, received):
    _, packed = make_gz(DATA)
    host = serve({"small-ubyte.gz": packed})
    archive, _ = make_gz(DATA, hosts=[host.url])
    path = put(home, archive, damage(packed))
    with pytest.raises(DataError) as caught:
        files.read(archive)
    text = str(caught.value)
    assert text.startswith(f"data set 'toy': {path} is damaged. Expected {len(DATA)} bytes with")
    assert received in text
    assert text.endswith("Delete it and load the data set again, which downloads it.")
    assert path.read_bytes() == damage(packed)
    assert host.ranges == []


CONTENTS = {"inner/a.bin": b"a" * 3000, "inner/b.bin": b"b" * 500}


def hostile():
    """Entries that want out of the folder, or to be something other than files."""
    outside, absolute = tarfile.TarInfo("../outside.bin"), tarfile.TarInfo("/tmp/absolute.bin")
    unknown = tarfile.TarInfo("inner/readme.html")
    outside.size = absolute.size = unknown.size = 4
    link, same_name = tarfile.TarInfo("inner/link"), tarfile.TarInfo("inner/a.bin")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc"
    same_name.type, same_name.linkname = tarfile.SYMTYPE, "/etc/hostname"
    return [(entry, b"evil") for entry in (outside, absolute, unknown, link, same_name)]


def test_an_archive_gives_the_expected_files_and_nothing_else(home, make_tar, serve):
    archive, packed = make_tar(CONTENTS, extra=hostile())
    host = serve({"small.tar.gz": packed})
    archive = dataclasses.replace(archive, hosts=(host.url,))
    assert files.read(archive) == list(CONTENTS.values())
    assert listing(home) == ["toy/inner/a.bin", "toy/inner/b.bin"]  # the archive is gone too
    assert not any(p.is_symlink() for p in home.rglob("*"))
    assert files.read(archive) == list(CONTENTS.values())
    assert host.ranges == [None]


def test_an_archive_with_the_wrong_sum_is_never_opened(home, make_tar, serve):
    archive, packed = make_tar(CONTENTS)
    host = serve({"small.tar.gz": packed + b"!"})
    with pytest.raises(DownloadError, match="sent a file with another SHA-256"):
        files.read(dataclasses.replace(archive, hosts=(host.url,)))
    assert listing(home) == []


def test_an_archive_put_there_by_hand_is_used_and_kept(home, make_tar):
    archive, packed = make_tar(CONTENTS)
    put(home, archive, packed)
    assert files.read(archive) == list(CONTENTS.values())
    assert listing(home) == ["toy/inner/a.bin", "toy/inner/b.bin", "toy/small.tar.gz"]


def test_a_damaged_archive_put_there_by_hand_is_named_and_kept(home, make_tar):
    archive, packed = make_tar(CONTENTS)
    path = put(home, archive, packed[:-1])
    with pytest.raises(DataError, match=rf"small\.tar\.gz is damaged\. .*{archive.sha256}.*Delete"):
        files.read(archive)
    assert path.exists()


def test_an_archive_without_an_expected_file_is_refused(home, make_tar):
    archive, packed = make_tar({"inner/a.bin": b"a" * 3000})
    more = (*archive.contents, files.Content("inner/c.bin", 5, None))
    put(home, archive, packed)
    with pytest.raises(DataError, match=r"Expected an archive that holds inner/c\.bin\."):
        files.read(dataclasses.replace(archive, contents=more))


def test_only_missing_files_are_unpacked(home, make_tar):
    archive, packed = make_tar(CONTENTS)
    put(home, archive, packed)
    mine = put(home, archive, b"mine", "inner/b.bin")
    with pytest.raises(DataError, match=r"b\.bin is damaged"):
        files.read(archive)
    assert mine.read_bytes() == b"mine"


def test_without_a_sum_the_size_is_checked(home, make_tar):
    archive, _ = make_tar({"inner/a.bin": b"a" * 30})
    unsummed = dataclasses.replace(archive, contents=(files.Content("inner/a.bin", 30, None),))
    put(home, archive, b"b" * 30, "inner/a.bin")
    assert files.read(unsummed) == [b"b" * 30]
    put(home, archive, b"b" * 29, "inner/a.bin")
    with pytest.raises(DataError, match=r"Expected 30 bytes; received size_bytes=29\."):
        files.read(unsummed)


def test_the_table_is_whole():
    archives = [archive for row in files.TABLE.values() for archive in row]
    assert len(archives) == 10
    sums = [a.sha256 for a in archives]
    sums += [c.sha256 for a in archives for c in a.contents if c.sha256]
    assert len(set(sums)) == len(sums) == 24
    assert all(len(s) == 64 and int(s, 16) for s in sums)
    for name, row in files.TABLE.items():
        assert all(archive.dataset == name and archive.hosts for archive in row)
        assert all(host.endswith("/") for archive in row for host in archive.hosts)


def test_importing_the_data_sets_does_not_load_the_network_code():
    code = "import sys, melpy.datasets; print(sorted({'urllib.request', 'ssl'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
