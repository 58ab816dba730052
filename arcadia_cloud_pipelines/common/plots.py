"""Small pictures for the Dagster UI, as Markdown with the PNG inside.

Dagster stores each twice and pages load many: they stay below 30 kB.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from . import foreign_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def _picture(title: str, draw: Callable[[Axes], None]) -> str:
    # Not pyplot: its global state is for people at a prompt, not for a process of many threads.
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        # A lean image comes without; the numbers beside the picture are there all the same.
        return f"{title}: no picture, for matplotlib is not installed."

    figure = Figure(figsize=(7, 2.6), dpi=80, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_title(title, fontsize=10, loc="left")
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.yaxis.set_major_formatter("${x:,.0f}")
    draw(axes)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", pil_kwargs={"optimize": True})
    return f"![{title}](data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()})"


def line_plot(title: str, points: Sequence[tuple[datetime, Decimal]]) -> str:
    """Dollars over time, as a line."""

    def draw(axes: Axes) -> None:
        times, values = zip(*points, strict=True)
        axes.step(times, [float(v) for v in values], where="post", color="#0069ff")
        axes.fill_between(
            times, [float(v) for v in values], step="post", alpha=0.15, color="#0069ff"
        )
        axes.set_ylim(bottom=0)

    return _picture(title, draw)


def stacked_months(title: str, months: Mapping[date, Mapping[str, Decimal]], top: int = 7) -> str:
    """Dollars by month, stacked by product; the smallest products as one."""

    def draw(axes: Axes) -> None:
        totals: dict[str, Decimal] = {}
        for products in months.values():
            for product, amount in products.items():
                totals[product] = totals.get(product, Decimal(0)) + amount
        ranked = sorted(totals, key=lambda p: totals[p], reverse=True)
        shown = ranked[:top]
        labels = [f"{month:%Y-%m}" for month in months]
        above = [0.0] * len(labels)
        below = [0.0] * len(labels)
        for product in (*shown, *(["other"] if len(ranked) > top else [])):
            if product == "other":
                sums = [sum((p.get(r, Decimal(0)) for r in ranked[top:]), Decimal(0))
                        for p in months.values()]  # fmt: skip
            else:
                sums = [p.get(product, Decimal(0)) for p in months.values()]
            heights = [float(s) for s in sums]
            # Credits go below the line instead of into the bars above it.
            floor = [above[i] if h >= 0 else below[i] for i, h in enumerate(heights)]
            axes.bar(labels, heights, bottom=floor, label=foreign_text.plot(product), width=0.8)
            above = [a + max(h, 0) for a, h in zip(above, heights, strict=True)]
            below = [b + min(h, 0) for b, h in zip(below, heights, strict=True)]
        axes.legend(fontsize=7, ncols=2, frameon=False, loc="upper left")
        step = max(1, len(labels) // 8)
        axes.set_xticks(range(0, len(labels), step), labels[::step])

    return _picture(title, draw)
