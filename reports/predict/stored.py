"""The number format that a model's own configuration says its weights are stored in."""

from __future__ import annotations

from collections.abc import Mapping

from energy_fixtures.models.shapes import Config

PLAIN = {"float32": "float32", "float": "float32", "bfloat16": "bfloat16", "float16": "float16", "half": "float16"}
"""`torch_dtype` by the project's names; fp8 has several spellings."""

FIXED = {"fp8": "fp8", "fbgemm_fp8": "fp8", "mxfp4": "int4", "awq": "int4", "gptq": "int4"}
"""Methods that mean one width where the configuration does not say `bits`; 4 bit floats count as `int4`, of the same size."""


def stored_dtype(config: Config) -> tuple[str | None, str | None]:
    """Dtype of the stored weights and a sentence about it; both None where the configuration says nothing unusual.

    Args:
        config: Content of a config.json; `quantization_config` goes before `dtype` and `torch_dtype`.
    """
    quantised = config.get("quantization_config")
    if isinstance(quantised, Mapping) and quantised:
        method = str(quantised.get("quant_method") or "a method that is not named")[:40]
        dtype = _quantised(method, quantised)
        if dtype is None:
            return None, (
                f"the configuration says that its weights are quantised by {method}, in a width that is not known here;"
                " 16 bit is assumed, give --dtype"
            )
        return dtype, f"the configuration says that its weights are quantised by {method}: {dtype} is assumed"
    plain = str(config.get("dtype") or config.get("torch_dtype") or "").removeprefix("torch.")
    dtype = "fp8" if plain.startswith("float8") else PLAIN.get(plain)
    if dtype in (None, "bfloat16", "float16"):
        return dtype, None
    return (
        dtype,
        f"the configuration says that its weights are {dtype}, which is assumed; an engine may load them as --dtype bf16",
    )


def _quantised(method: str, said: Mapping[str, object]) -> str | None:
    if method == "bitsandbytes":
        four, eight = ((said.get(f"load_in_{bits}bit") or said.get(f"_load_in_{bits}bit")) for bits in (4, 8))
        return "int4" if four else "int8" if eight else None
    if method == "compressed-tensors":
        return _compressed(said.get("config_groups"))
    bits = said.get("bits", said.get("w_bit"))
    if method in ("awq", "gptq") and bits is not None:
        return {4: "int4", 8: "int8"}.get(bits) if isinstance(bits, int) else None
    return FIXED.get(method)


def _compressed(groups: object) -> str | None:
    """The format of the first group's weights."""
    for group in groups.values() if isinstance(groups, Mapping) else ():
        weights = group.get("weights") if isinstance(group, Mapping) else None
        if isinstance(weights, Mapping):
            bits, kind = weights.get("num_bits"), weights.get("type")
            known = {(8, "float"): "fp8", (8, "int"): "int8", (4, "int"): "int4", (4, "float"): "int4"}
            return known.get((bits, kind)) if isinstance(bits, int) and isinstance(kind, str) else None
    return None
