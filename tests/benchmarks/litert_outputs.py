"""Converts published networks, random ones and each part to LiteRT, and compares their scores with torch's.

    python -m tests.benchmarks.litert_outputs --random 30

It goes on where it was interrupted (litert_outputs.json in the working folder), and files the table at the
end.
"""

import argparse
import json
import time
from importlib.metadata import version
from pathlib import Path

import torch

import search_spaces
from search_spaces.errors import ExportError
from tests.benchmarks.filing import file_result
from tests.nas.exports.networks import every_part, network_to_export, random_networks

PUBLISHED = (
    "mobilenet_v2_0.35_96",
    "tinynet_e_106",
    "mobilenet_v3_small_224",
    "efficientnet_lite0_224",
    "mobilevit_xxs_256",
    "mobilevit_v2_0.5_256",
    "mobilenet_v4_conv_small_224",
    "starnet_s1_224",
)
KINDS = {
    "published": "published",
    "random": "random of the catalog, small",
    "part": "each mixer, block, skeleton",
}
TOLERANCE = 1e-3


def networks(random):
    """Yield kind, name and architecture."""
    parts = every_part()
    yield from (("part", name, parts[name]) for name in parts if name.startswith("mixer"))
    yield from (("random", f"random-{i:02d}", a) for i, a in enumerate(random_networks(random)))
    yield from (("published", name, search_spaces.reference(name)) for name in PUBLISHED)
    yield from (("part", name, parts[name]) for name in parts if not name.startswith("mixer"))


def outcome(architecture):
    """Return error, arena, peak and seconds of one network, or why it was refused."""
    from nas.exports.formats._litert_file import converted, scores_of
    from trials.latency.litert_timing import arena_bytes

    given, start = network_to_export(architecture), time.process_time()
    try:
        file = converted(given, "fp32")
        images = given.images(3)
        found, expected = scores_of(given, file, images), given.scores(images)
    except ExportError as error:
        return {"refused": str(error)}
    apart = float((found - expected).abs().max()) / max(1.0, float(expected.abs().max()))
    arena, peak = arena_bytes(file), given.costs.peak
    return {"error": apart, "arena": arena, "peak": peak, "seconds": time.process_time() - start}


def table(found):
    """Return the lines of the table."""
    yield "| networks | converted | refused | largest error | arena / peak: least, median, most | CPU s |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for kind, words in KINDS.items():
        rows = [row for row in found.values() if row["kind"] == kind]
        done = [row for row in rows if "refused" not in row]
        if not done:
            continue
        ratios = torch.tensor([row["arena"] / row["peak"] for row in done])
        seconds = float(torch.tensor([row["seconds"] for row in done]).median())
        yield (
            f"| {words} | {len(done)} | {len(rows) - len(done)} | {max(row['error'] for row in done):.1g} | "
            f"{ratios.min():.2f}, {ratios.median():.2f}, {ratios.max():.2f} | {seconds:.1f} |"
        )
    yield ""
    yield "Errors are shares of the largest score, or of 1 if that is more; fp32, three random images."
    yield "CPU seconds are the median of converting and comparing a network."
    packages = ("litert-torch", "ai-edge-litert")
    yield f"Converted and run by {', '.join(f'{name} {version(name)}' for name in packages)}."
    yield from (f"* {name}: {row['refused']}" for name, row in found.items() if "refused" in row)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--random", type=int, default=30)
    chosen = parser.parse_args()
    state = Path("litert_outputs.json")
    found = json.loads(state.read_text()) if state.exists() else {}
    for kind, name, architecture in networks(chosen.random):
        if name not in found:
            found[name] = {"kind": kind, **outcome(architecture)}
            state.write_text(json.dumps(found))
    bad = [n for n, row in found.items() if "refused" not in row and not row["error"] <= TOLERANCE]
    assert not bad, bad
    command = f"python -m tests.benchmarks.litert_outputs --random {chosen.random}"
    file_result("litert_outputs", command=command, seed=0, lines=list(table(found)))


if __name__ == "__main__":
    main()
