"""Plots as SVG, written by hand: the same figures give the same octets. Lines and bars on a linear or a logarithmic x axis."""

import math
import xml.sax.saxutils

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 360, 70, 20, 40, 80
COLOURS = ["#1b6ca8", "#c1440e", "#3a7d44", "#6b4c9a"]


def ticks(most):
    """Three to six round values from 0 to at least `most`."""
    step = 10 ** math.floor(math.log10(most))
    for part in (0.2, 0.5, 1):
        if most / (step * part) <= 6:
            step *= part
            break
    return [step * i for i in range(math.ceil(most / step - 1e-9) + 1)]


def text(x, y, words, anchor="middle", extra=""):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="12" font-family="sans-serif"{extra}>'
            f"{xml.sax.saxutils.escape(words)}</text>")


def number(value):
    for size, letter in ((1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def lines(title, x_words, y_words, series, goal=None):
    """series: [(name, [(x, y), ...])]; x is drawn logarithmically. goal: (y, words), a dashed line."""
    xs = sorted({x for _, points in series for x, _ in points})
    marks = ticks(max([y for _, points in series for _, y in points] + ([goal[0]] if goal else [])) * 1.05)
    low, high = math.log10(xs[0]), math.log10(xs[-1])

    def at(x, y):
        share = (math.log10(x) - low) / (high - low) if high > low else 0.5
        return (LEFT + share * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - y / marks[-1] * (HEIGHT - TOP - BOTTOM))

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}">',
           '<rect width="100%" height="100%" fill="white"/>', text(WIDTH / 2, 22, title, extra=' font-weight="bold"')]
    for y in marks:
        _, down = at(xs[0], y)
        out.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{down:.1f}" y2="{down:.1f}" stroke="#ddd"/>')
        out.append(text(LEFT - 6, down + 4, number(y), "end"))
    for x in xs:
        out.append(text(at(x, 0)[0], HEIGHT - BOTTOM + 18, number(x)))
    out.append(text(WIDTH / 2, HEIGHT - BOTTOM + 38, x_words))
    out.append(text(16, HEIGHT / 2 - 20, y_words, extra=f' transform="rotate(-90 16 {HEIGHT / 2 - 20:.0f})"'))
    if goal:
        _, down = at(xs[0], goal[0])
        out.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{down:.1f}" y2="{down:.1f}" stroke="#888" '
                   'stroke-dasharray="6 4"/>')
        out.append(text(WIDTH - RIGHT, down - 5, goal[1], "end"))
    for i, (name, points) in enumerate(series):
        places = [at(x, y) for x, y in points]
        colour = COLOURS[i % len(COLOURS)]
        out.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="'
                   + " ".join(f"{x:.1f},{y:.1f}" for x, y in places) + '"/>')
        out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
        left = LEFT + i * 140
        out.append(f'<rect x="{left}" y="{HEIGHT - 22}" width="12" height="12" fill="{colour}"/>')
        out.append(text(left + 18, HEIGHT - 12, name, "start"))
    return "\n".join(out + ["</svg>", ""])


def bars(title, y_words, columns, goal=None):
    """columns: [(name, value)]. goal: (y, words), a dashed line."""
    marks = ticks(max([value for _, value in columns] + ([goal[0]] if goal else [])) * 1.05)
    wide = (WIDTH - LEFT - RIGHT) / len(columns)

    def down(y):
        return HEIGHT - BOTTOM - y / marks[-1] * (HEIGHT - TOP - BOTTOM)

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}">',
           '<rect width="100%" height="100%" fill="white"/>', text(WIDTH / 2, 22, title, extra=' font-weight="bold"'),
           text(16, HEIGHT / 2 - 20, y_words, extra=f' transform="rotate(-90 16 {HEIGHT / 2 - 20:.0f})"')]
    for y in marks:
        out.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{down(y):.1f}" y2="{down(y):.1f}" stroke="#ddd"/>')
        out.append(text(LEFT - 6, down(y) + 4, number(y), "end"))
    for i, (name, value) in enumerate(columns):
        left = LEFT + (i + 0.15) * wide
        out.append(f'<rect x="{left:.1f}" y="{down(value):.1f}" width="{0.7 * wide:.1f}" height="{HEIGHT - BOTTOM - down(value):.1f}" '
                   f'fill="{COLOURS[0]}"/>')
        out.append(text(left + 0.35 * wide, down(value) - 5, number(round(value, 2))))
        out.append(text(left + 0.35 * wide, HEIGHT - BOTTOM + 18, name))
    if goal:
        out.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{down(goal[0]):.1f}" y2="{down(goal[0]):.1f}" stroke="#888" '
                   'stroke-dasharray="6 4"/>')
        out.append(text(WIDTH - RIGHT, down(goal[0]) - 5, goal[1], "end"))
    return "\n".join(out + ["</svg>", ""])
