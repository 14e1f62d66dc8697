"""The thirty features of "From Prompts to Power" (arXiv 2511.05597), Table V: of the inference, the model, the boards."""

from __future__ import annotations

from reports.predict.observations import Observation
from reports.predict.physics import Execution, peak_flop_s, room_bytes

ACTIVATIONS = ("silu", "gelu", "gelu_new", "gelu_pytorch_tanh", "relu")
EXECUTIONS: tuple[Execution, ...] = ("eager", "cuda_graphs", "transformers")


def table_v(one: Observation) -> dict[str, float]:
    """Every feature by name, in the order of the table: 6 of the inference, 17 of the model, 7 of the boards."""
    model, work, machine = one.architecture, one.work, one.machine
    tokens = work.input_tokens + work.output_tokens
    bits = 8 * work.weight_bytes
    blocks = model.attention_parameters + model.ffn_parameters + model.norm_parameters + model.router_parameters
    activation = ACTIVATIONS.index(model.activation) if model.activation in ACTIVATIONS else len(ACTIVATIONS)
    return {
        "input tokens": work.input_tokens,
        "output tokens": work.output_tokens,
        "batch size": work.batch,
        "hybrid or eager": float(EXECUTIONS.index(work.execution)),
        "KV cache per prompt": work.cache_factor * one.shape.cache_bytes(tokens),
        "precision of the inference": bits,
        "layers": model.layers,
        "hidden size": model.hidden_size,
        "intermediate size": model.expert_intermediate_size or model.intermediate_size,
        "KV heads": model.kv_heads,
        "attention heads": model.attention_heads,
        "mixture of experts": float(bool(model.experts)),
        "local experts": model.experts,
        "experts per token": model.experts_per_token,
        "parameters per layer": blocks / model.layers,
        "embedding parameters": model.embedding_parameters,
        "attention parameters": model.attention_parameters,
        "FFN parameters": model.ffn_parameters,
        "other linear parameters": model.head_parameters + model.router_parameters,
        "required VRAM": model.parameters * work.weight_bytes,
        "precision of the model": bits,
        "quantisation": float(work.weight_bytes < 2),
        "activation function": float(activation),
        "GPU memory": machine.memory_bytes,
        "memory bandwidth": machine.bandwidth_bytes_s,
        "GPU count": work.boards,
        "TDP": machine.tdp_w,
        "TFLOPS at the precision": peak_flop_s(machine, work),
        "CUDA cores": one.cores,
        "VRAM free after load": room_bytes(one.shape, machine, work),
    }
