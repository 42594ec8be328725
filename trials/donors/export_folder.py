"""Donors from an export folder of ``nas export``."""

import json
from typing import Any, ClassVar

from typing_extensions import override

from search_spaces.architecture import Architecture
from search_spaces.errors import UserError, WeightsError, reason_of
from search_spaces.paths import expanded
from trials.donors import DonorSource
from trials.pretrained.donor import Donor
from trials.pretrained.state_file import read_state


class ExportFolder(DonorSource):
    """A folder with ``config.json`` and the weights of one network."""

    rank: ClassVar[int] = 10
    expects: ClassVar[str] = "an export folder"

    @override
    def takes(self, source: str) -> bool:
        try:
            return expanded(source).is_dir()
        except (OSError, ValueError):
            return False

    @override
    def open(self, source: str) -> Donor:
        folder = expanded(source)
        try:
            config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            architecture = Architecture.from_json(config["nas"]["architecture"])
            weights, _ = read_state(str(folder / f"{config['architecture']}.safetensors"))
            deployed, cfg = bool(config["nas"]["deploy"]), config["pretrained_cfg"]
        except (OSError, KeyError, TypeError, ValueError, UserError) as error:
            raise WeightsError(
                f"Cannot use the folder '{source}' as weights: {reason_of(error)[:160]}. Expected an export "
                f"folder with config.json and its .safetensors file, as nas export --to writes it."
            ) from error
        donor = Donor(
            source=source,
            architecture=architecture,
            weights=weights,
            mean=tuple(cfg["mean"]),
            std=tuple(cfg["std"]),
            classes=tuple(config.get("label_names", ())),
            licence=config["nas"]["provenance"].get("licence"),
            origin=f"the export folder {folder.resolve()}",
            resizing="to the network's side, bilinear",
        )
        try:
            donor.network()
        except RuntimeError as error:
            form = " in the form for inference (--deploy), which is not trained further" if deployed else ""
            raise WeightsError(
                f"Cannot use the weights of '{source}': they are not those of its architecture{form}. Export "
                f"the network again{' without --deploy' if deployed else ''}."
            ) from error
        return donor


DONOR = ExportFolder()
