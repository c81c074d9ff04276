"""What a figure showed, picture by picture: kept, and written as a GIF, a strip, or a page with a player."""

from __future__ import annotations

import base64
import hashlib
import html
import io
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from PIL import Image

COLOURS = 64  # enough for curves and text, at a third of the bytes


class Recording:
    """Pictures of one size, each with a caption."""

    def __init__(self) -> None:
        self.pictures: list[Image.Image] = []
        self.captions: list[str] = []

    def add(self, picture: Image.Image, caption: str) -> None:
        """Puts a picture at the end. All are given the colours of the first."""
        if not self.pictures:
            self._palette = picture.quantize(COLOURS, Image.Quantize.MAXCOVERAGE)
        self.pictures.append(picture.quantize(palette=self._palette, dither=Image.Dither.NONE))
        self.captions.append(caption)

    def write_gif(self, path: Path | str, *, seconds_per_picture: float = 0.1) -> None:
        """An animation that repeats for ever, and rests on the last picture."""
        durations = [round(1000 * seconds_per_picture)] * len(self.pictures)
        durations[-1] = 2500
        first, rest = self.pictures[0], self.pictures[1:]
        first.save(path, save_all=True, append_images=rest, duration=durations, loop=0, optimize=True, disposal=1)

    def write_png(self, path: Path | str) -> None:
        """The last picture."""
        self.pictures[-1].save(path, optimize=True)

    def write_strip(self, path: Path | str, moments: Sequence[int]) -> None:
        """Some of the pictures, two in a row."""
        chosen = [self.pictures[i] for i in moments]
        width, height = chosen[0].size
        strip = Image.new("RGB", (2 * width, (len(chosen) + 1) // 2 * height), "white")
        for i, picture in enumerate(chosen):
            strip.paste(picture, (i % 2 * width, i // 2 * height))
        strip.quantize(palette=self._palette, dither=Image.Dither.NONE).save(path, optimize=True)

    def player(self) -> str:
        """A player as a piece of HTML that needs nothing else: play, pause, step, a slider, the arrow keys."""
        frames = [f"data:image/png;base64,{_png(picture)}" for picture in self.pictures]
        template = resources.files(__package__).joinpath("player.html").read_text(encoding="utf-8")
        name = hashlib.sha256("".join(frames).encode()).hexdigest()[:12]
        listed = ",\n".join(f'["{frame}", "{html.escape(c)}"]' for frame, c in zip(frames, self.captions, strict=True))
        return template.replace("__NAME__", name).replace("__LAST__", frames[-1]).replace("__FRAMES__", listed)

    def write_html(self, path: Path | str, title: str) -> None:
        """A page with the player, in one file."""
        head = f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{html.escape(title)}</title>\n'
        style = '<meta name="viewport" content="width=device-width">\n<body style="margin: 1rem; background: white">\n'
        Path(path).write_text(f"{head}{style}{self.player()}\n</body>\n</html>\n", encoding="utf-8")


def _png(picture: Image.Image) -> str:
    file = io.BytesIO()
    picture.save(file, "png")
    return base64.b64encode(file.getvalue()).decode()
