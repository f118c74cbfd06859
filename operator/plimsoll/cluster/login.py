"""Who we are to the API server: from a kubeconfig, or from the service account of the pod that we run in."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp

from plimsoll.cluster.client_library import Configuration, config
from plimsoll.errors import UserError

_SERVICE_ACCOUNT_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_CONNECT_SECONDS = 10
_IDLE_SECONDS = 1.0
# One line of a watch is one object, and aiohttp refuses lines that are longer than this.
_LONGEST_LINE = 2**22


class CannotLogIn(UserError):
    def __init__(self, message: str) -> None:
        super().__init__(message, fix="set KUBECONFIG or --kubeconfig to a file that kubectl can use")


@dataclass(frozen=True)
class Login:
    """Makes sessions whose requests are authenticated, also after a token was renewed."""

    server: str
    namespace: str
    configuration: Configuration
    kubeconfig: str | None
    context: str | None

    def session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            # The pool hands out what rested longest, so a few calls a second would keep all that a burst had opened.
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_SECONDS, ssl=_tls(self.configuration)),
            # Looked up once: with trust_env, every request would ask two threads for it.
            proxy=self.configuration.proxy or _proxy_for(self.server),
            headers={"User-Agent": "plimsoll", "Accept": "application/json"},
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS),
            read_bufsize=_LONGEST_LINE,
            middlewares=(self._authenticated,),
        )

    async def _authenticated(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        await self._sign(request)
        response = await handler(request)
        if response.status == 401 and self.kubeconfig is not None:
            # A token from an exec plugin or a rewritten file may just have ended.
            response.release()
            await _read_kubeconfig(self.kubeconfig, self.context, self.configuration)
            await self._sign(request)
            response = await handler(request)
        return response

    async def _sign(self, request: aiohttp.ClientRequest) -> None:
        settings = await self.configuration.auth_settings()
        if token := settings.get("BearerToken"):
            request.headers["Authorization"] = str(token["value"])


async def log_in(kubeconfig: Path | None = None, context: str | None = None) -> Login:
    """As kubectl does: the file that is named, else KUBECONFIG, else the usual file, else the pod's own account."""
    configuration = Configuration()
    path = str(kubeconfig) if kubeconfig else _usual_kubeconfig()
    if path is None:
        return _as_pod(configuration)
    try:
        namespace = await _read_kubeconfig(path, context, configuration)
    except Exception as error:  # noqa: BLE001 - the library and the plugins it runs raise whatever they like
        raise CannotLogIn(f"the kubeconfig {path} cannot be used: {error}") from None
    return Login(configuration.host, namespace, configuration, path, context)


async def _read_kubeconfig(path: str, context: str | None, configuration: Configuration) -> str:
    """Into the configuration; what is returned is the namespace of the context."""
    loader = await config.load_kube_config(  # type: ignore[no-untyped-call]
        path, context, configuration, persist_config=False
    )
    return loader.current_context["context"].get("namespace") or "default"


def _usual_kubeconfig() -> str | None:
    usual = Path("~/.kube/config").expanduser()
    return os.environ.get("KUBECONFIG") or (str(usual) if usual.exists() else None)


def _as_pod(configuration: Configuration) -> Login:
    try:
        config.load_incluster_config(configuration)  # type: ignore[no-untyped-call]
    except config.ConfigException as error:
        raise CannotLogIn(f"there is no kubeconfig, and this is no pod of a cluster: {error}") from None
    namespace = _SERVICE_ACCOUNT_NAMESPACE.read_text().strip()
    return Login(configuration.host, namespace, configuration, None, None)


def _proxy_for(server: str) -> str | None:
    """As the environment has it: HTTPS_PROXY, NO_PROXY and their like."""
    address = urlsplit(server)
    if not address.hostname or proxy_bypass(address.hostname):
        return None
    return getproxies().get(address.scheme)


def _tls(configuration: Configuration) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
    if configuration.cert_file:
        context.load_cert_chain(configuration.cert_file, keyfile=configuration.key_file)
    if not configuration.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
