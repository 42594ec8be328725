import torch
from torch import nn

from trials.training.batches import BatchSource, Preprocessor
from trials.training.batchnorm_recalibration import recalibrate_batchnorm
from trials.training.recipe import Recipe

CPU = torch.device("cpu")
EXACT = Recipe(name="exact", epochs=1, warmup_epochs=0, precision="fp32")


def preprocessor(splits):
    return Preprocessor(splits.mean, splits.std, 8, CPU)


def test_recalibrated_norms_hold_the_mean_over_the_batches(tiny_splits):
    norm = nn.BatchNorm2d(3, momentum=0.25)
    network = nn.Sequential(norm, nn.Dropout(0.5))
    nn.init.constant_(norm.get_buffer("running_mean"), 99.0)
    source, preprocess = BatchSource(tiny_splits.train, CPU), preprocessor(tiny_splits)
    rows = list(torch.arange(96).split(32))
    recalibrate_batchnorm(network, source, preprocess, rows, EXACT)
    batches = [preprocess(source.batch(part)[0]) for part in rows]
    expected = torch.stack([batch.mean((0, 2, 3)) for batch in batches]).mean(0)
    torch.testing.assert_close(norm.running_mean, expected)
    assert norm.momentum == 0.25
    assert not network.training
    assert not norm.training


def test_a_network_without_batch_norms_is_left_alone(tiny_splits):
    network = nn.Sequential(nn.Flatten(), nn.Linear(192, 2)).train()
    recalibrate_batchnorm(
        network, BatchSource(tiny_splits.train, CPU), preprocessor(tiny_splits), [torch.arange(4)], EXACT
    )
    assert network.training
