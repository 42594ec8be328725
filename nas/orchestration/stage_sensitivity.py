"""Measures which stage of a trained network loses how much by weights of 8 and of 4 bits."""

from dataclasses import replace
from typing import Final

import optuna
import torch
from torch import Tensor, nn

from dashboards.result import TrialResult
from dashboards.stage_sensitivity import StageDrop, StageSensitivity
from nas.exports.export_folder import read_weights
from nas.exports.prepared_images import prepared
from nas.files.locating import files_of
from nas.files.study_images import images_for
from nas.study.delivered_weights import WEIGHTS_OF, weights_of
from nas.study.study import Outline
from search_spaces.architecture import Architecture, Stage, options_of
from search_spaces.building import build
from search_spaces.counting import count_parts
from search_spaces.errors import StudyError
from search_spaces.weight_bits import BITS, WEIGHT_BITS
from trials.latency.onnx_model import deployed
from trials.quantisation.stage_rounding import rounded_stage
from trials.training.checksum import read_checksum

_BATCH: Final = 128


def stage_sensitivity(study: optuna.Study, network: TrialResult) -> StageSensitivity:
    """Return what each stage loses on validation images, by the weights of the search.

    Args:
        study: Study of the network.
        network: A network that was trained to the end.

    Raises:
        StudyError: if its weights are not there.
        DataError: if the images were moved or changed since the search.
    """
    architecture = network.architecture
    splits = images_for(study, architecture.resolution)
    images, labels = prepared(splits.validation, splits, architecture, whole=True)
    sizes = {"num_classes": len(splits.classes), "in_channels": splits.channels}
    with torch.random.fork_rng(devices=[]):
        trained = build(architecture, **sizes)
    trained.load_state_dict(_weights(study, network))
    form = deployed(trained)
    plain = _right(form, images, labels)
    drops = []
    for stage in range(len(architecture.stages)):
        for bits in BITS:
            with rounded_stage(form, stage, bits):
                apart = plain - _right(form, images, labels)
            part = count_parts(_with_bits(architecture, bits), deploy=True, **sizes)[stage + 1]
            drops.append(
                StageDrop(
                    stage=stage + 1,
                    bits=bits,
                    accuracy=float((plain - apart).mean()),
                    drop=float(apart.mean()),
                    error=float(apart.std() / len(apart) ** 0.5),
                    weights_bytes=part.costs.weights // 4,
                )
            )
    return StageSensitivity(
        network=f"{study.study_name}#{network.trial}",
        images=len(labels),
        accuracy=float(plain.mean()),
        drops=tuple(drops),
    )


def _weights(study: optuna.Study, network: TrialResult) -> dict[str, Tensor]:
    files = files_of(study)
    chosen = weights_of(Outline(study.user_attrs), network, WEIGHTS_OF[0], exists=files.exists)
    try:
        with files.fetched(chosen.file) as file:
            return read_weights(file, read_checksum(file))
    except FileNotFoundError as error:
        raise StudyError(
            f"Network #{network.trial} of '{study.study_name}' has no weights at "
            f"'{files.place(chosen.file)}': expected the file that its training wrote. Name another network."
        ) from error


@torch.no_grad()
def _right(network: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """Return 1 for each image that is classified right, else 0, [n]."""
    found = torch.cat([network(batch).argmax(dim=1) for batch in images.split(_BATCH)])
    return (found == labels).double()


def _with_bits(architecture: Architecture, bits: int) -> Architecture:
    """Return an architecture all of whose blocks have weights of so many bits."""
    stages = []
    for stage in architecture.stages:
        blocks = [options_of({**dict(options), WEIGHT_BITS: bits}) for options in stage.block_options]
        stages.append(Stage.made_of(stage.block, stage.channels, stage.stride, blocks))
    return replace(architecture, stages=tuple(stages))
