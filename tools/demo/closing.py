"""What the demo ends with: where the time went, where everything is, and what to do next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def table(times: Sequence[tuple[str, float]], cluster: str, model: str) -> Iterator[str]:
    namespace, _, name = model.partition("/")
    width = max(len(title) for title, _ in times)
    for title, seconds in times:
        yield f"{title:<{width}}  {seconds:6.1f} s"
    yield f"{'together':<{width}}  {sum(seconds for _, seconds in times):6.1f} s"
    yield ""
    for what, where in (
        ("API", "http://plimsoll-gateway.plimsoll-system.svc/v1"),
        ("metrics of the gateway", "http://plimsoll-gateway.plimsoll-system.svc:9090/metrics"),
        ("metrics of the operator", "http://plimsoll-operator.plimsoll-system.svc:9090/metrics"),
        ("metrics of the engine", f"http://{name}.{namespace}.svc:8080/metrics"),
    ):
        yield f"{what:<24}  {where}"
    yield "These are addresses inside the cluster; `plimsoll connect` brings the API to this machine."
    yield ""
    yield "To go on, in a shell with the lines above that begin with `export`:"
    yield f"  export PLIMSOLL_API_KEY=$(plimsoll key create me --namespace {namespace} --output plain)"
    yield f"  plimsoll chat {model}"
    yield f"  plimsoll status {name} --namespace {namespace}"
    yield "To take everything away again:"
    yield f"  make demo-down{'' if cluster == 'demo' else f' ARGS=--cluster={cluster}'}"
