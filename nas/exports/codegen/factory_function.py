"""Generates the function of an exported module that builds the network."""

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


def factory(exported: ExportedNetwork, class_name: str) -> str:
    """Return the source of the function that builds the network.

    Args:
        exported: Network to build.
        class_name: Name of the class that it returns.
    """
    deploy = f"    deploy: bool = {exported.deploy},  # the form for inference only"
    return _FACTORY.format(
        name=exported.name,
        class_name=class_name,
        num_classes=exported.num_classes,
        in_channels=exported.in_channels,
        deploy=deploy if exported.deploys else "",
        returned="network.switch_to_deploy() if deploy else network" if exported.deploys else "network",
    )
