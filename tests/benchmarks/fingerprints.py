"""Prints fingerprints of what the project computes at fixed seeds: a refactoring changes none of them.

    python tests/benchmarks/fingerprints.py > before.json     at one commit
    python tests/benchmarks/fingerprints.py > after.json      at another, on the same machine
    diff before.json after.json

It uses the public surface alone, so that it runs at both. One value a line, sorted by the letter in front:

    a  networks that spaces draw, and exact costs         d  searches, one for each sampler
    b  initial weights, outputs and gradients             e  a search that learns from another
    c  proposals of the sampler in a plain study          f  exports, before and after a retraining
                                                          g  families, explanations, comparisons of samplers

It pins itself to one core, so that there is one slot and no proposal depends on which of two trainings ends
first; only Linux can do that. Floating point differs between kinds of processors and versions of torch, so
compare what the same machine printed. It takes about four minutes.

Left out because they differ from run to run: times and dates, measured latencies, the seconds and overhead of
searches, paths, and the text of exported files, which holds dates and latencies.
"""

import hashlib
import importlib.util
import json
import os
import platform
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime
import optuna
import torch
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState
from safetensors.torch import load_file
from torch import Tensor, nn

import nas
import search_spaces
from nas.samplers.factor_gp import FactorGPSampler

Line = tuple[str, Any]

# Catalog spaces with classes and channels of their images, and sets of budgets: none, two kinds, several at
# once, and one that hardly anything fits.
SPACES: Final[dict[str, tuple[int, int, tuple[tuple[str, ...], ...]]]] = {
    "hybrid": (1000, 3, ((), ("300M-MACs",), ("512KiB-peak@int8", "3M-params"), ("29M-MACs",))),
    "hybrid_small": (10, 1, ((), ("30M-MACs",), ("48KiB-peak", "400k-params"), ("1900k-MACs",))),
    "mobile_cnn": (1000, 3, ((), ("100M-MACs",), ("8MiB-weights", "2M-activations"), ("5M-MACs",))),
}
SEEDS: Final = (0, 1, 2)
DRAWN: Final = 4  # networks of one space, budget and seed
BUILT: Final = (
    "convnext_atto_224",
    "efficientnet_b0_224",
    "fasternet_t0_224",
    "inceptionnext_atto_224",
    "mobilenet_v2_0.35_96",
    "mobilenet_v3_small_224",
    "mobilevit_v2_0.5_256",
    "mobilevit_xxs_256",
    "tinynet_e_106",
)

BUDGET: Final = "4M-MACs"
QUICK: Final = "batch_size: 64\nepoch_images: 512\nrecalibration_batches: 1\nwarmup_epochs: 0\n"
RECIPE: Final = f"epochs: 2\nrungs: [1, 2]\n{QUICK}"
AGAIN: Final = f"epochs: 1\n{QUICK}"
OTHERS: Final = ("evolution", "gp", "nsga2", "random", "tpe")

MIXERS: Final = ("conv", "attention", "pool")
TOY: Final[dict[str, BaseDistribution]] = {
    "resolution": CategoricalDistribution((128, 160, 192, 224)),
    "width": FloatDistribution(0.5, 2.0, step=0.25),
    "depth": IntDistribution(1, 8),
    "mixer1": CategoricalDistribution(MIXERS),
    "mixer2": CategoricalDistribution(MIXERS),
    "rate": FloatDistribution(1e-4, 1e-1, log=True),
}


def drawn() -> Iterator[Line]:
    """Yield networks of each catalog space within budgets, with their exact costs."""
    for name, (classes, channels, sets) in SPACES.items():
        space = search_spaces.load(name)
        for texts in sets:
            budgets = [search_spaces.Budget.parse(text) for text in texts]
            for seed in SEEDS:
                rng = np.random.default_rng(seed)
                for number in range(DRAWN):
                    network = space.sample(rng, budgets=budgets, num_classes=classes, in_channels=channels)
                    key = f"a {name} {' '.join(texts) or 'everything'} seed {seed} number {number}"
                    yield from priced(key, network, classes, channels)


def published() -> Iterator[Line]:
    """Yield the published networks with their exact costs."""
    for name in search_spaces.references():
        yield from priced(f"a {name}", search_spaces.reference(name), 1000, 3)


def priced(key: str, network: search_spaces.Architecture, classes: int, channels: int) -> Iterator[Line]:
    """Yield what a network is and costs."""
    yield f"{key} fingerprint", network.fingerprint
    for form, deploy in (("costs", False), ("costs deployed", True)):
        costs = search_spaces.count(network, num_classes=classes, in_channels=channels, deploy=deploy)
        yield f"{key} {form}", costs_of(costs)


