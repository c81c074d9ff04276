"""Buttons, settings and a slider for a LiveGame in a notebook. Needs ipywidgets."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from .live import LiveGame

LOSSES = ("non-saturating", "saturating")  # the two of the 2014 paper
RATES = (0.0005, 0.001, 0.002, 0.004, 0.01, 0.02, 0.05)


class Controls(widgets.VBox):
    """All that a class needs to play the game: what a button does is one call of the LiveGame's method.

    Where no kernel runs, the newest picture is shown in its place.
    """

    def __init__(self, live: LiveGame):
        self.live = live
        self.buttons = {
            "step D": self._button("step D", "info", live.step_discriminator),
            "step G": self._button("step G", "success", live.step_generator),
            "step both": self._button("step both", "primary", live.step_both),
            "50 rounds": self._button("50 rounds", "", lambda: live.step_both(50, watch=self._show_newest)),
            "100 rounds": self._button("100 rounds", "", lambda: live.step_both(100, watch=self._show_newest)),
            "reset": self._button("reset", "warning", lambda: live.reset(self.seed.value)),
        }
        self.loss = widgets.Dropdown(
            options=LOSSES, value=live.loss, description="loss of G", style=_WIDE, layout={"width": "210px"}
        )
        self.k = widgets.BoundedIntText(live.k, min=1, max=20, description="k", style=_WIDE, layout={"width": "70px"})
        self.lr = widgets.SelectionSlider(
            options=sorted({*RATES, live.lr}),
            value=live.lr,
            description="learning rate",
            style=_WIDE,
            layout={"width": "260px"},
        )
        self.seed = widgets.IntText(live.seed, description="seed, at reset", style=_WIDE, layout={"width": "160px"})
        self.history = widgets.IntSlider(0, min=0, max=0, description="go back", layout={"width": "auto"})
        self.sentence = widgets.HTML()
        self.picture = widgets.Image(format="png", layout={"max_width": "100%"})

        for name in ("loss", "k", "lr"):
            getattr(self, name).observe(lambda change, name=name: self._set(name, change["new"]), "value")
        self.history.observe(lambda change: self._show(change["new"]), "value")
        rows = [
            widgets.HBox(list(self.buttons.values()), layout=_ROW),
            widgets.HBox([self.loss, self.k, self.lr, self.seed], layout=_ROW),
        ]
        super().__init__([*rows, self.sentence, self.picture, self.history], layout={"max_width": "1100px"})
        self._show_newest()

    def _button(self, name: str, style: str, action: Callable[[], object]) -> widgets.Button:
        button = widgets.Button(description=name, button_style=style, layout={"width": "100px"})
        button.on_click(lambda _: self._do(action))
        return button

    def _do(self, action: Callable[[], object]) -> None:
        try:
            action()
        except FloatingPointError as error:
            self._say(f"Stopped: {error}.")
        else:
            self._show_newest()

    def _set(self, name: str, value: Any) -> None:
        setattr(self.live, name, value)
        self._show_newest()

    def _show_newest(self) -> None:
        newest = len(self.live) - 1
        self.history.max = newest
        if self.history.value == newest:
            self._show(newest)  # a slider that stays says nothing
        else:
            self.history.value = newest

    def _show(self, i: int) -> None:
        file = io.BytesIO()
        self.live.show(i).save(file, "png", compress_level=1)  # it has no far way to go: time matters, not size
        self.picture.value = file.getvalue()
        self._say(self.live.sentence(i))

    def _say(self, sentence: str) -> None:
        self.sentence.value = f'<div style="font-size: 115%; line-height: 1.4">{html.escape(sentence)}</div>'

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        picture = base64.b64encode(self.live._repr_png_()).decode()
        return {**super()._repr_mimebundle_(**kwargs), "text/plain": self.live.sentence(), "image/png": picture}


_ROW = {"flex_flow": "row wrap", "grid_gap": "0 12px"}
_WIDE = {"description_width": "initial"}
