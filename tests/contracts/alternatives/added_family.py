"""A family of one published network."""

from typing import Final

from search_spaces.architecture import Architecture, Stage

FAMILY: Final = {
    "added_family_16": Architecture(
        network="pyramid",
        resolution=16,
        stages=(Stage(block="inverted_residual", channels=16, depth=1, stride=2),),
    )
}
