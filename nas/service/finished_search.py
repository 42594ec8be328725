"""Prints a search as ``nas search`` does at its end.

python -m nas.service.finished_search [--json] -- STUDY
"""

import sys

from dashboards.tables import print_search
from nas import api
from search_spaces.errors import UserError


def main() -> None:
    """Print the search that the last argument names."""
    try:
        print_search(api.show(sys.argv[-1]), as_json="--json" in sys.argv[1:-1], finished=True)
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_status)


if __name__ == "__main__":
    main()
