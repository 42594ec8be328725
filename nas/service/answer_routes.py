"""The paths below ``/v1/answers``: commands that are answered at once; and their files, by hash."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Path, Response
from fastapi.responses import FileResponse

from nas.service.access import Reader, The, Writer
from nas.service.command_options import ANSWERED, CommandOptions
from nas.service.command_run import run_command
from nas.service.command_words import check_command
from nas.service.problems import PROBLEMS
from nas.service.records import Answered
from nas.service.refusals import NotFoundError
from nas.service.routes import desk_of

answers: Final = APIRouter(prefix="/v1", responses=PROBLEMS)


def _answer_to(command: str, model: type[CommandOptions]) -> Callable[..., dict[str, Any]]:
    def answer(options: CommandOptions, token: Reader, service: The) -> dict[str, Any]:
        check_command(options, service.allowed)
        answered = run_command(desk_of(service, token.user), command, options)
        if command == "export":
            service.audit.add(token, "export", str(answered.sha256)[:16])
        return answered.to_json()

    answer.__annotations__["options"] = model
    answer.__doc__ = f"Answer as ``nas {command}`` does: what it prints, and a hash of the files it writes."
    return answer


for _command, _model in ANSWERED.items():
    answers.post(f"/answers/{_command}", response_model=Answered, operation_id=f"answer_{_command}")(
        _answer_to(_command, _model)
    )


@answers.get(
    "/exports/{sha256}",
    response_class=FileResponse,
    responses={
        200: {"content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}},
        304: {"description": "The caller has it already."},
    },
)
def get_archive(
    sha256: Annotated[str, Path(pattern="^[0-9a-f]{64}$")],
    token: Reader,
    service: The,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Return what a command of yours has written, as a zip archive; the latest twenty are kept."""
    file = desk_of(service, token.user).archives / f"{sha256}.zip"
    headers = {"ETag": f'"{sha256}"', "Cache-Control": "private, max-age=31536000, immutable"}
    if not file.is_file():
        raise NotFoundError("There is no such export: expected the hash of one of yours. Export again.")
    if if_none_match is not None and f'"{sha256}"' in if_none_match:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return FileResponse(file, media_type="application/zip", headers=headers, filename=f"{sha256[:16]}.zip")


@answers.delete("/exports", status_code=204, response_class=Response)
def delete_archives(token: Writer, service: The) -> Response:
    """Delete all archives that commands of yours have written; they count as disk while they are kept."""
    for file in desk_of(service, token.user).archives.glob("*.zip"):
        file.unlink(missing_ok=True)
    service.audit.add(token, "delete exports", "all")
    return Response(status_code=HTTPStatus.NO_CONTENT)
