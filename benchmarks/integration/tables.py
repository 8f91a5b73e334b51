"""What was measured, as Markdown tables."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict

from harness import microseconds

from integration.batches import Batch
from integration.curves import ratios, time_at
from integration.energies import spread
from integration.memory import Growth
from integration.timing import Outcome


def milliseconds(t: float) -> str:
    return "–" if math.isnan(t) else f"{1e3 * t:.2g}" if t < 0.0095 else f"{1e3 * t:.0f}"


def nanoseconds(t: float) -> str:
    return microseconds(1e3 * t)


def target(value: float, most: float) -> str:
    return f"**{value:.2g}** (≤ {most:g})"


def markdown(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def runs_table(outcomes: Iterable[Outcome]) -> str:
    rows = []
    for o in outcomes:
        if o.ours is None:
            continue
        a, b = o.ours, o.heyoka[o.best]
        rows.append(
            [
                *(f"{o.problem.name} ({o.problem.size})", o.best),
                target(at_equal_error(o), o.problem.most),
                f"**{a.time / b.time:.2g}**",
                *(microseconds(a.time), microseconds(b.time), a.steps, b.steps),
                *(nanoseconds(a.step), nanoseconds(b.step), f"**{a.step / b.step:.2g}**"),
                *(f"{a.error:.1e}", f"{b.error:.1e}"),
            ]
        )
    head = ["problem (equations)", "heyoka, best mode", "ours / heyoka at its least error"]
    head += [
        "both at 2⁻⁵²",
        "ours, µs",
        "heyoka, µs",
        "steps: ours",
        "heyoka",
        "ns per step: ours",
        "heyoka",
        "ratio",
        "error: ours",
    ]
    return markdown([*head, "heyoka"], rows)


def at_equal_error(outcome: Outcome) -> float:
    """Give our time over that of the best mode at the error that this has at its best.

    That is within twice the least error of its curve; of several such points the quickest counts,
    for less than twice is chance.
    """
    assert outcome.ours is not None
    curve = outcome.curves.get("heyoka" + ", fast_math" * ("fast_math" in outcome.best), [])
    if curve:
        least = min(point.error for point in curve)
        point = min((p for p in curve if p.error <= 2 * least), key=lambda p: p.time)
        found = time_at(outcome.curves["ours"], point.error) / point.time
        if not math.isnan(found):
            return found
    return outcome.ours.time / outcome.heyoka[outcome.best].time


def modes_table(outcomes: Iterable[Outcome]) -> str:
    rows = []
    for o in outcomes:
        if o.ours is None:
            continue
        for peer, b in o.heyoka.items():
            ratio = f"**{o.ours.time / b.time:.2g}**"
            times = microseconds(b.time), microseconds(o.ours.time)
            errors = f"{b.error:.1e}", f"{o.ours.error:.1e}"
            rows.append([o.problem.name, f"heyoka, {peer}", ratio, *times, b.steps, *errors])
        for method, b in o.scipy.items():
            there = time_at([*o.curves["ours"], o.ours], b.error)
            ratio = f"**{there / b.time:.2g}**"
            times = microseconds(b.time), microseconds(there)
            rows.append([o.problem.name, method, ratio, *times, b.steps, f"{b.error:.1e}", "same"])
    head = ["problem", "peer", "ours / peer", "peer, µs", "ours, µs", "its steps", "its error"]
    return markdown([*head, "ours"], rows)


def builds_table(outcomes: Iterable[Outcome]) -> str:
    rows = []
    for o in outcomes:
        built = o.heyoka_built
        best = built[o.best] if o.heyoka else min(built.values())
        rows.append(
            [
                *(f"{o.problem.name} ({o.problem.size})", milliseconds(o.built)),
                *(milliseconds(o.better), milliseconds(o.again)),
                ", ".join(f"{mode} {milliseconds(t)}" for mode, t in built.items()),
                *(target(o.built / best, 0.5), f"**{o.built / min(built.values()):.2g}**"),
            ]
        )
    head = ["problem (equations)", "ours, ms", "with the better code"]
    head += ["in a second process", "heyoka, ms, by modes"]
    return markdown([*head, "ours / heyoka's best mode", "ours / its quickest to build"], rows)


def energies_table(outcomes: Iterable[Outcome]) -> str:
    rows = []
    for o in outcomes:
        if o.energies:
            (rms, bias), (rms2, bias2) = (spread(o.energies[k]) for k in ("ours", "heyoka"))
            name = f"{o.problem.name.split(',')[0]}, to t = {o.problem.long:.6g}"
            errors = f"{rms:.2e}", f"{rms2:.2e}", f"**{rms / rms2:.2g}**"
            rows.append([name, *errors, f"{bias:+.1f}", f"{bias2:+.1f}"])
    head = ["long run", "rms error of the energy: ours", "heyoka", "ratio"]
    return markdown([*head, "mean / its deviation: ours", "heyoka"], rows)


def precision_table(outcomes: Iterable[Outcome]) -> str:
    rows = []
    for o in outcomes:
        for peer in [name for name in o.curves if name != "ours"]:
            for ratio, point in zip(ratios(o, peer), o.curves[peer]):
                rows.append(
                    [
                        *(o.problem.name, peer, f"{point.tol:.0e}", f"{point.error:.1e}"),
                        *(microseconds(point.time), microseconds(ratio * point.time)),
                        "–" if math.isnan(ratio) else f"**{ratio:.2g}**",
                    ]
                )
    head = ["problem", "peer", "its tol", "its error", "peer, µs", "ours at that error, µs"]
    return markdown([*head, "ours / peer"], rows)


def summary(outcomes: Sequence[Outcome]) -> str:
    """Say of how many points of the peers' curves ours is below."""
    lines = []
    peers = dict.fromkeys(p for o in outcomes for p in o.curves if p != "ours")
    for peer in peers:
        named = [(r, o.problem.name) for o in outcomes for r in ratios(o, peer)]
        reached = [x for x in named if not math.isnan(x[0])]
        if not reached:
            continue
        below = sum(r < 1 for r, _ in reached)
        worst, where = max(reached)
        line = f"- {peer}: at {below} of {len(reached)} points ours takes less time for its error"
        line += f", {min(reached)[0]:.2g} to {worst:.2g} of it ({where})"
        missed = sorted({name for r, name in named if math.isnan(r)})
        if missed:
            count = len(named) - len(reached)
            line += (
                f"; {count} more are at errors that ours did not go down to: {', '.join(missed)}"
            )
        lines.append(line + ".")
    return "\n".join(lines)


