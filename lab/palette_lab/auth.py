# SPDX-License-Identifier: GPL-3.0-or-later
"""Who calls, and whether they may (palette-api 1.2, 1.3). Tokens are HS256 JWTs of a secret made at the start."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from datetime import datetime
from typing import Any

from palette_lab import errors

TOKEN_SECONDS = 15 * 60


class Sessions:
    """The secret that signs tokens; `revoke` makes every token given out so far worthless."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)

    def __repr__(self) -> str:
        return "Sessions(…)"

    def revoke(self) -> None:
        self._secret = secrets.token_bytes(32)

    def issue(self, user: dict, now: datetime, session: str = "") -> str:
        claims = {"sub": user["uid"], "email": user["email"], "sid": session or secrets.token_hex(12), "iat": int(now.timestamp()),
                  "exp": int(now.timestamp()) + TOKEN_SECONDS}
        signed = f"{_encode({'alg': 'HS256', 'typ': 'JWT'})}.{_encode(claims)}"
        return f"{signed}.{self._sign(signed)}"

    def read(self, token: str, now: datetime) -> dict[str, Any]:
        """Claims of a token that was issued here and is not expired. Raises ApiError 401 UnAuthorizedAccess."""
        head, _, signature = token.rpartition(".")
        if not head or not hmac.compare_digest(signature.encode(), self._sign(head).encode()):
            raise errors.unauthorized("The token is not valid")
        claims = json.loads(_decode(head.split(".")[1]))
        if now.timestamp() >= claims["exp"]:
            raise errors.unauthorized("The token is expired")
        return claims

    def _sign(self, text: str) -> str:
        return base64.urlsafe_b64encode(hmac.digest(self._secret, text.encode(), hashlib.sha256)).rstrip(b"=").decode()


def _encode(value: dict) -> str:
    return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def login(users: list[dict], organization: str, email: str, password: str, org: str) -> dict:
    """The user. Raises ApiError 401. An empty org means the only one there is."""
    for user in users:
        if user["email"] == email and hmac.compare_digest(str(user["password"]).encode(), password.encode()) and org in ("", organization):
            return user
    raise errors.unauthorized("Invalid credentials provided. Check your email, password and organization and try again")


def principal_of(users: list[dict], sessions: Sessions, headers: dict[str, str], now: datetime) -> dict:
    """The user behind the header ApiKey or Authorization (the bare token, no Bearer). Raises ApiError 401 UnAuthorizedAccess."""
    key, token = headers.get("apikey"), headers.get("authorization")
    if key:
        for user in users:
            if user.get("api_key") and hmac.compare_digest(str(user["api_key"]).encode(), key.encode()):
                return user
        raise errors.unauthorized("The API key is not valid")
    if token:
        claims = sessions.read(token, now)
        for user in users:
            if user["uid"] == claims["sub"]:
                return user
        raise errors.unauthorized("The user of the token does not exist")
    raise errors.unauthorized("Neither an ApiKey nor an Authorization header was sent")


def check_allowed(principal: dict, scope: str, permission: str, write: bool, tenant_scope: bool, own_projects: bool) -> None:
    """Raises ApiError 403 OperationForbidden.

    tenant_scope: no ProjectUid was sent. own_projects: ProjectUid names a project of a project administrator.
    """
    role = principal["role"]
    if scope == "self" or role == "tenant_admin":
        return
    if role == "viewer" and not write:
        return
    if role == "project_admin" and scope == "any" and not tenant_scope and own_projects:
        return
    raise errors.forbidden(permission)


def project_of(projects: dict[str, dict], headers: dict[str, str], permission: str) -> dict | None:
    """The project of the header ProjectUid, None at tenant scope. Raises ApiError 403 for an unknown one (palette-api 10, decision 14)."""
    uid = headers.get("projectuid", "")
    if not uid:
        return None
    if uid not in projects:
        raise errors.forbidden(permission)
    return projects[uid]
