"""What became of a program: which lines run where, what it costs, in words."""

from __future__ import annotations

from taylorad.compiler.plan import Kernel, Plan
from taylorad.errors import named
from taylorad.wengert.list import Guard, WengertList

__all__ = ["report"]


def report(plan: Plan) -> str:
    """Describe how a program is run."""
    program = plan.program
    lines = [
        f"{_counted(_computed(program), 'line')}, {_counted(len(program.guards), 'guard')}, "
        f"{_counted(len(plan.kernels), 'kernel')}"
    ]
    for number, step in enumerate(plan.steps, 1):
        lines += [""]
        lines += _kernel(number, step) if isinstance(step, Kernel) else [_back(number, step, plan)]
    if program.guards:
        lines += ["", "holds as long as"]
        lines += dict.fromkeys(f"  {_condition(program, guard)}" for guard in program.guards)
    return "\n".join(lines)


def _condition(program: WengertList, guard: Guard) -> str:
    """Say what a guard asks for."""
    line = program[guard.line]
    while line.row is not None and line.row.name in ("any", "isnan") and not guard.expected:
        if line.operands[0] in program.inputs:
            return f"argument {program.inputs.index(line.operands[0])} contains no NaN"
        line = program[line.operands[0]]
    return f"the choice{named(guard.origin)} comes out {guard.expected}"


def _computed(program: WengertList) -> int:
    return sum(line.row is not None for line in program.lines)


def _kernel(number: int, kernel: Kernel) -> list[str]:
    lowered = kernel.lowered
    head = (
        f"{number}. {kernel.form}: {_counted(_computed(kernel.program), 'line')}, "
        f"{lowered.flops:,} flops, {_bytes(lowered.memory)} of memory besides results"
    )
    shown = [f"   {_shapes(kernel.program)}"]
    if kernel.team is not None:
        shown.append(f"   divided among {len(kernel.team.parts)} threads")
    return [head, *shown, *(f"   {note}" for note in lowered.notes)]


def _shapes(program: WengertList) -> str:
    takes, gives = (
        ", ".join(f"{program[i].dtype.name}{list(program[i].shape)}" for i in numbers)
        for numbers in (program.inputs, program.outputs)
    )
    return f"{takes or 'nothing'} -> {gives or 'nothing but checks'}"


def _back(number: int, at: int, plan: Plan) -> str:
    line = plan.program[at]
    assert line.row is not None
    return (
        f"{number}. called back: {line.row.name}, {line.dtype.name}{list(line.shape)}"
        f"{named(line.origin)}"
    )


def _counted(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def _bytes(n: int) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if n < 1024 or unit == "MiB":
            return f"{n:.0f} {unit}" if unit == "bytes" else f"{n:.1f} {unit}"
        n //= 1024
    return ""
