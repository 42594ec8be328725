"""Downloads a model of timm with its weights, and reads what timm says of them."""

import importlib.util
import socket
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import getproxies

from search_spaces.errors import WeightsError, did_you_mean
from trials.pretrained.donor import Donor
from trials.pretrained.matching import match

_PATIENCE_S: Final = 10.0  # for the first answer of the hub


def timm_donor(name: str, source: str, *, published: str | None = None) -> Donor:
    """Return a model of timm with its weights.

    Args:
        name: Name in timm.
        source: The text that named it.
        published: The published network that it is; None to find out.

    Raises:
        WeightsError: if timm is not installed, knows no such model, cannot reach its hub, or the model is
            none of our families.
    """
    if importlib.util.find_spec("timm") is None:
        raise WeightsError(
            f"Cannot take '{source}': timm is not installed. Run: pip install timm, or give a .safetensors "
            f"file."
        )
    import timm  # noqa: PLC0415 -- not needed by anything else, and slow to import

    known = set(timm.list_models()) | set(timm.list_pretrained())
    if name not in known:
        raise WeightsError(
            f"timm {timm.__version__} has no model called '{name}'.{did_you_mean(name, known)} See "
            f"timm.list_pretrained()."
        )
    untrained = timm.create_model(name)
    match(untrained.state_dict(), name, named=published)  # before anything is downloaded
    found = _kept(untrained.pretrained_cfg.get("hf_hub_id"))
    try:
        if found is None:
            check_reachable()
        overlay = None if found is None else {"file": found}
        model = timm.create_model(name, pretrained=True, pretrained_cfg_overlay=overlay)
    except Exception as error:  # the hub's client raises many types
        raise WeightsError(
            f"Cannot download '{name}' through timm ({_first_line(error)}): expected that its hub can be "
            f"reached. Download the file elsewhere and give its path."
        ) from error
    return donor_of(model.state_dict(), dict(model.pretrained_cfg), name, source, published=published)


def donor_of(
    state: Mapping[str, Any],
    config: Mapping[str, Any],
    name: str,
    source: str,
    *,
    published: str | None = None,
) -> Donor:
    """Return the donor in a state dict of timm and its ``pretrained_cfg``."""
    found = match(state, name, named=published, side=config["input_size"][-1])
    return Donor(
        source=source,
        architecture=found.architecture,
        weights=found.weights,
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
        classes=tuple(config.get("label_names") or ()),
        published=found.published,
        licence=config.get("license"),
        origin=f"timm's {name}, {config.get('hf_hub_id') or config.get('url') or 'weights of its hub'}",
        resizing=f"{config.get('interpolation')}, the middle {config.get('crop_pct', 1):.1%}",
        notes=found.notes,
    )


def check_reachable() -> None:
    """Raise unless a connection to the hub can be made; its client would try for minutes.

    Raises:
        OSError: if there is none. Behind a proxy nothing is tried.
    """
    from huggingface_hub import constants  # noqa: PLC0415 -- comes with timm

    hub = urlsplit(constants.ENDPOINT)
    if not getproxies():
        socket.create_connection((hub.hostname or "", hub.port or 443), timeout=_PATIENCE_S).close()


def _kept(repository: str | None) -> str | None:
    """Return the weights of a model that were downloaded before; None if there are none."""
    from huggingface_hub import try_to_load_from_cache  # noqa: PLC0415 -- comes with timm

    if repository is None:
        return None
    found = try_to_load_from_cache(repository, "model.safetensors")
    return found if isinstance(found, str) else None


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"[:160]
