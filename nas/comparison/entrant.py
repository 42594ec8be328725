"""Data class of a network that is to be compared, as it is before anything is trained."""

from dataclasses import dataclass

from nas.study.compared_training import TrainingKey
from search_spaces.architecture import Architecture


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrant:
    """A network that is to be compared.

    Attributes:
        name: What it is called.
        origin: Where it comes from, in words.
        architecture: What is trained.
        published: Name of the published network that it is or was scaled from; None for others.
        weights: Source of its own trained weights; None where it has none.
        digest: Digest of the trained weights that it begins with; None for random ones.
    """

    name: str
    origin: str
    architecture: Architecture
    published: str | None = None
    weights: str | None = None
    digest: str | None = None

    def training(self, seed: int) -> TrainingKey:
        """Return what tells its training from a seed from others."""
        return TrainingKey(self.architecture.fingerprint, seed, self.digest)
