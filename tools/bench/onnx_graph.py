"""The bidirectional network as an ONNX graph, and its int8 form made by onnxruntime's tools.

Operators are the plain ones of an export from PyTorch; RMSNorm has the pattern that onnxruntime fuses to
SimplifiedLayerNormalization.  Input `tokens` [1, T] int64, output `logits` [1, T, vocabulary] at all positions, as
usual for such graphs.
"""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17      # the last before operators that onnxruntime-web's CPU part has no fusions for
IR = 8


class Graph:
    """Collects nodes; methods return the name of a node's output."""

    def __init__(self):
        self.nodes, self.constants, self.known = [], [], {}

    def add(self, op, *inputs, **attributes):
        name = f"{op.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], name=name, **attributes))
        return name

    def constant(self, values, name=None):
        """An initializer; those without a name are small and shared by value."""
        values = np.asarray(values)
        key = name or f"c_{values.dtype}_{values.shape}_{values.tobytes().hex()}"
        if key not in self.known:
            self.known[key] = name or f"constant_{len(self.known)}"
            self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), self.known[key]))
        return self.known[key]

    def ints(self, *values):
        return self.constant(np.array(values, np.int64))

    def real(self, value):
        return self.constant(np.float32(value))


def rms_norm(g, x, gain, eps):
    mean = g.add("ReduceMean", g.add("Pow", x, g.real(2)), axes=[-1], keepdims=1)
    root = g.add("Sqrt", g.add("Add", mean, g.real(eps)))
    return g.add("Mul", g.add("Div", x, root), gain)


def linear(g, x, name, values):
    """values [rows, columns] in GGUF's order; MatMul takes them transposed."""
    return g.add("MatMul", x, g.constant(values.T, name))


def rope_table(shape):
    """cos and sin [context, 1, head_dim / 2]."""
    pairs = np.arange(shape.head_dim // 2)
    angle = np.arange(shape.context)[:, None] * shape.rope_base ** (-2 * pairs / shape.head_dim)
    return np.cos(angle).astype(np.float32)[:, None], np.sin(angle).astype(np.float32)[:, None]


def rotate(g, x, cos, sin, shape):
    """x [1, T, heads, head_dim]: rotates the pairs (0, 1), (2, 3), ...; Slice and Concat along a last axis of 2."""
    pairs = g.add("Reshape", x, g.ints(1, -1, shape.heads, shape.head_dim // 2, 2))
    even, odd = (g.add("Squeeze", g.add("Slice", pairs, g.ints(i), g.ints(i + 1), g.ints(-1)), g.ints(-1))
                 for i in range(2))
    first = g.add("Sub", g.add("Mul", even, cos), g.add("Mul", odd, sin))
    second = g.add("Add", g.add("Mul", even, sin), g.add("Mul", odd, cos))
    both = g.add("Concat", g.add("Unsqueeze", first, g.ints(-1)), g.add("Unsqueeze", second, g.ints(-1)), axis=-1)
    return g.add("Reshape", both, g.ints(1, -1, shape.heads, shape.head_dim))


def attention(g, q, k, v, shape):
    """q, k, v [1, T, heads, head_dim] -> [1, T, dim]; every position sees every other."""
    q = g.add("Transpose", q, perm=[0, 2, 1, 3])
    k = g.add("Transpose", k, perm=[0, 2, 3, 1])
    v = g.add("Transpose", v, perm=[0, 2, 1, 3])
    scores = g.add("Mul", g.add("MatMul", q, k), g.real(shape.head_dim ** -0.5))
    mixed = g.add("Transpose", g.add("MatMul", g.add("Softmax", scores, axis=-1), v), perm=[0, 2, 1, 3])
    return g.add("Reshape", mixed, g.ints(1, -1, shape.dim))


def block(g, x, i, cos, sin, shape, weight):
    part = lambda y, name: linear(g, y, f"blk.{i}.{name}", weight(f"blk.{i}.{name}.weight"))
    gain = lambda name: g.constant(weight(f"blk.{i}.{name}.weight"), f"blk.{i}.{name}")
    split = lambda y: g.add("Reshape", y, g.ints(1, -1, shape.heads, shape.head_dim))
    h = rms_norm(g, x, gain("attn_norm"), shape.eps)
    q, k, v = (split(part(h, name)) for name in ("attn_q", "attn_k", "attn_v"))
    mixed = attention(g, rotate(g, q, cos, sin, shape), rotate(g, k, cos, sin, shape), v, shape)
    x = g.add("Add", x, part(mixed, "attn_output"))
    h = rms_norm(g, x, gain("ffn_norm"), shape.eps)
    gate = part(h, "ffn_gate")
    gated = g.add("Mul", g.add("Mul", gate, g.add("Sigmoid", gate)), part(h, "ffn_up"))
    return g.add("Add", x, part(gated, "ffn_down"))


def write_onnx(path, shape, weight):
    """weight(name) returns a tensor by its GGUF name."""
    g = Graph()
    embedding = weight("token_embd.weight")
    x = g.add("Gather", g.constant(embedding, "token_embd"), "tokens", axis=0)
    length = g.add("Slice", g.add("Shape", "tokens"), g.ints(1), g.ints(2), g.ints(0))
    cos, sin = (g.add("Slice", g.constant(table, name), g.ints(0), length, g.ints(0))
                for table, name in zip(rope_table(shape), ("cos", "sin")))
    for i in range(shape.layers):
        x = block(g, x, i, cos, sin, shape, weight)
    x = rms_norm(g, x, g.constant(weight("output_norm.weight"), "output_norm"), shape.eps)
    logits = linear(g, x, "output", embedding)
    g.nodes.append(helper.make_node("Identity", [logits], ["logits"]))
    graph = helper.make_graph(
        g.nodes, shape.name, [helper.make_tensor_value_info("tokens", TensorProto.INT64, [1, "length"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, "length", shape.vocab])], g.constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR,
                              producer_name="palimpsest-bench")
    onnx.save(model, path)


def quantize(source, path):
    """As in onnxruntime's guide to dynamic quantisation: int8 weights, activations quantised at run time."""
    import logging

    from onnxruntime.quantization import QuantType, quantize_dynamic
    logging.getLogger().setLevel(logging.ERROR)     # it advises a pre-processing step that matters to other networks
    quantize_dynamic(source, path, op_types_to_quantize=["MatMul"], weight_type=QuantType.QInt8)
