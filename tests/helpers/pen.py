"""Digits as a person draws them: polylines in a box, with slant, size and a hand that shakes."""

from itertools import pairwise

import numpy as np

Points = np.ndarray


def _arc(x: float, y: float, across: float, down: float, start: float, end: float) -> Points:
    turn = np.radians(np.linspace(start, end, 24))
    return np.stack([x + across * np.cos(turn), y + down * np.sin(turn)], axis=1)


def _line(*points: tuple[float, float]) -> Points:
    return np.concatenate([np.linspace(a, b, 8) for a, b in pairwise(points)])


# several hands a digit; a 9 with a straight foot and one with a curled foot
HANDS: dict[int, list[list[Points]]] = {
    0: [[_arc(0.5, 0.5, 0.3, 0.42, -90, 270)], [_arc(0.5, 0.5, 0.24, 0.4, -60, -420)]],
    1: [
        [_line((0.5, 0.08), (0.5, 0.92))],
        [_line((0.32, 0.28), (0.52, 0.08), (0.52, 0.92))],
        [_line((0.6, 0.08), (0.45, 0.92))],
    ],
    2: [
        [np.concatenate([_arc(0.5, 0.32, 0.28, 0.24, -170, 50), _line((0.22, 0.92), (0.8, 0.92))])],
        [np.concatenate([_arc(0.48, 0.3, 0.24, 0.2, 170, 400), _line((0.25, 0.88), (0.78, 0.92))])],
    ],
    3: [[np.concatenate([_arc(0.45, 0.29, 0.27, 0.2, -150, 80), _arc(0.45, 0.7, 0.3, 0.22, -80, 150)])]],
    4: [
        [_line((0.6, 0.08), (0.2, 0.62), (0.82, 0.62)), _line((0.64, 0.35), (0.64, 0.92))],
        [_line((0.3, 0.08), (0.25, 0.5), (0.78, 0.5)), _line((0.72, 0.1), (0.68, 0.92))],
    ],
    5: [
        [
            np.concatenate([_line((0.3, 0.1), (0.27, 0.45)), _arc(0.47, 0.65, 0.29, 0.25, -130, 140)]),
            _line((0.3, 0.1), (0.76, 0.1)),
        ]
    ],
    6: [[np.concatenate([_line((0.66, 0.08), (0.4, 0.3)), _arc(0.5, 0.67, 0.25, 0.24, -170, 190)])]],
    7: [
        [_line((0.2, 0.1), (0.8, 0.1), (0.42, 0.92))],
        [_line((0.2, 0.1), (0.8, 0.1), (0.42, 0.92)), _line((0.35, 0.5), (0.75, 0.5))],
    ],
    8: [
        [np.concatenate([_arc(0.5, 0.3, 0.22, 0.2, 90, -270), _arc(0.5, 0.7, 0.27, 0.22, -90, 270)])],
        [
            np.concatenate(
                [
                    _arc(0.5, 0.3, 0.22, 0.2, -30, -270),
                    _arc(0.5, 0.7, 0.27, 0.22, -90, 180),
                    _line((0.24, 0.6), (0.73, 0.2)),
                ]
            )
        ],
    ],
    9: [
        [np.concatenate([_arc(0.5, 0.32, 0.25, 0.23, 0, -360), _line((0.74, 0.4), (0.66, 0.92))])],
        [
            np.concatenate(
                [
                    _arc(0.5, 0.32, 0.25, 0.23, 0, -360),
                    _line((0.74, 0.4), (0.72, 0.7)),
                    _arc(0.5, 0.68, 0.22, 0.24, 10, 140),
                ]
            )
        ],
    ],
}


def draw(number: str, rng: np.random.Generator) -> list[list[list[list[float]]]]:
    """Return four boxes of strokes: turned up to 8 degrees, slanted, narrowed, smaller, displaced, shaken by 0.7 %."""
    return [_draw(int(digit), rng) for digit in number]


def _draw(digit: int, rng: np.random.Generator) -> list[list[list[float]]]:
    hand = HANDS[digit][rng.integers(len(HANDS[digit]))]
    turn, slant, scale = rng.uniform(-0.14, 0.14), rng.uniform(-0.05, 0.35), rng.uniform(0.6, 1.0)
    narrow = np.diag([rng.uniform(0.6, 1.0), rng.uniform(0.85, 1.0)])
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    change = scale * turned @ np.array([[1, -slant], [0, 1]]) @ narrow
    at = np.array([0.375, 0.5]) + rng.uniform(-0.04, 0.04, 2)
    shaken = [(stroke - 0.5) @ change.T + at + rng.normal(0, 0.007, stroke.shape) for stroke in hand]
    return [np.clip(stroke, 0, (0.75, 1)).tolist() for stroke in shaken]
