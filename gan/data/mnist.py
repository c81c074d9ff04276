"""MNIST, handwritten digits: read from a folder, or downloaded once and kept."""

from __future__ import annotations

import gzip
import hashlib
import struct
import zlib
from pathlib import Path

import numpy as np

from .glyphs import DIGITS
from .images import ImageSet, resized

# SHA-256 of each file as it is published, packed and unpacked.
PUBLISHED = {
    "train-images-idx3-ubyte": (
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    "train-labels-idx1-ubyte": (
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    "t10k-images-idx3-ubyte": (
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    "t10k-labels-idx1-ubyte": (
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
}
COUNTS = {"train": 60_000, "t10k": 10_000}
MIRRORS = ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/")
AGAIN = "get the file again"


class MNIST(ImageSet):
    """The digits of LeCun, Cortes and Burges: 60,000 to train on or 10,000 to test with, (n, 1, size, size).

    Args:
        folder: where the IDX files are, as they are or packed (.gz). Without one they are downloaded with pooch, which
            keeps them for the next time. Sets with fewer images than MNIST are read too: train-10k-images-idx3-ubyte.
        train: the training set, or the test set.
        size: 28 pixels are as published; 32 have an empty edge of two pixels; others are scaled from the 32.

    Raises:
        FileNotFoundError: when the folder lacks a file.
        ValueError: when a file is cut short, corrupt, not what its name says, or not the one that was published.
        ModuleNotFoundError: when there is no folder, and pooch is not installed.
        ConnectionError: when no mirror can be reached.
    """

    def __init__(self, folder: Path | str | None = None, *, train: bool = True, size: int = 28):
        part = "train" if train else "t10k"
        images, labels = (read_file(*_locate(folder, f"{part}-{kind}")) for kind in ("images-idx3", "labels-idx1"))
        if len(images) != len(labels):
            raise ValueError(f"MNIST: {len(images)} {part} images but {len(labels)} labels; {AGAIN} that is wrong")
        if size != 28:
            images = resized(np.pad(images, ((0, 0), (2, 2), (2, 2))), size)
        pixels = images[:, None].astype(np.float32, copy=False)
        pixels *= 1.0 / 127.5
        pixels -= 1.0
        super().__init__(pixels, labels.astype(np.int64), tuple(DIGITS))


def read_file(path: Path, name: str) -> np.ndarray:
    """Images (n, 28, 28) or labels (n,), uint8, out of a file that should be what is published under that name.

    A file with as many items as the published one must be that one.
    """
    contents = unpacked(path)
    items = parse_idx(contents, path, dimensions=3 if "images" in name else 1)
    digest = hashlib.sha256(contents).hexdigest()
    held = next((other for other, (_, unpacked) in PUBLISHED.items() if unpacked == digest), None)
    if held not in (None, name):
        raise ValueError(f"{path} holds what is published as {held}, not {name}; {AGAIN}")
    if held is None and len(items) == COUNTS[name.split("-")[0]]:
        raise ValueError(f"{path} has as many items as {name} of MNIST, but not the same; {AGAIN}")
    if items.shape[1:] not in ((), (28, 28)):
        raise ValueError(f"{path} has images of {items.shape[1]} x {items.shape[2]} pixels, MNIST's have 28 x 28")
    if items.ndim == 1 and items.max(initial=0) > 9:
        raise ValueError(f"{path} has the label {items.max()}, MNIST's end at 9; {AGAIN}")
    return items


def unpacked(path: Path) -> bytes:
    """The contents of a file, which is unpacked if it begins as a gzip file does, whatever its name says."""
    contents = path.read_bytes()
    if not contents.startswith(b"\x1f\x8b"):
        return contents
    try:
        return gzip.decompress(contents)
    except EOFError:
        raise ValueError(f"{path} is cut short, at {len(contents)} bytes; {AGAIN}") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path} is corrupt ({error}); {AGAIN}") from None


def parse_idx(contents: bytes, path: Path, dimensions: int) -> np.ndarray:
    """The array in an IDX file of bytes: 0, 0, 8, the number of dimensions, each as a big-endian int32, then the items.

    Source: LeCun, Cortes and Burges, "The MNIST database", the IDX file format.
    """
    kinds = {bytes([0, 0, 8, 1]): "labels", bytes([0, 0, 8, 3]): "images"}
    found = kinds.get(contents[:4])
    expected = kinds[bytes([0, 0, 8, dimensions])]
    if found is None:
        raise ValueError(f"{path} is no IDX file of images or labels, it begins with {contents[:4]!r}; {AGAIN}")
    if found != expected:
        raise ValueError(f"{path} holds {found}, not {expected}: two files have changed names")
    start = 4 + 4 * dimensions
    if len(contents) < start:
        raise ValueError(f"{path} is cut short, at {len(contents)} bytes; {AGAIN}")
    shape = struct.unpack(f">{dimensions}I", contents[4:start])
    expected_bytes = start + int(np.prod(shape, dtype=object))
    if len(contents) != expected_bytes:
        what = "is cut short" if len(contents) < expected_bytes else "is too long"
        raise ValueError(f"{path} {what}: {len(contents)} bytes unpacked, its header says {expected_bytes}; {AGAIN}")
    return np.frombuffer(contents, np.uint8, offset=start).reshape(shape)


def _locate(folder: Path | str | None, name: str) -> tuple[Path, str]:
    """The file that goes by a name such as train-images-idx3, or by a longer one, and its published name."""
    published = f"{name}-ubyte"
    if folder is None:
        return _download(published), published
    folder = Path(folder)
    others = sorted(folder.glob(f"{name.replace('-', '*')}*"))
    found = [path for path in (folder / published, folder / f"{published}.gz", *others) if path.is_file()]
    if not found:
        missing = f"{published} or {published}.gz in {folder.resolve()}"
        raise FileNotFoundError(f"there is no {missing}; without a folder it is downloaded")
    return found[0], published


def _download(name: str) -> Path:
    """The packed file, which is downloaded unless it has been before; pooch compares checksums."""
    try:
        import pooch
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            'downloading MNIST needs pooch: pip install "minigrad[data]", or name a folder that has the files'
        ) from None
    cache = pooch.os_cache("minigrad") / "mnist"
    file, checksum, problem = f"{name}.gz", f"sha256:{PUBLISHED[name][0]}", None
    for mirror in MIRRORS:
        try:
            return Path(pooch.retrieve(mirror + file, checksum, fname=file, path=cache))
        except (OSError, ValueError) as error:  # out of reach, or not the same file
            problem = error
    raise ConnectionError(f"no mirror gave {file} ({problem}); put it into {cache}, or name a folder that has it")
