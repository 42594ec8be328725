"""Methods by timm's names that need no timm; they are copied into the class of every exported module."""

from collections.abc import Iterable
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint


class TimmMethods(nn.Module):
    """Offers the features and the classifier of a network under timm's names.

    Attributes:
        num_features: Channels of the feature map before the head.
        channels: Channels of the feature map after each stage.
        reductions: Stride of each of these maps, in pixels of the image.
    """

    stem: nn.Module
    stages: Iterable[nn.Sequential]
    neck: nn.Module
    head: nn.Module
    num_features: int
    channels: tuple[int, ...]
    reductions: tuple[int, ...]
    features_only = False  # whether forward returns the maps after the stages
    grad_checkpointing = False  # whether blocks run again in the backward pass
    drop_rate = 0.0  # dropout before the head

    @property
    def num_classes(self) -> int:
        return getattr(self.head, "out_features", 0)

    @property
    def feature_info(self) -> list[dict[str, Any]]:
        return [
            {"module": f"stages.{i}", "num_chs": c, "reduction": r}
            for i, (c, r) in enumerate(zip(self.channels, self.reductions, strict=True))
        ]

    def stage_maps(self, x: Tensor) -> list[Tensor]:
        """Return the map after each stage, [b, channels, r / reduction, r / reduction]."""
        twice = self.grad_checkpointing and self.training
        x = self.stem(x)
        maps = []
        for stage in self.stages:
            for block in stage:
                x = checkpoint(block, x, use_reentrant=False) if twice else block(x)
            maps.append(x)
        return maps

    def forward_features(self, x: Tensor) -> Tensor:
        return self.neck(self.stage_maps(x)[-1])

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        x = F.dropout(x.mean(dim=(2, 3)), self.drop_rate, self.training)  # [b, c]
        return x if pre_logits else self.head(x)

    def forward(self, x: Tensor) -> Tensor | list[Tensor]:
        if self.features_only:
            return self.stage_maps(x)
        return self.forward_head(self.forward_features(x))  # [b, classes]

    def get_classifier(self) -> nn.Module:
        return self.head

    def reset_classifier(self, num_classes: int, global_pool: str = "avg") -> None:
        """Replace the head by a fresh one, or by none for 0 classes."""
        if global_pool != "avg":
            raise ValueError(f"got global_pool={global_pool!r}, expected 'avg'")
        device = next(self.parameters()).device
        self.head = nn.Identity()
        if num_classes:
            self.head = nn.Linear(self.num_features, num_classes, device=device)

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        self.grad_checkpointing = enable

    def switch_to_deploy(self) -> nn.Module:
        """Re-parameterise blocks into equal convolutions for inference; cannot be undone."""
        modules: list[Any] = list(self.modules())[1:]
        for module in modules:
            if hasattr(module, "switch_to_deploy"):
                module.switch_to_deploy()
        return self
