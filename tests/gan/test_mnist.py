"""MNIST from small IDX files made here: what is read, each way in which a file can be wrong, and the download."""

import gzip
import hashlib
import http.server
import struct
import sys
import threading
import types

import numpy as np
import pytest

from gan.data import MNIST
from gan.data import mnist as module

rng = np.random.default_rng(0)
N = 20
IMAGES = {part: rng.integers(0, 256, (N, 28, 28), dtype=np.uint8) for part in ("train", "t10k")}
LABELS = {part: np.arange(N, dtype=np.uint8)[::step] % 10 for part, step in (("train", 1), ("t10k", -1))}


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


FILES = {f"{part}-images-idx3-ubyte": idx(IMAGES[part]) for part in IMAGES}
FILES |= {f"{part}-labels-idx1-ubyte": idx(LABELS[part]) for part in LABELS}
PACKED = {f"{name}.gz": gzip.compress(contents, mtime=0) for name, contents in FILES.items()}
TRAIN_IMAGES, TEST_IMAGES, TRAIN_LABELS, TEST_LABELS = FILES


@pytest.fixture
def folder(tmp_path):
    for name, contents in PACKED.items():
        (tmp_path / name).write_bytes(contents)
    return tmp_path


@pytest.fixture
def published(monkeypatch):
    """The small files take the place of the published ones."""
    digests = {
        name: tuple(hashlib.sha256(contents).hexdigest() for contents in (PACKED[f"{name}.gz"], FILES[name]))
        for name in FILES
    }
    monkeypatch.setattr(module, "PUBLISHED", digests)
    monkeypatch.setattr(module, "COUNTS", {"train": N, "t10k": N})


# ---------------------------------------------------------------- what is read


@pytest.mark.parametrize(("train", "part"), [(True, "train"), (False, "t10k")])
def test_images_and_labels_are_those_of_the_files(folder, train, part):
    data = MNIST(folder, train=train)
    assert (data.shape, len(data), data.classes) == ((1, 28, 28), N, tuple("0123456789"))
    assert (data.images.dtype, data.labels.dtype) == (np.float32, np.int64)
    np.testing.assert_allclose(data.images[:, 0], IMAGES[part] / 127.5 - 1.0, atol=1e-6)
    np.testing.assert_array_equal(data.labels, LABELS[part])
    assert (data.images.min(), data.images.max()) == (-1.0, 1.0)


def test_samples_are_images_with_their_labels(folder):
    data = MNIST(str(folder))
    images, labels = data.sample_labelled(200, np.random.default_rng(0))
    assert images.shape == (200, 1, 28, 28)
    same = (images[:, None] == data.images).all((2, 3, 4))
    np.testing.assert_array_equal(labels, data.labels[same.argmax(1)])
    assert same.any(0).all()  # all are drawn
    np.testing.assert_array_equal(images, data.sample(200, np.random.default_rng(0)))


def test_plain_files_are_read_and_packed_ones_by_any_name(tmp_path):
    (tmp_path / TRAIN_IMAGES).write_bytes(FILES[TRAIN_IMAGES])
    (tmp_path / TRAIN_LABELS).write_bytes(PACKED[f"{TRAIN_LABELS}.gz"])
    np.testing.assert_array_equal(MNIST(tmp_path).labels, LABELS["train"])


def test_a_smaller_set_is_read_where_the_published_one_is_missing(folder):
    """And only there."""
    for kind, array in (("images-idx3", IMAGES["train"][:5]), ("labels-idx1", LABELS["train"][:5])):
        (folder / f"train-5-{kind}-ubyte").write_bytes(idx(array))
    assert len(MNIST(folder)) == N
    for name in (TRAIN_IMAGES, TRAIN_LABELS):
        (folder / f"{name}.gz").unlink()
    assert len(MNIST(folder)) == 5