def costs_of(costs: search_spaces.Costs) -> dict[str, int]:
    """Return costs by name."""
    return {name: getattr(costs, name) for name in ("macs", "params", "activations", "peak", "weights")}


def built() -> Iterator[Line]:
    """Yield the initial weights and the outputs of a network of each space and of published ones."""
    for name, (classes, channels, sets) in SPACES.items():
        budgets = [search_spaces.Budget.parse(text) for text in sets[1]]
        network = search_spaces.load(name).sample(
            np.random.default_rng(0), budgets=budgets, num_classes=classes, in_channels=channels
        )
        yield from run(f"b {name}", network, classes, channels)
    for name in BUILT:
        yield from run(f"b {name}", search_spaces.reference(name), 1000, 3)


def run(key: str, network: search_spaces.Architecture, classes: int, channels: int) -> Iterator[Line]:
    """Yield weights, outputs and gradients of a network that is built anew."""
    torch.manual_seed(0)
    module = search_spaces.build(network, num_classes=classes, in_channels=channels)
    yield f"{key} weights", sha256(module.state_dict())
    images = fixed_images(channels, network.resolution)
    with torch.inference_mode():
        scores = module.eval()(images)
    yield f"{key} outputs", sha256({"scores": scores})
    yield f"{key} first outputs", rounded(scores[0, :4].tolist(), 6)
    torch.manual_seed(1)
    nn.functional.cross_entropy(module.train()(images), torch.arange(len(images))).backward()
    gradients = {name: p.grad for name, p in module.named_parameters() if p.grad is not None}
    yield f"{key} gradients", sha256(gradients)


def fixed_images(channels: int, side: int) -> Tensor:
    """Return two random images, always the same ones, [2, channels, side, side]."""
    return torch.randn(2, channels, side, side, generator=torch.Generator().manual_seed(7))


def proposed() -> Iterator[Line]:
    """Yield the proposals of the sampler over 25 trials of a known objective."""
    for seed in (0, 1):
        variants: dict[str, FactorGPSampler] = {
            "free": FactorGPSampler(TOY, seed),
            "within one constraint": FactorGPSampler(TOY, seed, lambda point: (toy_excess(point),)),
            "within a batch of constraints": FactorGPSampler(
                TOY, seed, known_constraints_batch=lambda points: np.array([[toy_excess(p)] for p in points])
            ),
            "of a space it is not told": FactorGPSampler(seed=seed, n_startup_trials=6),
        }
        for name, sampler in variants.items():
            yield from asked(f"c {name} seed {seed}", sampler)
        yield from asked(
            f"c early stopping and a measured constraint seed {seed}", FactorGPSampler(TOY, seed), early=True
        )


def asked(key: str, sampler: FactorGPSampler, *, early: bool = False) -> Iterator[Line]:
    """Yield what is proposed in a study; every third trial ends early where `early`."""
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for number in range(25):
        trial = study.ask(TOY)
        value = toy_value(trial.params)
        if early:
            trial.set_constraint("latency", trial.params["depth"] - 6.0)
            for step in (1, 2):
                trial.report(value - 0.3 / step, step)
        state = TrialState.PRUNED if early and number % 3 == 2 else TrialState.COMPLETE
        study.tell(trial, value if state == TrialState.COMPLETE else None, state=state)
        yield f"{key} trial {number:02d}", trial.params


def toy_value(point: Mapping[str, Any]) -> float:
    """Return how good a point is; no two mixers or sizes are alike."""
    size = np.log(point["resolution"] / 128) + np.log(point["width"]) + 0.5 * np.log(point["depth"])
    mixers = MIXERS.index(point["mixer1"]) - 0.7 * MIXERS.index(point["mixer2"]) ** 2
    return float(np.tanh(size) + 0.1 * mixers - 0.05 * (np.log10(point["rate"]) + 2.3) ** 2)


def toy_excess(point: Mapping[str, Any]) -> float:
    """Return by how much a point breaks the budget; 0 or less fits."""
    return float((point["resolution"] / 128) ** 2 * point["width"] ** 2 * point["depth"] / 6.0 - 1.0)


