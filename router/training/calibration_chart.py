"""The calibration curve as an SVG: what was said against what came of it."""

from collections.abc import Sequence
from typing import Any

SIZE = 360
EDGE = 48
_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)


def draw(bins: Sequence[dict[str, Any]]) -> str:
    """Draw bins of `said`, `was` and `rows`; a perfect model's lie on the dashed line."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIZE} {SIZE}" role="img">',
        "<style>text { font: 11px sans-serif }</style><title>Calibration on held-out rows</title>",
        f'<rect width="{SIZE}" height="{SIZE}" fill="white"/>',
        f'<path d="M{_x(0)} {_y(0)} L{_x(1)} {_y(1)}" stroke="#999" stroke-dasharray="4 4"/>',
        f'<path d="M{_x(0)} {_y(1)} V{_y(0)} H{_x(1)}" fill="none" stroke="#333"/>',
    ]
    for tick in _TICKS:
        parts += [
            f'<text x="{_x(tick)}" y="{_y(0) + 16}" text-anchor="middle">{tick:g}</text>',
            f'<text x="{_x(0) - 6}" y="{_y(tick) + 4}" text-anchor="end">{tick:g}</text>',
        ]
    line = " ".join(f"{_x(point['said'])},{_y(point['was'])}" for point in bins)
    parts.append(f'<polyline points="{line}" fill="none" stroke="#1f6feb"/>')
    parts += [
        f'<circle cx="{_x(point["said"])}" cy="{_y(point["was"])}" r="4" fill="#1f6feb">'
        f"<title>said {point['said']:.2f}, was {point['was']:.2f}, {point['rows']} rows</title></circle>"
        for point in bins
    ]
    middle = SIZE / 2
    parts += [
        f'<text x="{middle}" y="{SIZE - 10}" text-anchor="middle">said: local suffices</text>',
        f'<text transform="translate(12 {middle}) rotate(-90)" text-anchor="middle">came true</text>',
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _x(share: float) -> float:
    return round(EDGE + share * (SIZE - 2 * EDGE), 1)


def _y(share: float) -> float:
    return round(SIZE - EDGE - share * (SIZE - 2 * EDGE), 1)
