"""Whether networks in int8 are as accurate with LiteRT as with ONNX Runtime, on CIFAR-10.

In each space some networks are trained as a search trains them, and exported by the weights of their trials
as `nas export --int8 --litert` does: both files are calibrated on the same training images and judged by the
same held-out images. Searches and exports go on where they were interrupted.

    .venv/bin/python -m tests.benchmarks.litert_int8
"""

import argparse
import json
import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import torch

import nas
from tests.benchmarks.filing import file_result
from tests.benchmarks.int8_ranking import IMAGES, spaces
from tests.benchmarks.int8_searches import space_named
from tests.benchmarks.truth_searches import train_here

BUDGET: Final = "8M-MACs"
EPOCHS: Final = 4

Network = Mapping[str, Any]


def exported(space: str, given: argparse.Namespace) -> Iterator[Network]:
    """Yield what the two int8 files of each network of a space record, after training and writing them."""
    folder: Path = given.folder
    recipe, study = folder / "unstopped.yaml", f"{space}-{given.images}"
    recipe.write_text(
        f"base: proxy\nname: unstopped\nepochs: {EPOCHS}\nrungs: [{EPOCHS}]\nepoch_images: {given.images}\n"
    )
    storage = f"sqlite:///{folder / f'{study}.db'}"
    result = nas.search(
        BUDGET,
        space=space_named(space, folder),
        data=str(given.images_at.resolve()),
        trials=given.networks,
        study=study,
        storage=storage,
        storage_path=str(folder / "nas-runs"),
        sampler="random",
        recipe=str(recipe),
        deploy_dtype="int8",
        keep_checkpoints=given.networks,
        seed=0,
    )
    if result.interrupted:
        raise SystemExit(f"The search {study} did not end: run the same command again.")
    for network in result.networks:
        to = folder / "exports" / f"{study}_{network.trial}"
        if not to.exists():
            nas.export(f"{study}#{network.trial}", to=to, name="net", int8=True, litert=True, storage=storage)
        onnx, litert = (json.loads((to / f"net_int8{end}.json").read_text()) for end in ("", "_litert"))
        assert (onnx["images"], onnx["split"]) == (litert["images"], litert["split"])
        yield {
            "judged_by": f"{litert['images']:,} {litert['split']} images",
            "fp32": litert["accuracy"]["fp32"],
            "onnx": onnx["accuracy"]["int8"],
            "litert": litert["accuracy"]["int8"],
        }


def lines_of(found: Mapping[str, Sequence[Network]]) -> Iterator[str]:
    """Yield the results as lines of Markdown."""
    yield (
        f"Networks within {BUDGET}, drawn uniformly and trained for {EPOCHS} epochs; accuracy of what "
        "`nas export --int8 --litert` writes."
    )
    yield ""
    yield "| space | fp32 | int8, ONNX Runtime | int8, LiteRT | LiteRT minus ONNX Runtime, points |"
    yield "| --- " * 5 + "|"
    apart = []
    for space, networks in found.items():
        for one in networks:
            apart.append(100 * (one["litert"] - one["onnx"]))
            cells = " | ".join(f"{one[form]:.2%}" for form in ("fp32", "onnx", "litert"))
            yield f"| {space} | {cells} | {apart[-1]:+.2f} |"
    yield ""
    within = sum(abs(value) <= 1 for value in apart)
    yield (
        f"Within one point: {within} of {len(apart)}; mean {statistics.fmean(apart):+.2f}, largest "
        f"{max(map(abs, apart)):.2f}."
    )
    judged_by = sorted({one["judged_by"] for networks in found.values() for one in networks})
    yield f"Judged by {' and '.join(judged_by)}."


def main() -> None:
    """Train, export and file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--folder", type=Path, default=Path("nas-runs/litert-int8"), help="of searches and exports"
    )
    parser.add_argument("--images-at", type=Path, default=IMAGES, help="folder of CIFAR-10 as Parquet")
    parser.add_argument("--images", type=int, default=1_500, help="images in an epoch of a training")
    parser.add_argument("--networks", type=int, default=5, help="networks that are trained in a space")
    given = parser.parse_args()
    given.folder = given.folder.resolve()
    given.folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    train_here()
    found = {space: list(exported(space, given)) for space in spaces()}
    command = f"python -m tests.benchmarks.litert_int8 --images {given.images} --networks {given.networks}"
    file_result("litert_int8", command=command, seed=0, lines=list(lines_of(found)))


if __name__ == "__main__":
    main()
