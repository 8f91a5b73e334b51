"""Flows against heyoka, daceypy and JAX with diffrax: ``python benchmarks/flows.py``.

What differential equations are integrated for: variational equations and flow maps, gradients
through a solution, many trajectories. In one process, taking turns; only ratios mean much. All
sides must agree before they are timed. A quarter of an hour; ``--write`` puts the tables into the
documentation, and names of parts choose some: ``variations``, ``gradients``, ``ensembles``. The
peers: ``pip install -e ".[bench]"``.
"""

from __future__ import annotations

import os
import sys

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"  # threads are counted
os.environ["TAYLORAD_CACHE"] = ""  # nothing that an earlier run compiled

import argparse
import platform
from importlib.metadata import version

from harness import ROOT, write_block

try:
    import heyoka as hy
    from flow_parts import ensembles, gradients, variations
except ImportError as missing:
    sys.exit(f"{missing}: pip install -e '.[bench]' (heyoka on Linux only)")

PAGE = ROOT / "docs/benchmarks.md"

PARTS = {"variations": variations, "gradients": gradients, "ensembles": ensembles}

PEERS = ("heyoka", "daceypy", "jax", "diffrax", "scipy")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="by default all")
    parser.add_argument("--write", action="store_true", help=f"into {PAGE.relative_to(ROOT)}")
    options = parser.parse_args()
    hy.llvm_state.set_diskcache_enabled(False)
    versions = ", ".join(f"{name} {version(name)}" for name in PEERS)
    for name in options.parts or PARTS:
        tables = [f"{platform.machine()}; {versions}."]
        for table in PARTS[name].tables():
            print(f"{table}\n", flush=True)
            tables.append(table)
        if options.write:
            write_block(PAGE, f"flows-{name}", "\n\n".join(tables))


if __name__ == "__main__":
    main()