def batches_table(batches: Iterable[Batch]) -> str:
    rows = []
    for b in batches:
        rows.append(
            [
                *(b.problem.name, b.lanes, b.best, target(b.ours / b.heyoka, 0.55)),
                *(microseconds(b.ours), microseconds(b.heyoka)),
                *(nanoseconds(b.ours / b.our_steps), nanoseconds(b.heyoka / b.heyoka_steps)),
                f"{b.apart:.0e}",
            ]
        )
    head = ["problem", "lanes", "heyoka, best mode", "ours / heyoka", "ours, µs", "heyoka, µs"]
    return markdown([*head, "ns per step and lane: ours", "heyoka", "from one by one"], rows)


def memory_table(growths: Iterable[Growth]) -> str:
    rows = [
        [g.what, f"{g.steps:,}".replace(",", "\u202f"), f"{(g.after - g.before) / 2**10:.0f}"]
        for g in growths
    ]
    return markdown(["Lorenz's equations by", "steps", "growth of resident memory, KiB"], rows)


def as_json(
    outcomes: Iterable[Outcome], batches: Iterable[Batch], growths: Iterable[Growth]
) -> str:
    """Write all that was measured."""
    found = {
        "problems": [asdict(o) | {"problem": o.problem.name} for o in outcomes],
        "batches": [asdict(b) | {"problem": b.problem.name} for b in batches],
        "memory": [asdict(g) for g in growths],
    }
    return json.dumps(found, indent=1, ensure_ascii=False)
