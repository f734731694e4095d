"""Faults to be planted in a copy of the package: in which file, what stands there, and what is put in its place.

Beside each: the intermediate where it must show first (a pattern, where several are made by the same line), and the
name of the cause that must be found, if the catalogue has one. `also` are further changes that belong to the mistake.
"""

from __future__ import annotations

from typing import NamedTuple


class Fault(NamedTuple):
    """One mistake."""

    file: str
    old: str
    new: str
    first: str
    cause: str | None = None
    places: int = 1
    also: tuple[tuple[str, str, str], ...] = ()


FORCE = "force"
EMBEDDED = "repinit/(strip_table|gg_s|gg)"
LOGITS, WEIGHTS = "repformer/layer0/attn[12]_logits", "repformer/layer0/(attn1_weights|attn2_map)"
MOMENTS = "repformer/layer0/g1_(grrg|drrd)"
SUMS = "repformer/layer0/g1_(conv|grrg|drrd)"
SWAPPED = "self.output.reshape(self.output.shape[1], self.output.shape[0], -1).swapaxes(0, 1)"
KEPT = ("descriptor/weighting", "return switch * occupied,", "return (switch + 1e-18) * occupied,")
ERF = "t = xp.reshape(xp.asarray([math.erf(v / 2**0.5) for v in xp.reshape(x, (-1,)).tolist()]), x.shape)"
FAULTS = (
    # the switch
    Fault("descriptor/switch", "15.0 * u + 6.0 * u2", "15.0 * u + 5.0 * u2", "repinit/sw"),
    Fault(
        "descriptor/switch",
        "w = 1.0 - u2 * u * (10.0 - 15.0 * u + 6.0 * u2)",
        "w = 1.0 - u2 * (3.0 - 2.0 * u)",
        "repinit/sw",
        "switch-cubic",
    ),
    Fault("descriptor/switch", "(-30.0 / (outer - inner))", "(-20.0 / (outer - inner))", FORCE),
    Fault("descriptor/switch", "(r - inner) / (outer - inner), 0.0, 1.0)", "r / outer, 0.0, 1.0)", "repinit/sw"),
    # the environment
    Fault(
        "descriptor/environment",
        "(w * a * a)[..., None] * vectors], axis=-1)",
        "(w * a)[..., None] * vectors], axis=-1)",
        "repinit/env_mat",
        "direction-divided-once",
    ),
    Fault("descriptor/environment", "1.0 / (r + self.protection)", "1.0 / r", "repinit/env_mat", "protection-ignored"),
    Fault(
        "descriptor/environment",
        "xp.concat([self.mean, zero]),\n            xp.concat([self.std, zero + 1.0]),",
        "xp.concat([0.0 * self.mean, zero]),\n            xp.concat([0.0 * self.std + 1.0, zero + 1.0]),",
        "repinit/env_mat",
        "statistics-ignored",
    ),
    Fault(
        "descriptor/environment", "return ((raw - mean) / std, w)", "return ((raw - mean) * std, w)", "repinit/env_mat"
    ),
    Fault("descriptor/environment", "dr = pull_w(dw) - a * a * da", "dr = pull_w(dw) + a * a * da", FORCE),
    Fault("descriptor/environment", "draw = drows / std", "draw = drows", FORCE),
    Fault(
        "descriptor/environment",
        "(self.with_filler(slots, hood) if self.has_mean else slots)",
        "slots",
        "repinit/gr",
        "empty-slots-missing",
    ),
    # types
    Fault(
        "descriptor/type_embedding",
        "rows, _ = self.layer().vjp(self.inputs().T)",
        "rows = self.weight.T @ self.inputs().T + (0.0 if self.bias is None else self.bias[:, None])",
        "type_embedding/table",
        "type-skip-missing",
    ),
    Fault(
        "descriptor/type_embedding",
        "Dense(self.weight, self.bias, None",
        "Dense(self.weight, None, None",
        "type_embedding/table",
    ),
    Fault(
        "descriptor/type_embedding",
        "xp.zeros_like(self.weight[:1, :])])",
        "xp.ones_like(self.weight[:1, :])])",
        "type_embedding/table",
    ),
    # embedding nets
    Fault(
        "descriptor/embedding",
        "y = stretch(self.slope, s.ndim) * s[None, ...]",
        "y = 2.0 * stretch(self.slope, s.ndim) * s[None, ...]",
        EMBEDDED,
    ),
    Fault("descriptor/embedding", "near * self.types + own", "own * self.types + near", "repinit/gg_t"),
    Fault(
        "descriptor/embedding",
        "switch[None, ...] * table if self.switched else table",
        "table",
        "repinit/gg_t",
        "strip-not-switched",
    ),
    Fault(
        "descriptor/embedding",
        "return q * (1.0 + z), pull_back",
        "return q * z, pull_back",
        "repinit/gg",
        "strip-one-missing",
    ),
    Fault("descriptor/embedding", "return dg * (1.0 + z), dswitch", "return dg, dswitch", FORCE),
    # layers
    Fault(
        "nn/layers",
        "fan_out // fan_in if fan_out in (fan_in, 2 * fan_in) else 0",
        "0",
        "type_embedding/table",
        "skip-missing",
    ),
    Fault(
        "nn/layers",
        "y = xp.reshape(xp.reshape(y, (self.copies, *x.shape)) + x[None, ...], y.shape)",
        "y = y + xp.concat([x, 0.0 * x] if self.copies == 2 else [x])",
        "type_embedding/table",
    ),
    Fault("nn/layers", "return y * timestep[:, None], lambda", "return y, lambda", EMBEDDED, "timestep-ignored"),
    Fault("nn/layers", "[..., None] + self.epsilon)", "[..., None] + 2.0 * self.epsilon)", "repformer/layer0/g2_attn"),
    Fault(
        "nn/layers",
        "return z * self.weight + self.bias, pull_back",
        "return z, pull_back",
        "repformer/layer0/g2_attn",
        "norm-plain",
    ),
    Fault(
        "nn/layers",
        "return z * self.weight + self.bias, pull_back",
        "return z * self.weight - self.bias, pull_back",
        "repformer/layer0/g2_attn",
    ),
    Fault("nn/layers", " - z * (xp.vecdot(dz, z)[..., None] / x.shape[-1]))", ")", FORCE),
    # activations
    Fault(
        "nn/activations",
        "t = xp.tanh(a * (x + b * x * x * x))",
        ERF,
        EMBEDDED,
        "gelu-erf",
    ),
    Fault("nn/activations", "math.sqrt(2 / math.pi), 0.044715", "math.sqrt(2 / math.pi), 0.0447", EMBEDDED),
    Fault("nn/activations", "lambda dy: dy * (1 - y * y)", "lambda dy: dy * (1 - y)", FORCE),
    # repinit
    Fault(
        "descriptor/repinit",
        "return xp.reshape(y, (y.shape[0], -1)), pull_back",
        "return xp.reshape(xp.permute_dims(y, (0, 2, 1)), (y.shape[0], -1)), pull_back",
        "repinit/grrg",
        "repinit-flatten",
    ),
    Fault(
        "descriptor/repinit",
        "if embedding.gate is not None:",
        "import dataclasses\n"
        "        linear, skip, gate, n = embedding.linear, embedding.skip, embedding.gate, embedding.types\n"
        "        if linear.own is not None:\n"
        "            linear = type(linear)(linear.slope, linear.bias, linear.own, linear.near)\n"
        "            skip = skip and type(skip)(skip.slope, skip.bias, skip.own, skip.near)\n"
        "        if gate is not None and gate.shape[1] != n:\n"
        "            gate = gate.reshape(-1, n, n).mT.reshape(-1, n * n)\n"
        "        embedding = dataclasses.replace(embedding, linear=linear, skip=skip, gate=gate)\n"
        "        if embedding.gate is not None:",
        "repinit/(strip_table|gg)",
        "centre-first",
    ),
    Fault(
        "descriptor/repinit",
        "            record_gate(embedding.gate, embedding.types)\n",
        "            record_gate(embedding.gate, embedding.types)\n"
        "            import dataclasses\n"
        "            gate, n = embedding.gate, embedding.types\n"
        "            if gate.shape[1] != n:\n"
        "                gate = gate.reshape(-1, n, n).mT.reshape(-1, n * n)\n"
        "                embedding = dataclasses.replace(embedding, gate=gate)\n",
        "repinit/gg_t",
        "strip-table-transposed",
    ),
    Fault(
        "descriptor/repinit",
        "share = 1.0 / self.environment.max_neighbors",
        "share = 1.0 / hood.vectors.shape[1]",
        "repinit/gr",
        "repinit-width-for-slots",
    ),
    Fault(
        "descriptor/repinit",
        "y = x @ leading.mT",
        "y = x[..., 1:] @ leading[..., 1:].mT",
        "repinit/grrg",
        "repinit-three-columns",
    ),
    Fault("descriptor/repinit", "leading = x[:, : self.axis, :]", "leading = x[:, -self.axis :, :]", "repinit/grrg"),
    Fault("descriptor/repinit", "dx = dy @ leading", "dx = 2.0 * (dy @ leading)", FORCE),
    # three-body
    Fault("descriptor/three_body", "return v @ v.mT, pull_back", "return -(v @ v.mT), pull_back", "three_body/kappa"),
    Fault(
        "descriptor/three_body",
        "d, pull_d = self.mean_vjp(kappa, slots.types, both, self.share(slots))",
        "alone = 1.0 if slots.multiplicity is None else slots.multiplicity[:, None, :]\n"
        "        alone = array_namespace(w).eye(w.shape[1]) * alone / self.environment.max_neighbors**2\n"
        "        d, pull_d = self.mean_vjp(kappa, slots.types, both, self.share(slots) - alone)",
        "three_body/out",
        "diagonal-left-out",
    ),
    Fault(
        "descriptor/three_body",
        "return v @ v.mT, pull_back",
        "return v @ v.mT * (1.0 - xp.eye(v.shape[1])), pull_back",
        "three_body/kappa",
    ),
    Fault(
        "descriptor/three_body",
        "1.0 / self.environment.max_neighbors**2",
        "1.0 / self.environment.max_neighbors",
        "three_body/out",
    ),
    Fault("descriptor/three_body", "dv = (dkappa + dkappa.mT) @ v", "dv = dkappa @ v", FORCE),
    # before the first layer
    Fault(
        "descriptor/initial",
        "f, pull_f = activation(self.activation)(y)",
        "f, pull_f = y, lambda d: d",
        "repformer/g1_0",
        "first-activation-missing",
    ),
    Fault(
        "descriptor/initial",
        "pair, pull_activation = activation(self.activation)(z)",
        "pair, pull_activation = z, lambda d: d",
        "repformer/g2_0",
        "pair-activation-missing",
    ),
    Fault("descriptor/initial", "hood.occupied / self.environment.cutoff", "hood.occupied", "repformer/g2_0"),
    Fault(
        "descriptor/initial",
        "y = y + take_rows(self.type_offset, chunk.types)",
        "y = y - take_rows(self.type_offset, chunk.types)",
        "g1_init",
    ),
    Fault("descriptor/initial", "d = xp.concat([d, d3], axis=-1)", "d = xp.concat([d3, d], axis=-1)", "repinit/out"),
    # weights of neighbours
    Fault(
        "descriptor/weighting",
        "self.max_neighbors**0.5 if self.root else self.max_neighbors",
        "self.max_neighbors",
        MOMENTS,
    ),
    Fault(
        "descriptor/weighting",
        "    root: bool\n",
        "    root: bool\n\n    def __post_init__(self):\n        object.__setattr__(self, 'root', False)\n",
        MOMENTS,
        "root-ignored",
    ),
    Fault(
        "descriptor/weighting",
        ", one / self.max_neighbors\n",
        ", one / (self.max_neighbors**0.5 if self.root else self.max_neighbors)\n",
        "repformer/layer0/g1_conv",
        "root-in-convolution",
        also=(("descriptor/weighting", "(PROTECTION + n)\n", "(PROTECTION + (n**0.5 if self.root else n))\n"),),
    ),
    Fault(
        "descriptor/weighting",
        ", one / self.max_neighbors\n",
        ", one / self.max_neighbors**0.5\n",
        "repformer/layer0/g1_conv",
    ),
    Fault("descriptor/weighting", "return self.max_neighbors - width", "return 0", WEIGHTS),
    Fault(
        "descriptor/weighting",
        "return self.max_neighbors - width",
        "return 0",
        WEIGHTS,
        "phantoms-missing",
        also=(
            KEPT,
            (
                "descriptor/weighting",
                "(weight, SHIFT * (weight - 1.0))",
                "(weight, SHIFT * (weight - 1.0) - 1e30 * (weight == 0.0))",
            ),
        ),
    ),
    Fault(
        "descriptor/weighting",
        "return self.max_neighbors - width",
        "return self.max_neighbors",
        WEIGHTS,
        "phantoms-counted-twice",
    ),
    Fault("descriptor/weighting", "(weight, SHIFT * (weight - 1.0))", "(weight, 0.0 * weight)", LOGITS),
    Fault("descriptor/weighting", "SHIFT = 20.0", "SHIFT = 0.0", LOGITS, "shift-missing"),
    Fault("descriptor/weighting", "SHIFT = 20.0", "SHIFT = 10.0", LOGITS),
    Fault("descriptor/weighting", "PROTECTION = 1e-4", "PROTECTION = 1e-3", SUMS),
    # local attention
    Fault(
        "descriptor/local_attention",
        " / query.shape[-1] ** 0.5",
        "",
        "repformer/layer0/attn[12]_(logits|map)",
        "attention-not-scaled",
    ),
    Fault(
        "descriptor/local_attention",
        "return alpha * weight, pull_back",
        "return alpha * (weight != 0.0), pull_back",
        "repformer/layer0/attn1_weights",
        "local-switch-once",
        also=(KEPT,),
    ),
    Fault(
        "descriptor/local_attention",
        "(x.atom.shape[0], -1)) @ self.mix + self.bias",
        "(x.atom.shape[0], -1)) @ self.mix",
        "repformer/layer0/g1_attn",
    ),
    Fault(
        "descriptor/local_attention",
        "score, mix = merge(self.query, self.key), self.value @ self.output",
        f"score, mix = merge(self.query, self.key), self.value @ {SWAPPED}",
        "repformer/layer0/g1_attn",
        "local-heads-swapped",
    ),
    Fault("descriptor/local_attention", "-1)) @ self.score.T", "-1)) @ self.score.T * 0.5", FORCE),
    # pair attention
    Fault(
        "descriptor/pair_attention",
        "scale * gamma if self.gate else scale",
        "scale",
        "repformer/layer0/attn2_(logits|map)",
        "gate-ignored",
    ),
    Fault(
        "descriptor/pair_attention",
        "angle = gamma / 3.0**0.5",
        "angle = gamma",
        "repformer/layer0/attn2_map",
        "angle-not-divided",
    ),
    Fault(
        "descriptor/pair_attention",
        "return both * angle, lambda",
        "return (both != 0.0) * angle, lambda",
        "repformer/layer0/attn2_map",
        "pair-switch-once",
        also=(KEPT,),
    ),
    Fault(
        "descriptor/weighting",
        "pair = switch[:, :, None] * switch[:, None, :]",
        "pair = switch[:, :, None] + 0.0 * switch[:, None, :]",
        "repformer/layer0/attn2_logits",
        "pair-one-switch",
    ),
    Fault(
        "descriptor/pair_attention",
        "merge(self.key, self.query)",
        "merge(self.query, self.key)",
        "repformer/layer0/attn2_(logits|map)",
    ),
    Fault(
        "descriptor/pair_attention",
        "mixed = xp.sum(attention * shares, axis=2)",
        "mixed = xp.sum(attention, axis=2)",
        "repformer/layer0/h2_attn",
    ),
    Fault(
        "descriptor/pair_attention",
        "centered(self.value @ self.output)",
        f"centered(self.value @ {SWAPPED})",
        "repformer/layer0/g2_attn",
        "pair-heads-swapped",
    ),
    Fault(
        "descriptor/pair_attention",
        "direction=(dgamma + dgamma.mT) @ x.direction",
        "direction=dgamma @ x.direction",
        FORCE,
    ),
    # symmetrisation and convolution
    Fault(
        "descriptor/symmetrization",
        "return xp.reshape(y, (y.shape[0], -1)), pull_back",
        "return xp.reshape(xp.permute_dims(y, (0, 2, 1)), (y.shape[0], -1)), pull_back",
        MOMENTS,
        "repformer-flatten",
    ),
    Fault(
        "descriptor/symmetrization",
        "y = leading.mT @ moment / 3.0",
        "y = leading.mT @ moment",
        MOMENTS,
        "third-missing",
    ),
    Fault(
        "descriptor/symmetrization", "dy = xp.reshape(dflat, y.shape) / 3.0", "dy = xp.reshape(dflat, y.shape)", FORCE
    ),
    Fault(
        "descriptor/convolution",
        "y = xp.sum(kernel * x.near, axis=1)",
        "y = xp.sum(kernel, axis=1)",
        "repformer/layer0/g1_conv",
    ),
    Fault(
        "descriptor/convolution",
        "dswitch = xp.sum(dscaled * x.pair, axis=-1) * sums.convolution",
        "dswitch = 0.0 * x.switch",
        FORCE,
    ),
    # a layer
    Fault("descriptor/residual", 'if style == "average":', "if False:", "repformer/layer0/g1", "style-ignored"),
    Fault(
        "descriptor/residual",
        "keep=(count + 1) ** -0.5, share=(count + 1) ** -0.5",
        "keep=max(count, 1) ** -0.5, share=max(count, 1) ** -0.5",
        "repformer/layer0/g1",
        "updates-not-counted",
    ),
    Fault("descriptor/residual", "share=max(count, 1) ** -0.5", "share=1.0", "repformer/layer0/g1"),
    Fault(
        "descriptor/updates",
        "y = x.switch[..., None] * projected",
        "y = projected",
        "repformer/layer0/g2_g1g1",
        "product-not-switched",
    ),
    Fault("descriptor/repformer", "getattr(self, n).carry(getattr(dy, n))", "getattr(dy, n)", FORCE),
    # the descriptor, the fitting net, the energy
    Fault(
        "descriptor/descriptor",
        'record("repformer/rot_mat", moment, (0, 2, 1))',
        'record("repformer/rot_mat", 2.0 * moment, (0, 2, 1))',
        "repformer/rot_mat",
    ),
    Fault(
        "fitting/head",
        "concat([f, embedded], axis=-1)",
        "concat([embedded, f], axis=-1)",
        "descriptor",
        "type-before-f",
    ),
    Fault(
        "fitting/invariants",
        "(o if scale is None else o * scale) + take_rows(self.bias, types)",
        "o if scale is None else o * scale",
        "atom_energy",
        "output-bias-missing",
    ),
    Fault(
        "fitting/head",
        "return inputs.real * take_rows(self.counted, types)",
        "return take_rows(self.counted, types)",
        "atom_energy",
    ),
    Fault(
        "fitting/net",
        "xp.astype(y, bias.dtype) + xp.reshape(bias, y.shape)",
        "xp.astype(y, bias.dtype)",
        "atom_energy",
        "atom-bias-missing",
    ),
    # forces
    Fault(
        "evaluation/rows",
        "self.unsorted(leaving - sums",
        "self.unsorted(leaving + sums",
        FORCE,
    ),
    Fault("evaluation/forces", "flat(g), -(g.mT @ d)", "flat(g), g.mT @ d", "virial"),
    Fault("evaluation/forces", "(own + d[:, :, None, :])", "(own - d[:, :, None, :])", "atom_virial"),
    Fault("evaluation/forces", "own - xp.stack(passed_on", "own + xp.stack(passed_on", "atom_virial"),
    Fault(
        "fitting/atomic_model",
        "head.vjp(f, rotation, types, inputs)[1](weights)",
        "head.vjp(f, rotation, types, inputs)[1](0.0 * weights + inputs.real)",
        "atom_virial",
    ),
)
