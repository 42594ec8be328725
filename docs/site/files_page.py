"""Makes the page of files and tables: what a search, an export and the database hold."""

from collections.abc import Iterator

from docs.site.command_pages import escaped
from nas.storage.schema import Base

_STUDY = (
    ("`nas.db`", "database of all studies of a folder: Optuna's tables and those below"),
    ("`nas-runs/STUDY/search.log`", "what the terminal showed, and every epoch"),
    ("`nas-runs/STUDY/belongs-to.json`", "which database the folder belongs to"),
    (
        "`nas-runs/STUDY/trials/00012/checkpoint.pt`",
        "state of an unfinished training of trial 12, weights and optimiser",
    ),
    (
        "`nas-runs/STUDY/trials/00012/weights.safetensors`",
        "weights of a trained network, for the ten best of a study",
    ),
    (
        "`nas-runs/STUDY/supernet/supernet.safetensors`",
        "shared weights of a search with `--evaluator supernet`",
    ),
    ("`nas-runs/images`", "decoded images; may be deleted whenever nothing runs"),
)
_JSON = (
    (
        "architecture",
        "1 or 2",
        "`architecture` of `--json`, `architecture.json` of an export, files of `nas scale`",
        "`search_spaces.Architecture.from_json`",
    ),
    ("result of a study", "2", "`nas search --json`, `nas show --json`", "`nas.show`"),
    ("explanation", "1", "`nas explain --json`, `explanation.json`", "`nas.explain`"),
    ("comparison", "1", "`nas compare --json`", "`nas.compare`"),
    ("profile of a space", "1", "`nas profile --json`", "`nas.profile`"),
    ("`nas-table`", "1", "a [table of trained networks](../bench.md)", "`nas bench --table`"),
)


def files_page() -> str:
    """Return the page."""
    return "\n".join([
        "# Which files and tables are written, and in which formats?",
        "",
        "This page lists what a search leaves on disk, the formats of JSON, and the tables of the database.",
        "",
        "## Files of a search",
        "",
        "| file | holds |",
        "| --- | --- |",
        *(f"| {file} | {holds} |" for file, holds in _STUDY),
        "",
        "[Resuming](../resume.md#move-and-copy-a-search) says how they are moved and copied;",
        "[export](../export.md#export) lists",
        "the files of an export.",
        "",
        "## JSON",
        "",
        "Each format has a `version`. A later version of this project reads files of earlier ones.",
        "",
        "| format | version | where it is written | read by |",
        "| --- | --- | --- | --- |",
        *(f"| {' | '.join(row)} |" for row in _JSON),
        "",
        "## Tables",
        "",
        "A study, its trials, learning curves, values and constraints are in Optuna's tables, so every",
        "tool for Optuna reads them.",
        "These tables of our own lie beside them in the same database, SQLite or PostgreSQL. An earlier",
        "version's tables are",
        "migrated when a command first opens them.",
        *_tables(),
        "",
    ])  # fmt: skip


def _tables() -> Iterator[str]:
    said = {mapper.local_table: mapper.class_.__doc__ for mapper in Base.registry.mappers}
    for name, table in sorted(Base.metadata.tables.items()):
        yield from ("", f"### {name}", "", escaped(said[table] or ""), "")
        yield from ("| column | type |", "| --- | --- |")
        for column in table.columns:
            empty = ", may be empty" if column.nullable else ""
            yield f"| `{column.name}` | {str(column.type).lower()}{empty} |"
