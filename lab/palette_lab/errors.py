# SPDX-License-Identifier: GPL-3.0-or-later
"""Refusals of the Palette API and their two body shapes (palette-api 1.4)."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """A refusal with the CamelCase code of v1Error. `business` marks those whose status the switch business_error_status replaces."""

    def __init__(self, status: int, code: str, message: str, details: Any = None, business: bool = False) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.details = {} if details is None else details
        self.business = business


class RouterError(Exception):
    """A refusal of the go-openapi front: integer code, no ref."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message


def not_found(kind: str, uid: str) -> ApiError:
    return ApiError(404, "ResourceNotFound", f"{kind} '{uid}' not found")


def forbidden(operation: str) -> ApiError:
    """`operation` is the permission, such as 'overlord.create'."""
    return ApiError(403, "OperationForbidden", f"Operation '{operation}' is forbidden. Verify the user has '{operation}' permission")


def unauthorized(message: str) -> ApiError:
    return ApiError(401, "UnAuthorizedAccess", message)


def refused(code: str, message: str, details: Any = None) -> ApiError:
    """A business refusal: 409 for a name clash, 400 otherwise (palette-api 10, decision 1)."""
    status = 409 if code in ("ResourceAlreadyExists", "ClusterAlreadyExists") else 400
    return ApiError(status, code, message, details, business=True)


def body(error: ApiError | RouterError, ref: str) -> dict:
    """Either v1Error with `ref`, or the integer-code shape."""
    if isinstance(error, RouterError):
        return {"code": error.code, "message": error.message}
    return {"code": error.code, "message": error.message, "ref": ref, "details": error.details}


def status_of(error: ApiError | RouterError, business_error_status: int | None) -> int:
    if isinstance(error, ApiError) and error.business and business_error_status:
        return int(business_error_status)
    return error.status
