"""Says what to write in place of a budget that cannot be read, for the forms in which people type budgets.

A text is read leniently: its number, the letters that scale it, the words that name a cost, a time and its
target. What was understood is written in the one form that `search_spaces.budget.Budget` reads, with the
reason why the text itself was not read.
"""

import difflib
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from search_spaces.costs import COSTS, cost_names, in_bytes, label_of
from search_spaces.units import BYTE_SCALES, COUNT_SCALES

_DASHES: Final = dict.fromkeys(map(ord, "‐‑‒–—―−﹘﹣－"), "-")
_QUOTES: Final = "'\"`“”‘’«»[](){}<> "
_SEPARATORS: Final = (";", "|", "&", ",", "+", "/", " and ", " ")
_NUMBER: Final = re.compile(
    r"(?P<digits>\d{1,3}(?: \d{3})+(?!\d)|\d[\d_'’.,]*\d|\d|[.,]\d+)"
    r"(?P<power>e[+-]?\d+|\s?[*x×·]\s?10\^?[+]?\d+)?",
    re.IGNORECASE,
)
_FILLERS: Final = frozenset(
    {"max", "maximum", "most", "at", "under", "below", "less", "than", "up", "to", "of", "the", "in", "limit"}
    | {"int", "fp", "and", "multiply", "mult"}
)
_UNSCALED: Final = 10_000  # 300MACs are hardly 300 of them
_MOST: Final = Decimal(10) ** 18
_TIME: Final = re.compile(
    r"\s*-?(?P<unit>ms|msecs?|millis|milliseconds?|s|secs?|seconds?|[uµμ]s|microseconds?|ns|fps|hz|imgs?/s|images/s)"
    r"(?![A-Za-z])(?P<rest>.*)",
    re.IGNORECASE,
)
_MS: Final = {
    "m": Decimal(1),
    "s": Decimal(1000),
    **dict.fromkeys("uµμ", Decimal("0.001")),
    "n": Decimal("0.000001"),
}
_FIGURES: Final = {"median": "median", "p50": "median", "med": "median", "p90": "p90"}
_OTHER_FIGURES: Final = re.compile(r"p\d\d|mean|avg|average|max|min|std", re.IGNORECASE)

