"""What goes wrong with one trial while the search goes on.

UserError
├── TrainingError                 a training that cannot go on; the trial fails with this reason
│   ├── NonFiniteLossError        the loss became infinite or not a number
│   └── OutOfMemoryError          the device cannot hold the network even with one image
├── SupersededError               a training that another attempt has taken over
└── CheckpointError               a checkpoint that belongs to another training
    └── DamagedCheckpointError    a checkpoint that cannot be read
"""

from search_spaces.errors import UserError


class TrainingError(UserError):
    """A training that cannot go on: the trial is recorded as failed with this reason."""


class NonFiniteLossError(TrainingError, ArithmeticError):
    """A loss that became infinite or not a number."""


class OutOfMemoryError(TrainingError, MemoryError):
    """A device that cannot hold the network even with one image at a time."""


class SupersededError(UserError):
    """A training that was begun again elsewhere and may write nothing more."""


class CheckpointError(UserError):
    """A checkpoint of another training."""


class DamagedCheckpointError(CheckpointError):
    """A checkpoint that cannot be read: the trial may start again without it."""
