"""What the emulator answers instead of an answer, with SageMaker's codes."""

from __future__ import annotations


class ApiError(Exception):
    """An error of the API: a code that clients know, a sentence, and an HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400, **members: object) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status, self.members = code, message, status, members


def invalid(message: str) -> ApiError:
    """A request that names what does not exist, or says what cannot be."""
    return ApiError("ValidationException", message)


def not_found(kind: str, name: str) -> ApiError:
    """An unknown resource; botocore's waiters end on exactly this code."""
    return invalid(f"Could not find {kind} {name!r}: Requested resource not found.")


def exists(kind: str, arn: str, *, is_job: bool) -> ApiError:
    """A name that is taken; jobs and other resources answer it differently, and the SDK matches both texts."""
    if is_job:
        text = f"Job name must be unique within an AWS account and region, and a {kind} already exists ({arn})"
        return ApiError("ResourceInUse", f"{text}; job names must be unique within an AWS account.")
    return invalid(f"Cannot create already existing {kind} {arn!r}.")