_SCALES: Final = {
    **dict.fromkeys(("k", "ki", "thousand", "kilo"), "k"),
    **dict.fromkeys(("m", "mi", "mn", "mio", "mill", "million", "millions", "mega"), "M"),
    **dict.fromkeys(("g", "gi", "b", "bn", "bil", "billion", "billions", "giga"), "G"),
}
_BYTES: Final = {
    f"{letter.lower()}{end}": f"{letter}iB" for letter in "KMG" for end in ("b", "ib", "byte", "bytes")
}
_NAMES: Final = {
    **dict.fromkeys(("mac", "macs", "macc", "maccs", "madd", "madds", "multadds", "fma", "fmas"), "macs"),
    **dict.fromkeys(("adds", "accumulate", "accumulates", "accumulations"), "macs"),
    **dict.fromkeys(("flop", "flops", "op", "ops", "operations"), "flops"),
    **dict.fromkeys(("param", "parameter", "parameters", "parms"), "params"),
    **dict.fromkeys(("act", "acts", "activation"), "activations"),
    **dict.fromkeys(("memory", "mem", "ram", "sram", "dram", "vram"), "peak"),
    **dict.fromkeys(("weight", "size", "model", "flash", "disk", "storage", "file"), "weights"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What to write instead, and why.

    Attributes:
        reason: What the text as given lacks, in words.
        instead: One or more budgets that can be read, or their options on the command line.
        budget: Whether `instead` is one budget that says what was meant.
    """

    reason: str
    instead: str
    budget: bool = True

    def __str__(self) -> str:
        return f"{self.reason}: {self.instead}"


def advice_on(text: str, reads: Callable[[str], bool]) -> Advice | None:
    """Return what to write in place of a text, None where nothing in it is understood.

    Args:
        text: What was given as a budget and cannot be read.
        reads: Whether a text is a budget that can be read.
    """
    plain = plainly(text)
    if reads(plain):
        dashed = any(chr(dash) in text for dash in _DASHES)
        reason = "write a plain hyphen" if dashed else "write the budget alone"
        return Advice(reason=reason, instead=plain)
    found = _several(plain, reads) or _one(plain)
    if found is not None and found.budget and not reads(found.instead):
        return None
    return found


def plainly(text: str) -> str:
    """Return a text with plain dashes and spaces, without quotes around it and the name of the option."""
    plain = unicodedata.normalize("NFKC", text.translate(_DASHES))
    plain = "".join(sign for sign in plain if sign.isprintable() or sign.isspace())
    plain = re.sub(r"^\W*budgets?\s*[=:\s]\s*", "", plain, flags=re.IGNORECASE)
    plain = " ".join(plain.split())
    return plain if re.match(r"\s*[<>]", plain) else plain.strip(_QUOTES)


def _several(text: str, reads: Callable[[str], bool]) -> Advice | None:
    """Return how to give the budgets of a text that holds more than one."""
    for separator in _SEPARATORS:
        parts = [plainly(part) for part in text.split(separator) if plainly(part)]
        budgets = [_understood(part, reads) for part in parts]
        if len(budgets) > 1 and all(budgets):
            times = {2: "twice", 3: "three times"}.get(len(budgets), f"{len(budgets)} times")
            options = " ".join(f"--budget {budget}" for budget in budgets)
            return Advice(reason=f"give --budget {times}", instead=options, budget=False)
    return None


def _understood(text: str, reads: Callable[[str], bool]) -> str | None:
    """Return the one budget that a text means, None where it means none."""
    if reads(text):
        return text
    found = _one(text)
    return found.instead if found is not None and found.budget and reads(found.instead) else None


def _one(text: str) -> Advice | None:
    read = _NUMBER.search(text)
    if read is None:
        return None if _named_in(text) is None else _without_number(text)
    number = _value(read)
    if number == 0 or re.fullmatch(r"\s*-\s*", text[: read.start()]):
        return Advice(reason="a budget is above zero", instead="for example 300M-MACs", budget=False)
    if number >= _MOST:
        return None
    before, after = text[: read.start()], text[read.end() :]
    plain = re.fullmatch(r"\d+(\.\d+)?", read[0]) is not None
    timed = _TIME.fullmatch(after)
    if timed is not None:
        return _on_latency(number, timed, before)
    return _on_cost(number, before, after, plain=plain)


def _without_number(text: str) -> Advice:
    name = str(_named_in(text))
    example = f"512KiB-{name}" if name in COSTS and in_bytes(name) else "300M-MACs"
    return Advice(reason="begin with a number", instead=f"for example {example}", budget=False)


def _value(read: re.Match[str]) -> Decimal:
    """Return a number written with separators of thousands, a decimal comma or a power of ten."""
    digits = re.sub(r"[_'’ ]", "", read["digits"])
    grouped = re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,3}(?:\.\d{3}){2,}", digits)
    plain = re.sub(r",|\.(?=\d{3}\.|\d{3}$)", "", digits) if grouped else digits.replace(",", ".")
    power = re.fullmatch(r"(?:e|\s?[*x×·]\s?10\^?)([+-]?\d+)", read["power"] or "e0", re.IGNORECASE)
    assert power is not None, read[0]
    whole, _, rest = plain.partition(".")
    return Decimal(f"{whole or 0}.{rest.replace('.', '') or 0}").scaleb(max(-30, min(int(power[1][:9]), 30)))


def _on_latency(number: Decimal, timed: re.Match[str], before: str) -> Advice | None:
    """Return advice on a number with a unit of time."""
    unit, (rest, figure, odd) = timed["unit"].lower(), _figure_in(timed["rest"])
    target = re.sub(r"^[\s@:/=-]*(?:on|at)?[\s@:/=-]*", "", rest)
    if not target and (named := re.search(r"([A-Za-z0-9][\w.-]*)\s*[@:]\s*$", before)) is not None:
        target = named[1] if named[1].lower() not in {"latency", "time"} else ""
    rate = unit in {"fps", "hz"} or unit.startswith("im")
    limit = round(1000 / number, 2) if rate else number * _MS[unit[0]]
    shown = f"{_short(limit)}ms{f'-{figure}' if figure else ''}@{target or 'cpu'}"
    if odd:
        return Advice(
            reason=f"the figures on a target are the quickest run, median and p90, not {odd}", instead=shown
        )
    if not target:
        return Advice(reason="name a target", instead=shown)
    if rate:
        return Advice(reason="a latency is the time of one image", instead=shown)
    return Advice(reason="a latency is written <number>ms@<target>", instead=shown)


def _figure_in(text: str) -> tuple[str, str, str]:
    """Return what follows a unit of time without its figure, the figure meant, and one that there is not."""
    for word in re.findall(r"(?<![A-Za-z])[A-Za-z]+\d*", text):
        if word.lower() in _FIGURES or _OTHER_FIGURES.fullmatch(word):
            rest = re.sub(rf"\s*[-:@ ]?\(?{word}\)?", "", text, count=1)
            known = _FIGURES.get(word.lower())
            return rest, known or ("p90" if word[0].lower() == "p" else "median"), "" if known else word
    return text, "", ""


def _on_cost(number: Decimal, before: str, after: str, *, plain: bool) -> Advice | None:
    """Return advice on a number with a scale and the name of a cost, in whatever order."""
    after, _, dtype = after.partition("@")
    scale, name, unknown = _words_in(f"{after} {before}")
    if re.search(r"\d", after.replace("int8", "").replace("fp32", "").replace("fp16", "")) is not None:
        return None  # more numbers than one
    if unknown and not (name and scale):
        return None
    if name is None:
        return _nameless(number, scale)
    if name == "macs" and not scale and number < _UNSCALED and re.match(r"mac", after, re.IGNORECASE):
        scale = "M"  # 300MACs
    if name == "flops":
        return Advice(reason="FLOPs are twice the MACs", instead=f"{_count(number / 2, scale)}-MACs")
    if in_bytes(name):
        scale = "" if re.match(r"\s*b\b", after, re.IGNORECASE) else scale  # bytes, not billions
        return _on_memory(number, scale, name, dtype or before + after)
    instead = f"{_count(number, scale)}-{label_of(name)}"
    return Advice(reason=_reason(before, after, dtype, scale, plain=plain), instead=instead)


def _words_in(text: str) -> tuple[str, str | None, bool]:
    """Return the scale and the cost that some words give, and whether one of them is something else."""
    scale, name, unknown = "", None, False
    for word in re.findall(r"[A-Za-z]+", text):
        its_scale, its_name = _scale_and_name(word)
        scale, name = scale or its_scale, name or its_name
        unknown |= not its_scale and its_name is None and word.lower() not in _FILLERS
    return scale, name, unknown


def _scale_and_name(word: str) -> tuple[str, str | None]:
    """Return the scale and the cost that one word gives, as ``MMACs`` gives both."""
    low = word.lower()
    if low in _SCALES or low in _BYTES:
        return _SCALES.get(low) or _BYTES[low], None
    if (name := _named_in(low, near=False)) is not None:
        return "", name
    for letters, scale in sorted({**_SCALES, **_BYTES}.items(), key=lambda pair: -len(pair[0])):
        if low.startswith(letters) and (name := _named_in(low[len(letters) :], near=False)) is not None:
            return scale, name
    unscaled = _named_in(low[1:], near=False)  # of TMACs: a scale that budgets do not have
    return "", _named_in(low) if unscaled is None else None


def _named_in(word: str, *, near: bool = True) -> str | None:
    """Return the cost, or FLOPs, that a word names, also where it is misspelt."""
    costs = {label_of(name).lower(): name for name in cost_names()}
    known = {**_NAMES, **costs}
    low = word.lower()
    if low in known or not near or len(low) < 4:
        return known.get(low)
    return next((known[close] for close in difflib.get_close_matches(low, known, n=1, cutoff=0.75)), None)


def _nameless(number: Decimal, scale: str) -> Advice:
    if scale in BYTE_SCALES:
        shown = f"{_short(number)}{scale}"
        return Advice(reason="name what it limits", instead=f"{shown}-peak or {shown}-weights", budget=False)
    shown = _count(number, scale)
    return Advice(reason="name what it limits", instead=f"{shown}-MACs or {shown}-params", budget=False)


def _on_memory(number: Decimal, scale: str, name: str, dtype: str) -> Advice:
    """Return advice on a budget of memory, whose limit is in KiB, MiB or GiB."""
    unit = scale if scale in BYTE_SCALES else {"": "B", "k": "KiB", "M": "MiB", "G": "GiB"}[scale]
    if unit == "B":
        number, unit = number / 1024, "KiB"
    eighth = "@int8" if re.search(r"int8|i8|8.?bit", dtype, re.IGNORECASE) else ""
    instead = f"{_short(number)}{unit}-{name}{eighth}"
    if not eighth and re.search(r"(int|fp|float|bf)(?!32)\d", dtype, re.IGNORECASE):
        return Advice(reason="memory is that of fp32, or of int8 with @int8", instead=instead)
    reason = "memory is written in KiB, MiB or GiB, which are multiples of 1,024 bytes"
    return Advice(reason=reason, instead=instead)


def _reason(before: str, after: str, dtype: str, scale: str, *, plain: bool) -> str:
    """Return why a budget on a count was not read, whose number and name were understood."""
    if dtype:
        return "a count does not depend on a dtype"
    if ">" in before + after:
        return "a budget is the most that a network may take"
    if before.strip():
        return "a budget is the most, and begins with its number"
    if not plain:
        return "the number is written plainly"
    if scale and not after.lstrip().startswith(("k", "M", "G")):
        return "k is thousand, M million and G billion"
    if re.match(r"[kMG]?-\w", after) is None:
        return "a hyphen comes between the number and what it limits"
    return "the resource is one of " + ", ".join(map(label_of, cost_names()))


def _count(number: Decimal, scale: str) -> str:
    """Return a count with the largest of k, M and G that leaves it above one, in few digits."""
    total = number * COUNT_SCALES.get({"KiB": "k", "MiB": "M", "GiB": "G"}.get(scale, scale), 1)
    for letter, size in sorted(COUNT_SCALES.items(), key=lambda pair: -pair[1]):
        if total >= size and len(_short(total / size)) <= 6:
            return f"{_short(total / size)}{letter}"
    return _short(total)


def _short(number: Decimal) -> str:
    """Return a number without an exponent, a plus or needless zeros, with at most four decimals."""
    text = f"{number:.4f}" if number >= 1 else f"{number:.9f}"
    return text.rstrip("0").rstrip(".")
