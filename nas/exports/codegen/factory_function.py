"""Writes the function that builds one network."""

from typing import Final

from nas.exports.exported_network import ExportedNetwork

_FACTORY: Final = '''
def {name}(
    num_classes: int = {num_classes},
    in_channels: int = {in_channels},
    *,
    features_only: bool = False,  # return the maps after all stages
{deploy}
) -> {class_name}:
    """Return the network with fresh weights."""
    network = {class_name}(num_classes=num_classes, in_channels=in_channels)
    network.features_only = features_only
    return {returned}
'''


def factory(delivery: ExportedNetwork, class_name: str) -> str:
    """Return the source of the function that builds the network.

    Args:
        delivery: What it builds.
        class_name: Of what it returns.
    """
    deploy = f"    deploy: bool = {delivery.deploy},  # the form for inference only"
    return _FACTORY.format(
        name=delivery.name,
        class_name=class_name,
        num_classes=delivery.num_classes,
        in_channels=delivery.in_channels,
        deploy=deploy if delivery.deploys else "",
        returned="network.switch_to_deploy() if deploy else network" if delivery.deploys else "network",
    )