def searched(folder: Path, url: str) -> Iterator[Line]:
    """Yield what each sampler finds, and what a search finds that learns from another."""
    recipe = folder / "tiny.yaml"
    recipe.write_text(RECIPE, encoding="utf-8")

    def search(study: str, **words: Any) -> Iterator[Line]:
        told = {"budget": BUDGET, "data": "digits", "space": "hybrid_small", "trials": 3, **words}
        result = nas.search(
            study=study,
            storage=url,
            recipe=str(recipe),
            storage_path=str(folder / "nas-runs"),
            quiet=True,
            **told,
        )
        letter = "e" if "learn_from" in words else "d"
        yield from trials_of(f"{letter} {study}", result.to_json(), url)

    yield from search("factor_gp", trials=10)
    for sampler in OTHERS:
        yield from search(sampler, sampler=sampler, seed=1)
    yield from search("several", budget=[BUDGET, "300k-params", "128KiB-peak"], seed_with=["factor_gp#0"])
    yield from search("learnt", budget="5M-MACs", trials=4, learn_from="factor_gp")


def trials_of(key: str, result: Mapping[str, Any], url: str) -> Iterator[Line]:
    """Yield all of a search that does not depend on time.

    Args:
        key: What the lines begin with.
        result: As ``nas search --json`` prints it.
        url: Of the storage.
    """
    networks = {network["trial"]: network for network in result["networks"]}
    yield f"{key} order", [network["trial"] for network in result["networks"]]
    yield f"{key} trained", result["trained"]
    for trial in optuna.load_study(study_name=result["study"], storage=url).get_trials():
        line = f"{key} trial {trial.number:02d}"
        yield f"{line} params", trial.params
        yield f"{line} state", trial.state.name
        yield f"{line} values", [trial.value, trial.intermediate_values]
        yield f"{line} constraints", trial.constraints
        network = networks.get(trial.number)
        if network is not None:
            found = search_spaces.Architecture.from_json(network["architecture"])
            yield f"{line} fingerprint", found.fingerprint
            yield f"{line} costs", network["costs"]
            yield f"{line} fits", [network["fits"], network["excess"]]
            yield f"{line} accuracy", [network["accuracy"], network["standard_error"], network["epochs"]]
        weights = Path(result["folder"]) / "trials" / f"{trial.number:05d}" / "weights.safetensors"
        yield f"{line} weights", sha256(load_file(weights)) if weights.exists() else None


def exported(folder: Path, url: str) -> Iterator[Line]:
    """Yield the weights and outputs of exports, before and after a longer training."""
    yield from handed_over("f best", nas.export("factor_gp", to=folder / "my_net", storage=url))
    yield from handed_over(
        "f deployed",
        nas.export("factor_gp", to=folder / "deployed", deploy=True, classes=7, name="my_net", storage=url),
    )
    recipe = folder / "again.yaml"
    recipe.write_text(AGAIN, encoding="utf-8")
    result = nas.retrain("factor_gp", top=2, recipe=str(recipe), storage=url).to_json()
    for place, told in enumerate([*result["compared"], result["winner"]]):
        values = {name: told[name] for name in ("trial", "joined", "accuracy", "test_accuracy")}
        yield f"f retrained {place}", values
    yield from handed_over("f retrained", nas.export("factor_gp", to=folder / "longer", storage=url))


def handed_over(key: str, files: Sequence[Path]) -> Iterator[Line]:
    """Yield the weights and outputs of one exported folder."""
    weights = next(path for path in files if path.suffix == ".safetensors")
    module, onnx = weights.with_suffix(".py"), weights.with_suffix(".onnx")
    yield f"{key} files", sorted(path.name for path in files)
    yield f"{key} weights", sha256(load_file(weights))
    architecture = json.loads((module.parent / "architecture.json").read_text(encoding="utf-8"))
    yield f"{key} fingerprint", search_spaces.Architecture.from_json(json.dumps(architecture)).fingerprint
    network: nn.Module = getattr(loaded(module), module.stem)()
    network.load_state_dict(load_file(weights))
    images = fixed_images(1, architecture["resolution"])
    with torch.inference_mode():
        scores = network.eval()(images)
    yield f"{key} outputs", rounded(scores.tolist(), 6)
    session = onnxruntime.InferenceSession(str(onnx), providers=["CPUExecutionProvider"])
    fed = {session.get_inputs()[0].name: images.numpy()}
    yield f"{key} ONNX outputs", rounded(session.run(None, fed)[0].tolist(), 6)


