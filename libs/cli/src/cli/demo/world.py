"""The world that the demo looks at: a simulated retailer, or real invoices with made-up people."""

from collections.abc import Callable
from pathlib import Path

from simulator.manifest import Manifest, SimulatorError

from cli.exits import Exit, Refusal

Progress = Callable[[int, int], None]


def write_world(
    folder: Path, data: Path | None, persons: int | None, seed: int | None, progress: Progress
) -> Manifest:
    """Writes exports, mappings, reference tables and truth into a new folder; what is None takes the simulator's
    default. Raises Refusal."""
    from simulator import overlay, retailer

    if data is not None and not data.is_file():
        raise Refusal(f"{data} is not a file; give the path of online_retail.parquet", Exit.USAGE)
    try:
        if data is not None:
            chosen = overlay.DEFAULT_SEED if seed is None else seed
            return overlay.overlay(folder, data, seed=chosen, progress=progress)
        return retailer.simulate(
            folder,
            persons=retailer.DEFAULT_PERSONS if persons is None else persons,
            seed=retailer.DEFAULT_SEED if seed is None else seed,
            progress=progress,
        )
    except SimulatorError as error:
        raise Refusal(str(error), Exit.USAGE) from error
