"""nas show: a search so far."""

from nas.commands._options import Json, Storage, Study


def COMMAND(study: Study = None, storage: Storage = None, json: Json = False) -> None:  # noqa: N802
    """Show the networks of a search so far, best first.

    Works while the search runs, from another terminal.

    Example: nas show
    """
    from dashboards.tables import print_search
    from nas import api

    print_search(api.show(study, storage=storage), as_json=json, finished=False)
