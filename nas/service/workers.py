"""What the jobs of a server run with: where their files are, what they may name, and how many run."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nas.service.fair_share import JOBS_AT_ONCE
from nas.service.quotas import NO_QUOTA, Quota
from nas.service.uploads import GIB, Uploads
from trials.usable_cores import usable_cores


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """What the jobs of one server run with.

    Attributes:
        count: Number of jobs that run side by side.
        storage_path: Folder for checkpoints, weights and logs.
        data: Names of data sets that users may search on, with what `nas.search` takes for each.
        jobs_at_once: Most running jobs of a user without a quota of its own.
        upload_bytes: Most bytes of a data set that a user sends; 0 for none.
        quota: What a user without a quota of its own may use.
        address: Address of the Ray cluster that trains for searches and comparisons; None for this machine.
    """

    count: int = 1
    storage_path: Path = Path("nas-runs")
    data: Mapping[str, str] = field(default_factory=lambda: {"digits": "digits"})
    jobs_at_once: int = JOBS_AT_ONCE
    upload_bytes: int = 4 * GIB
    quota: Quota = NO_QUOTA
    address: str | None = None

    @property
    def uploads(self) -> Uploads:
        """The data sets that users have sent."""
        return Uploads(self.storage_path / "service" / "uploads", self.upload_bytes)

    def threads_of(self, kind: str) -> str:
        """Return the CPU threads of the process of a job: a retraining trains in it, others in Ray's.

        Args:
            kind: Kind of the job.
        """
        if kind != "retrain":
            return "1"
        share = max(1, len(usable_cores()) // max(1, self.count))
        return os.environ.get("OMP_NUM_THREADS", str(share))

    def data_of(self, user: str) -> dict[str, str]:
        """Return what `nas.search` takes for each data set that a user may name, by name."""
        own = {name: str(path) for name, path in self.uploads.of(user).items()}
        return {**own, **self.data}

    def log_of(self, job_id: str) -> Path:
        """Return the file that the output of a job is appended to."""
        return self.storage_path / "service" / f"{job_id}.log"
