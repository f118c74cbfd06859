"""The configuration of the operator as a page, and as a JSON schema for editors."""

from __future__ import annotations

import json

from plimsoll.api.configuration import OperatorConfiguration
from plimsoll.api.configuring import configuration_schema
from tools.generate.reference import HEADER, object_tables

_EXAMPLE = """```yaml
images:
  plimsoll: registry.example.com/plimsoll:0.1.0
  llamacpp: registry.example.com/plimsoll-llamacpp:0.1.0
profiles:
  - name: cpu
    cpu: 4
    memoryLimit: 24Gi
  - name: l4
    nodeSelector:
      cloud.google.com/gke-accelerator: nvidia-l4
    tolerations:
      - key: nvidia.com/gpu
        operator: Exists
        effect: NoSchedule
    gpu:
      memory: 23Gi
    cpu: 8
gateway:
  url: https://models.example.com/v1
teams:
  - name: search
    namespaces: [search, search-dev]
    limits:
      tokens: 1000000
      window: 1h
```"""

_NOTES = (
    "- A revision of a model keeps what it was made with: a change here restarts nothing. The condition",
    "  `DefaultsChanged` of a model says what its next edit will take.",
    "- The network policy of each model lets in pods of Plimsoll from `namespace` alone. It finds that namespace by",
    "  the label `kubernetes.io/metadata.name`, which the API server sets on every namespace.",
    "- `images.vllm` and images of your own may run as root by themselves, which the pods do not allow: name a",
    "  number in `spec.podTemplate.spec.securityContext.runAsUser` then.",
)


def configuration_text() -> str:
    return "\n".join(
        [
            HEADER,
            "# The configuration of the operator",
            "",
            "One YAML file of the platform team, as strict as a ModelConfig. Only `images.plimsoll` has no default.",
            "Editors complete it with [the JSON schema](configuration.schema.json).",
            "",
            _EXAMPLE,
            "",
            *_NOTES,
            "",
            *object_tables("configuration", configuration_schema()),
        ]
    )


def configuration_schema_text() -> str:
    schema = OperatorConfiguration.model_json_schema(by_alias=True)
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Configuration of the Plimsoll operator",
        **{key: value for key, value in schema.items() if key != "title"},
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
