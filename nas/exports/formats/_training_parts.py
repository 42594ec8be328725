"""Parts of the exported train.py that differ between recipes, filled in by `training_script`."""

from typing import Final

MIXING: Final = '''
def mixed(images: Tensor, labels: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """Return images mixed with their predecessors in the batch, and soft targets, [b, classes]."""
    partners, targets = images.roll(1, 0), F.one_hot(labels, classes).float()
{mixing}
    return images, targets.roll(1, 0).lerp(targets, share)

'''

MIXUP: Final = """    share = float(torch.distributions.Beta({alpha}, {alpha}).sample())
    images = partners.lerp(images, share)  # mixup, Zhang et al., 2017, https://arxiv.org/abs/1710.09412
"""

CUTMIX: Final = """    # CutMix, Yun et al., 2019, https://arxiv.org/abs/1905.04899
    share = float(torch.distributions.Beta({alpha}, {alpha}).sample())
    spans = []
    for side in images.shape[2:]:
        centre, length = int(torch.randint(side, ())), round(side * math.sqrt(1 - share))
        spans.append(slice(max(0, centre - length // 2), min(side, centre + length - length // 2)))
    images = images.clone()
    images[:, :, spans[0], spans[1]] = partners[:, :, spans[0], spans[1]]
    cut = (spans[0].stop - spans[0].start) * (spans[1].stop - spans[1].start)
    share = 1 - cut / (images.shape[2] * images.shape[3])
"""

OPENING: Final = """        teacher = None
        if given.teacher:
            from teacher import Teacher, distance

            names = class_names(given.images)
            about = {{"mean": {mean}, "std": {std}, "side": SIDE, "classes": classes, "names": names}}
            teacher = Teacher(given.teacher, images=len(images), device=device, **about)
"""

TEACHING: Final = """            if teacher is not None:
                loss = loss.lerp(distance(scores, {said}, {temperature}), given.teacher_share)
"""