def test_32_pixels_have_an_empty_edge_and_other_sizes_are_scaled(folder):
    plain, padded = MNIST(folder).images, MNIST(folder, size=32).images
    np.testing.assert_array_equal(padded[:, :, 2:-2, 2:-2], plain)
    assert (padded == -1.0).sum() >= N * (32**2 - 28**2)
    half, double = MNIST(folder, size=16), MNIST(folder, size=64)
    assert (half.shape, double.shape) == ((1, 16, 16), (1, 64, 64))
    for data in (half, double):
        assert data.images.dtype == np.float32
        assert data.images.mean() == pytest.approx(padded.mean(), abs=0.01)


def test_published_files_pass(folder, published):
    for train in (True, False):
        assert len(MNIST(folder, train=train)) == N


# ---------------------------------------------------------------- what can be wrong


def flipped(contents, place):
    return contents[:place] + bytes([contents[place] ^ 1]) + contents[place + 1 :]


BAD = idx(np.zeros((N, 14, 14), np.uint8))
WRONG = {
    "packed-cut": (TRAIN_IMAGES, PACKED[f"{TRAIN_IMAGES}.gz"][:-100], "is cut short, at"),
    "packed-cut-early": (TRAIN_LABELS, PACKED[f"{TRAIN_LABELS}.gz"][:5], "is cut short, at 5 bytes"),
    "packed-corrupt": (TRAIN_IMAGES, flipped(PACKED[f"{TRAIN_IMAGES}.gz"], 9000), "is corrupt .*; get the file again"),
    "packed-no-such-block": (
        TRAIN_LABELS,
        PACKED[f"{TRAIN_LABELS}.gz"][:10] + b"\x07" + PACKED[f"{TRAIN_LABELS}.gz"][11:],
        "is corrupt .*invalid block type",
    ),
    "packed-checksum": (TRAIN_LABELS, flipped(PACKED[f"{TRAIN_LABELS}.gz"], -6), "is corrupt .CRC check failed"),
    "cut": (TRAIN_IMAGES, FILES[TRAIN_IMAGES][:-1], "is cut short: 15695 bytes unpacked, its header says 15696"),
    "cut-header": (TRAIN_IMAGES, FILES[TRAIN_IMAGES][:9], "is cut short, at 9 bytes"),
    "long": (TRAIN_LABELS, FILES[TRAIN_LABELS] + b"\n", "is too long: 29 bytes unpacked, its header says 28"),
    "empty": (TRAIN_LABELS, b"", "is no IDX file of images or labels, it begins with b''"),
    "page": (TRAIN_IMAGES, b"<!DOCTYPE html>", "is no IDX file of images or labels, it begins with b'<!DO'"),
    "labels-for-images": (TRAIN_IMAGES, FILES[TRAIN_LABELS], "holds labels, not images: two files have changed names"),
    "images-for-labels": (TRAIN_LABELS, FILES[TRAIN_IMAGES], "holds images, not labels: two files have changed names"),
    "small-images": (TRAIN_IMAGES, BAD, "has images of 14 x 14 pixels, MNIST's have 28 x 28"),
    "label": (TRAIN_LABELS, idx(np.full(N, 57, np.uint8)), "has the label 57, MNIST's end at 9"),
}


@pytest.mark.parametrize("problem", WRONG)
def test_a_wrong_file_is_named_in_one_line(folder, problem):
    name, contents, message = WRONG[problem]
    (folder / f"{name}.gz").unlink()
    (folder / name).write_bytes(contents)
    with pytest.raises(ValueError, match=message) as error:
        MNIST(folder)
    assert str(folder / name) in str(error.value)
    assert "\n" not in str(error.value)


def test_train_for_test_is_told_from_the_contents(folder, published):
    for kind in ("images-idx3", "labels-idx1"):
        names = [f"{part}-{kind}-ubyte" for part in ("train", "t10k")]
        for name, other in (names, names[::-1]):
            (folder / f"{name}.gz").write_bytes(PACKED[f"{other}.gz"])
    message = (
        "train-images-idx3-ubyte.gz holds what is published as t10k-images-idx3-ubyte, not train-images-idx3-ubyte"
    )
    with pytest.raises(ValueError, match=message):
        MNIST(folder)