def loaded(path: Path) -> Any:
    """Return the module in a file."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"Cannot read '{path}': expected a Python file.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def scaled(url: str) -> Iterator[Line]:
    """Yield families of a published network and of a study by each rule."""
    for network, rules, budgets in (
        ("efficientnet_b0_224", ("compound", "fast_compound", "tinynet"), ("200M-MACs", "60M-MACs")),
        ("mobilevit_v2_1.0_256", ("compound", "fast_compound"), ("500M-MACs", "2M-params")),
        ("factor_gp", ("front", "x3d"), ("3M-MACs", "8M-MACs")),
    ):
        for rule in rules:
            for member in nas.scale(network, budget=budgets, rule=rule, storage=url):
                told = member.to_json()
                made = search_spaces.Architecture.from_json(json.dumps(told["architecture"]))
                key = f"g {network} by {rule} to {told['budget']}"
                yield f"{key} fingerprint", made.fingerprint
                yield f"{key} costs", told["costs"]


def explained(url: str) -> Iterator[Line]:
    """Yield every number of an explanation."""
    told = nas.explain("factor_gp", budget=["4M-MACs", "3M-MACs"], storage=url).to_json()
    for name, value in leaves("g explain", told):
        yield name, rounded(value, 9)


def leaves(key: str, value: Any) -> Iterator[Line]:
    """Yield the parts of nested data by where they are; lists of plain values stay whole."""
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from leaves(f"{key} {name}", part)
    elif isinstance(value, list | tuple) and any(isinstance(part, Mapping) for part in value):
        for index, part in enumerate(value):
            yield from leaves(f"{key} {index:03d}", part)
    else:
        yield key, value


def compared(folder: Path) -> Iterator[Line]:
    """Yield how every sampler fares on a small table."""
    table = folder / "table.json"
    table.write_text(json.dumps(small_table()), encoding="utf-8")
    samplers = ["factor_gp", *OTHERS]
    told = nas.bench(table, budget=["20M-MACs", "9M-MACs"], sampler=samplers, trials=20, seeds=2)
    for name, row in told["samplers"].items():
        for what, value in row.items():
            if what != "seconds_a_proposal":
                yield f"g bench {name} {what}", rounded(value, 9)


def small_table() -> dict[str, Any]:
    """Return a table of 135 networks in the documented format."""
    choices: dict[str, list[Any]] = {
        "depth": [1, 2, 3],
        "kernel": [3, 5, 7],
        "mixer": list(MIXERS),
        "width": [1, 2, 3, 4, 5],
    }
    rows = []
    for depth in choices["depth"]:
        for kernel in choices["kernel"]:
            for mixer in MIXERS:
                for width in choices["width"]:
                    macs = 100_000 * depth * width**2 * (kernel + 4 * MIXERS.index(mixer))
                    best = 60 + 10 * np.log10(macs / 1e6) - abs(kernel - 5) - (width - 3) ** 2 / 4
                    values = [round(float(best) + noise, 4) for noise in (-0.2, 0.0, 0.3)]
                    point = [depth, kernel, mixer, width]
                    rows.append({"point": point, "values": values, "costs": {"macs": macs}})
    return {"format": "nas-table", "version": 1, "name": "small", "parameters": choices, "rows": rows}


def sha256(tensors: Mapping[str, Tensor]) -> str:
    """Return a digest of tensors by name: of what they hold, not of a file."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()


def rounded(value: Any, digits: int) -> Any:
    """Return plain data with its numbers rounded, and no negative zeros."""
    if isinstance(value, float):
        return round(value, digits) + 0.0
    if isinstance(value, list | tuple):
        return [rounded(part, digits) for part in value]
    if isinstance(value, Mapping):
        return {name: rounded(part, digits) for name, part in value.items()}
    return value


def versions() -> Iterator[Line]:
    """Yield the versions of what computes."""
    yield (
        "versions",
        {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "optuna": optuna.__version__,
            "numpy": np.__version__,
            "onnxruntime": onnxruntime.__version__,
        },
    )


def lines(folder: Path) -> Iterator[Line]:
    """Yield everything.

    Args:
        folder: That is empty and may be written.
    """
    url = f"sqlite:///{folder / 'nas.db'}"
    parts: tuple[Callable[[], Iterator[Line]], ...] = (
        versions,
        drawn,
        published,
        built,
        proposed,
        lambda: searched(folder, url),
        lambda: exported(folder, url),
        lambda: scaled(url),
        lambda: explained(url),
        lambda: compared(folder),
    )
    for part in parts:
        yield from part()


def main() -> None:
    """Print everything as one JSON object."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    os.environ |= {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    with tempfile.TemporaryDirectory(prefix="fingerprints-") as folder:
        found = dict(lines(Path(folder)))
    told = [f"{json.dumps(key)}: {json.dumps(found[key], sort_keys=True)}" for key in sorted(found)]
    sys.stdout.write("{\n" + ",\n".join(told) + "\n}\n")


if __name__ == "__main__":
    main()
