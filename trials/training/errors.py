"""Errors of one trial, which leave the search running.

UserError
├── TrainingError                 a training that cannot continue; the trial fails with this reason
│   ├── NonFiniteLossError        the loss became infinite or not a number
│   └── OutOfMemoryError          the device cannot hold the network with one image, or two in training
├── SupersededError               a training that a later attempt has taken over
└── CheckpointError               a checkpoint that belongs to another training
    └── DamagedCheckpointError    a checkpoint that cannot be read
"""

from search_spaces.errors import UserError


class TrainingError(UserError):
    """A training that cannot continue: the trial is recorded as failed with this reason."""


class NonFiniteLossError(TrainingError, ArithmeticError):
    """The loss became infinite or not a number."""


class OutOfMemoryError(TrainingError, MemoryError):
    """The device cannot hold the network with one image at a time, or two in training."""


class SupersededError(UserError):
    """A later attempt has taken over the trial, and this one may write nothing more."""


class CheckpointError(UserError):
    """The checkpoint belongs to another training."""


class DamagedCheckpointError(CheckpointError):
    """The checkpoint cannot be read; the trial may start again without it."""