def test_a_plain_file_of_the_right_length_with_other_bytes_is_found(folder, published):
    (folder / TRAIN_IMAGES).write_bytes(flipped(FILES[TRAIN_IMAGES], 5000))
    with pytest.raises(ValueError, match="has as many items as train-images-idx3-ubyte of MNIST, but not the same"):
        MNIST(folder)


def test_images_and_labels_must_be_as_many(folder):
    (folder / TRAIN_LABELS).write_bytes(idx(LABELS["train"][:7]))
    with pytest.raises(ValueError, match="20 train images but 7 labels"):
        MNIST(folder)


def test_a_missing_file_is_named(folder):
    (folder / f"{TEST_LABELS}.gz").unlink()
    MNIST(folder)
    with pytest.raises(FileNotFoundError, match=r"there is no t10k-labels-idx1-ubyte or t10k-labels-idx1-ubyte.gz in"):
        MNIST(folder, train=False)


def test_no_size_below_1(folder):
    with pytest.raises(ValueError, match="size must be at least 1, got 0"):
        MNIST(folder, size=0)


# ---------------------------------------------------------------- the download


def test_without_pooch_the_error_says_what_would_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install .minigrad.data.., or name a folder"):
        MNIST()


def test_the_next_mirror_is_asked_where_one_fails(folder, published, monkeypatch):
    asked = []

    def retrieve(url, known_hash, fname, path):
        asked.append(url)
        if url.startswith(module.MIRRORS[0]):
            raise OSError("out of reach")
        assert url == module.MIRRORS[1] + fname
        assert known_hash == f"sha256:{hashlib.sha256(PACKED[fname]).hexdigest()}"
        return str(folder / fname)

    fake = types.SimpleNamespace(os_cache=lambda name: folder / name, retrieve=retrieve)
    monkeypatch.setitem(sys.modules, "pooch", fake)
    np.testing.assert_array_equal(MNIST().labels, LABELS["train"])
    assert len(asked) == 4


@pytest.fixture
def server(tmp_path, published, monkeypatch):
    """A mirror on this machine that has the files, behind one that has none and one whose files are corrupt."""
    pooch = pytest.importorskip("pooch")
    for folder, damage in (("good", lambda contents: contents), ("corrupt", lambda contents: flipped(contents, 30))):
        (tmp_path / "web" / folder).mkdir(parents=True)
        for name, contents in PACKED.items():
            (tmp_path / "web" / folder / name).write_bytes(damage(contents))

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=tmp_path / "web")

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as web:
        thread = threading.Thread(target=web.serve_forever, args=(0.01,))
        thread.start()
        mirrors = tuple(f"http://127.0.0.1:{web.server_port}/{folder}/" for folder in ("none", "corrupt", "good"))
        monkeypatch.setattr(module, "MIRRORS", mirrors)
        monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / "cache" / name)
        yield tmp_path / "cache" / "minigrad" / "mnist"
        web.shutdown()
        thread.join()


def test_what_is_downloaded_is_checked_and_kept(server, monkeypatch):
    np.testing.assert_array_equal(MNIST().labels, LABELS["train"])
    assert sorted(path.name for path in server.iterdir()) == [f"{TRAIN_IMAGES}.gz", f"{TRAIN_LABELS}.gz"]
    monkeypatch.setattr(module, "MIRRORS", ("http://127.0.0.1:9/",))  # nobody answers there, and nobody is asked
    np.testing.assert_array_equal(MNIST().labels, LABELS["train"])
    with pytest.raises(ConnectionError, match=r"no mirror gave t10k-images-idx3-ubyte.gz .*; put it into"):
        MNIST(train=False)


def test_a_kept_file_that_is_corrupt_is_downloaded_again(server):
    MNIST()
    file = server / f"{TRAIN_LABELS}.gz"
    file.write_bytes(b"corrupt")
    np.testing.assert_array_equal(MNIST().labels, LABELS["train"])
    assert file.read_bytes() == PACKED[f"{TRAIN_LABELS}.gz"]
