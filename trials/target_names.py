"""Parses the names of latency targets, from the command line and from a targets.yaml.

version: 1
targets:
  orin:  {kind: ssh, address: nvidia@orin.local, threads: 4}
  pixel: {kind: command, address: python run_on_phone.py, time_limit_s: 120}
  int8:  {kind: cpu, dtype: int8}
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from search_spaces.errors import TargetError, UnknownNameError, did_you_mean
from search_spaces.yaml_document import Lines, line_of, read
from trials.latency.latency import Condition
from trials.targets import TARGETS, TargetSpec

TARGETS_FILE: Final = Path("targets.yaml")
VERSION: Final = 1

_SSH: Final = re.compile(r"ssh://(?P<address>[^/?\s]+)/?(?:\?(?P<options>.*))?")
_NAME: Final = re.compile(r"[A-Za-z0-9][\w.-]*")
_FORMS: Final = (
    "cpu, cuda, a kind with options such as cpu:threads=2,dtype=int8, ssh://user@host, node:ADDRESS, "
    "command:PROGRAM, or a name in targets.yaml"
)


def find_target(text: str, file: Path = TARGETS_FILE) -> TargetSpec:
    """Return the target with a name.

    Args:
        text: Name, such as ``cpu``, ``cpu:threads=2,dtype=int8``, ``ssh://user@host:port?threads=4``,
            ``node:10.0.0.7``, ``command:./time.sh``, or a name in `file`.
        file: File of the user's named targets; need not exist.

    Raises:
        UnknownNameError: if there is no target of this name; offers the nearest one.
        TargetError: if the name cannot be parsed or the file cannot be used.
    """
    named = read_targets(file)
    if text in named:
        return named[text]
    if (ssh := _SSH.fullmatch(text)) is not None:
        if ":" in ssh["address"].rpartition("@")[0]:
            raise TargetError(
                f"Cannot use the target 'ssh://***@{ssh['address'].rpartition('@')[2]}': a password would be "
                f"stored with the measurements. Expected ssh://user@host and a key, see ssh-copy-id."
            )
        options = (ssh["options"] or "").replace("&", ",")
        return TargetSpec(name=text, kind="ssh", address=ssh["address"], options=_options(text, options))
    kind, _, rest = text.partition(":")
    if kind not in TARGETS:
        raise UnknownNameError.of("target", text, [*TARGETS, *named])
    if TARGETS[kind].addressed:
        if not rest or kind == "ssh":
            raise UnknownNameError.of("target", text, [*TARGETS, *named])
        return TargetSpec(name=text, kind=kind, address=rest)
    return TargetSpec(name=text, kind=kind, options=_options(text, rest))


def read_targets(file: Path) -> dict[str, TargetSpec]:
    """Return the targets in a YAML file by name; none if there is no file.

    Raises:
        TargetError: if the file cannot be used.
    """
    if not file.exists():
        return {}
    record, lines = read(file, "targets", TargetError)
    if isinstance(record, dict) and record.get("version", VERSION) == VERSION:
        _check_keys(file, lines, (), record, ("version", "targets"))
    if not isinstance(record, dict) or record.get("version") != VERSION:
        raise TargetError(f"Cannot use the targets in '{file}': expected 'version: {VERSION}' at the top.")
    targets = record.get("targets")
    if not isinstance(targets, dict):
        raise TargetError(f"Cannot use the targets in '{file}': expected 'targets:' with a name for each.")
    return {str(name): _named(file, lines, str(name), fields) for name, fields in targets.items()}


def _check_keys(
    file: Path, lines: Lines, at: tuple[str, ...], found: Mapping[str, Any], known: Sequence[str]
) -> None:
    """Raise for the first key that is none of the `known` ones, with its line."""
    for key in found:
        if key not in known:
            said = f"the target '{at[-1]}' got the option '{key}':" if at else f"nobody takes '{key}',"
            raise TargetError(
                f"Cannot use the targets in '{file}', line {line_of(lines, (*at, key))}: {said} expected one "
                f"of {', '.join(known)}.{did_you_mean(key, known)}"
            )


def _named(file: Path, lines: Lines, name: str, fields: Any) -> TargetSpec:
    """Return one target of a file; says what is wrong with it, in which line."""
    kinds = ", ".join(TARGETS)
    place = f"'{file}', line {line_of(lines, ('targets', name))},"
    if not _NAME.fullmatch(name) or name in TARGETS:
        raise TargetError(
            f"The target '{name}' in {place} has an invalid name: expected letters, digits, '.', '-' and "
            f"'_', and none of {kinds}."
        )
    kind = str(fields.get("kind")) if isinstance(fields, dict) else ""
    if isinstance(fields, dict):
        options = TARGETS[kind].defaults if kind in TARGETS else _all_options()
        _check_keys(file, lines, ("targets", name), fields, ("kind", "address", *sorted(options)))
        local = kind in TARGETS and not TARGETS[kind].addressed
        if local and "address" in fields:
            raise TargetError(
                f"The target '{name}' in {place} has an address, and {kind} is this machine: expected kind "
                f"ssh or node for another one. Leave the address out, or change the kind."
            )
    if kind not in TARGETS:
        near = did_you_mean(kind, TARGETS)
        raise TargetError(f"The target '{name}' in {place} has no kind: expected one of {kinds}.{near}")
    if not all(v is None or isinstance(v, str | int | float) for v in fields.values()):
        raise TargetError(
            f"The target '{name}' in {place} has an option that is neither text nor number: expected one "
            f"value for each option."
        )
    options = {str(k): v for k, v in fields.items() if k not in {"kind", "address"}}
    return TargetSpec(
        name=name,
        kind=kind,
        address=str(fields.get("address") or ""),
        options=tuple(sorted(options.items())),
    )


def _all_options() -> set[str]:
    return {option for kind in TARGETS for option in TARGETS[kind].defaults}


def _options(text: str, listed: str) -> tuple[tuple[str, Condition], ...]:
    pairs = [part.partition("=") for part in listed.split(",") if part]
    if not all(name and equals and value for name, equals, value in pairs):
        raise TargetError(f"Cannot read the target '{text}': expected {_FORMS}.")
    return tuple(sorted((name, value) for name, _, value in pairs))
