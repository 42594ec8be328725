"""Errors of the service beside `UserError`: what a caller may not do, or does too often."""

from http import HTTPStatus

from search_spaces.errors import UserError


class RefusedError(UserError):
    """A request that is not answered as asked.

    Attributes:
        status: HTTP status of the answer.
    """

    status: HTTPStatus = HTTPStatus.UNPROCESSABLE_ENTITY


class NotFoundError(RefusedError):
    """An id that the caller has nothing under; that another user has is not said."""

    status = HTTPStatus.NOT_FOUND


class UnauthenticatedError(RefusedError):
    """A request without a valid token."""

    status = HTTPStatus.UNAUTHORIZED


class ForbiddenError(RefusedError):
    """A request that the role of the token does not allow."""

    status = HTTPStatus.FORBIDDEN


class ConflictError(RefusedError):
    """A request that contradicts what is there, for example a study that is already queued."""

    status = HTTPStatus.CONFLICT


class TooLargeError(RefusedError):
    """More bytes than one caller may send or keep."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class QuotaError(RefusedError):
    """A request of a user who has used what the user may."""

    status = HTTPStatus.FORBIDDEN


class TooManyError(RefusedError):
    """More requests than one caller may make at a time.

    Attributes:
        retry_s: Seconds after which the next is answered.
    """

    status = HTTPStatus.TOO_MANY_REQUESTS

    def __init__(self, message: str, *, retry_s: float) -> None:
        super().__init__(message)
        self.retry_s = retry_s
