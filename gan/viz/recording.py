"""What a figure showed, picture by picture: kept, and written as a GIF, a strip, or a page with a player."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from minigrad.inspect.page import player

COLOURS = 64  # enough for curves and text, at a third of the bytes
CLEAR = COLOURS  # the number of one more colour, which lets through what lies below

#: The last picture, and above it what differs from it at another moment.
_PICTURES = """<div style="position: relative">
<img src="{last}" alt="the training of a GAN, picture by picture" style="width: 100%; display: block">
<img alt="" style="width: 100%; position: absolute; inset: 0; margin: 0">
</div>"""
_SCRIPT = """
  function draw(i) {
    const [difference, caption] = moments[i];
    root.querySelectorAll("img")[1].src = difference;
    return caption;
  }
"""


def small_png(picture: Image.Image) -> bytes:
    """A picture in a few colours, as a PNG file."""
    return _png(_palette(picture))


def _palette(picture: Image.Image) -> Image.Image:
    return picture.quantize(COLOURS, Image.Quantize.MAXCOVERAGE)


class Recording:
    """Pictures of one size, each with a caption. All are given the colours of one: the first, or another.

    Another is needed where the first lacks colours that come later, as what an untrained generator makes does.
    """

    def __init__(self, colours: Image.Image | None = None) -> None:
        self.pictures: list[Image.Image] = []
        self.captions: list[str] = []
        self._palette = None if colours is None else _palette(colours)

    def add(self, picture: Image.Image, caption: str) -> None:
        """Puts a picture at the end."""
        if self._palette is None:
            self._palette = _palette(picture)
        self.pictures.append(picture.quantize(palette=self._palette, dither=Image.Dither.NONE))
        self.captions.append(caption)

    def write_gif(self, path: Path | str, *, seconds_per_picture: float = 0.1) -> None:
        """An animation that repeats for ever, and rests on the last picture."""
        self._check_not_empty()
        durations = [round(1000 * seconds_per_picture)] * len(self.pictures)
        durations[-1] = 2500
        first, rest = self.pictures[0], self.pictures[1:]
        first.save(path, save_all=True, append_images=rest, duration=durations, loop=0, optimize=True, disposal=1)

    def write_png(self, path: Path | str) -> None:
        """The last picture."""
        self._check_not_empty()
        self.pictures[-1].save(path, optimize=True)

    def _check_not_empty(self) -> None:
        if not self.pictures:
            raise ValueError("the recording has no pictures: add one first")

    def strip(self, moments: Sequence[int]) -> Image.Image:
        """Some of the pictures, two in a row."""
        chosen = [self.pictures[i] for i in moments]
        width, height = chosen[0].size
        strip = Image.new("RGB", (2 * width, (len(chosen) + 1) // 2 * height), "white")
        for i, picture in enumerate(chosen):
            strip.paste(picture, (i % 2 * width, i // 2 * height))
        return strip.quantize(palette=self._palette, dither=Image.Dither.NONE)

    def write_strip(self, path: Path | str, moments: Sequence[int]) -> None:
        """Writes ``strip``."""
        self.strip(moments).save(path, optimize=True)

    def player(self) -> str:
        """A player as a piece of HTML that needs nothing else: play, pause, step, a slider, the arrow keys.

        It holds the last picture, which also stands where no script runs, and of each picture what differs from it.
        """
        self._check_not_empty()
        last = self.pictures[-1]
        frames = [_address(_png(_difference(picture, last), transparency=CLEAR)) for picture in self.pictures]
        moments = list(zip(frames, self.captions, strict=True))
        return player(_PICTURES.format(last=_address(_png(last))), moments, _SCRIPT, milliseconds=100)

    def write_html(self, path: Path | str, title: str, notes: Sequence[str] = ()) -> None:
        """A page with the title, the player, and notes below it, in one file."""
        head = f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{html.escape(title)}</title>\n'
        style = '<meta name="viewport" content="width=device-width">\n<body style="margin: 1rem; background: white">\n'
        above = f'<h1 style="font: bold 22px sans-serif">{html.escape(title)}</h1>\n'
        items = "\n".join(f"<li>{html.escape(note)}</li>" for note in notes)
        below = f'<ul style="max-width: 1080px; font: 15px/1.5 sans-serif">\n{items}\n</ul>' if notes else ""
        page = f"{head}{style}{above}{self.player()}\n{below}\n</body>\n</html>\n"
        Path(path).write_text(page, encoding="utf-8")


def _difference(picture: Image.Image, base: Image.Image) -> Image.Image:
    """The picture where it differs from the base, and two pixels around, clear elsewhere.

    A page shows pictures larger or smaller than they are, and mixes pixels; with the margin it mixes equal ones.
    """
    pixels = np.asarray(picture)
    differs = Image.fromarray(np.where(pixels != np.asarray(base), 255, 0).astype(np.uint8))
    shown = np.asarray(differs.filter(ImageFilter.MaxFilter(5))) > 0
    difference = Image.fromarray(np.where(shown, pixels, CLEAR).astype(np.uint8))
    difference.putpalette([*picture.getpalette()[: 3 * CLEAR], 255, 255, 255])
    return difference


def _png(picture: Image.Image, **settings: int) -> bytes:
    file = io.BytesIO()
    picture.save(file, "png", optimize=True, **settings)
    return file.getvalue()


def _address(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
