"""Known causes of differences: what was done wrong, where the specification says it, and the lines that make it.

Source: section 18 of the specification, and what people have got wrong. Each is what an implementation with every slot
computes, too; what is done in several blocks can be done wrong in one of them alone, which is a cause of its own.
"""

from __future__ import annotations

from .explaining import Cause, Edit


def cause(name: str, words: str, section: str, *edits: Edit) -> Cause:
    return Cause(name, words, section, edits)


SCALES = "descriptor.weighting:Smooth.scales"
LOCAL = "descriptor.local_attention:LocalUpdate.vjp"
MAP = "descriptor.pair_attention:AttentionMap.vjp"
SOFTMAX = "softmax_vjp(logits, self.weighting.phantoms(x.switch.shape[1]))"
SOFTMAX_OF_PAIRS = "softmax_vjp(logits, self.weighting.phantoms(slots), axis=1)"
KEPT = (  # so that a neighbour at the cutoff, whose switch is 0, still differs from an empty slot
    "descriptor.weighting:Smooth.switch_vjp",
    "return switch * occupied,",
    "return (switch + 1e-18) * occupied,",
)
PHANTOMS_MISSING = (
    (LOCAL, SOFTMAX, "softmax_of_neighbors(logits, x.switch[:, None, :])"),
    (MAP, SOFTMAX_OF_PAIRS, "softmax_of_neighbors(logits, x.switch[:, :, None, None], axis=1)"),
)
SHIFT_MISSING = (
    (
        LOCAL,
        f"+ offset\n    alpha, pull_softmax = {SOFTMAX}",
        "+ unshifted(offset, self.weighting)\n    alpha, pull_softmax = softmax_without_shift(logits, self.weighting)",
    ),
    (
        MAP,
        f"+= offset[:, :, None, :]\n    alpha, pull_softmax = {SOFTMAX_OF_PAIRS}",
        "+= unshifted(offset, self.weighting)[:, :, None, :]\n"
        "    alpha, pull_softmax = softmax_without_shift(logits, self.weighting, axis=1)",
    ),
)
MASKED_LATE = (
    (LOCAL, SOFTMAX, "softmax_masked_late(logits, x.switch[:, None, :], self.weighting)"),
    (MAP, SOFTMAX_OF_PAIRS, "softmax_masked_late(logits, x.switch[:, :, None, None], self.weighting, axis=1)"),
)
ENVIRONMENTS = {
    "repinit": ("descriptor.repinit:RepinitProgram.vjp", "self.environment.rows_vjp"),
    "three-body": ("descriptor.three_body:ThreeBodyProgram.vjp", "self.environment.rows_vjp"),
    "repformer": ("descriptor.initial:InitialPairs.vjp", "self.environment.vjp"),
}


def environment(block: str, changed: str) -> Edit:
    """The environment matrix of a block, changed by a function of that name."""
    place, text = ENVIRONMENTS[block]
    return place, text, f"{changed}(self.environment).{text.rpartition('.')[2]}"


CAUSES: tuple[Cause, ...] = (
    cause(
        "root-ignored",
        "`use_sqrt_nnei` is ignored: sums are divided by the count, not by its root",
        "8.4",
        (SCALES, "self.max_neighbors**0.5 if self.root else self.max_neighbors", "self.max_neighbors"),
        ("descriptor.weighting:Counted.scales", "n**0.5 if self.root else n", "n"),
    ),
    cause(
        "neighbors-for-slots",
        "sums are divided by the number of neighbours, not by nsel",
        "8.4, trap T2",
        (
            SCALES,
            "return one / (self.max_neighbors**0.5 if self.root else self.max_neighbors), one / self.max_neighbors",
            "n = array_namespace(occupied).sum(occupied, axis=1, keepdims=True) + 1e-30\n"
            "    return one / (n**0.5 if self.root else n), one / n",
        ),
    ),
    cause(
        "root-in-convolution",
        "`use_sqrt_nnei`: the convolution is divided by a root, too",
        "8.5, trap T10",
        (
            SCALES,
            ", one / self.max_neighbors",
            ", one / (self.max_neighbors**0.5 if self.root else self.max_neighbors)",
        ),
        (
            "descriptor.weighting:Counted.scales",
            ", 1.0 / (PROTECTION + n)",
            ", 1.0 / (PROTECTION + (n**0.5 if self.root else n))",
        ),
    ),
    cause(
        "count-not-protected",
        "not smooth: sums are divided by the number of neighbours, without the 0.0001 added to it",
        "8.4",
        (
            "descriptor.weighting:Counted.scales",
            "n = array_namespace(occupied).sum(occupied, axis=1, keepdims=True)\n"
            "    return 1.0 / (PROTECTION + (n**0.5 if self.root else n)), 1.0 / (PROTECTION + n)",
            "n = np.maximum(occupied.sum(axis=1, keepdims=True), 1.0)\n"
            "    return 1.0 / (n**0.5 if self.root else n), 1.0 / n",
        ),
    ),
    cause(
        "phantoms-missing",
        "slots without a neighbour take no part in the softmax",
        "9.5, trap T1",
        KEPT,
        *PHANTOMS_MISSING,
    ),
    cause(
        "phantoms-missing-local",
        "local attention alone: slots without a neighbour take no part in the softmax",
        "9.5, trap T1",
        KEPT,
        PHANTOMS_MISSING[0],
    ),
    cause(
        "phantoms-missing-pair",
        "pair attention alone: slots without a neighbour take no part in the softmax",
        "9.5, trap T1",
        KEPT,
        PHANTOMS_MISSING[1],
    ),
    cause(
        "phantoms-counted-twice",
        "all slots, not the empty ones alone, are added to the softmax",
        "9.5",
        ("descriptor.weighting:Smooth.phantoms", "self.max_neighbors - width", "self.max_neighbors"),
    ),
    cause("shift-missing", "logits are multiplied with the switch without the shift of 20", "8.5", *SHIFT_MISSING),
    cause(
        "shift-missing-local",
        "local attention alone: logits are multiplied with the switch without the shift of 20",
        "8.5",
        SHIFT_MISSING[0],
    ),
    cause(
        "shift-missing-pair",
        "pair attention alone: logits are multiplied with the switch without the shift of 20",
        "8.5",
        SHIFT_MISSING[1],
    ),
    cause(
        "mask-after-softmax",
        "not smooth: empty slots are in the softmax with a logit of 0, and masked after it",
        "8.5",
        *MASKED_LATE,
    ),
    cause(
        "mask-after-softmax-local",
        "local attention alone: not smooth: empty slots are in the softmax with a logit of 0, and masked after it",
        "8.5",
        MASKED_LATE[0],
    ),
    cause(
        "mask-after-softmax-pair",
        "pair attention alone: not smooth: empty slots are in the softmax with a logit of 0, and masked after it",
        "8.5",
        MASKED_LATE[1],
    ),
    cause(
        "attention-not-scaled",
        "logits are not divided by the root of the attention's width",
        "8.5",
        ("descriptor.local_attention:merge", " / query.shape[-1] ** 0.5", ""),
    ),
    cause(
        "attention-not-scaled-local",
        "local attention alone: logits are not divided by the root of the attention's width",
        "8.5",
        (
            "descriptor.local_attention:LocalAttention.fold",
            "merge(self.query, self.key)",
            "merge(self.query, self.key) * self.query.shape[-1] ** 0.5",
        ),
    ),
    cause(
        "attention-not-scaled-pair",
        "pair attention alone: logits are not divided by the root of the attention's width",
        "8.5",
        (
            "descriptor.pair_attention:PairAttention.fold",
            "merge(self.key, self.query)",
            "merge(self.key, self.query) * self.query.shape[-1] ** 0.5",
        ),
    ),
    cause(
        "local-switch-once",
        "local attention: the switch is not applied again after the softmax",
        "8.5, trap T12",
        KEPT,
        (LOCAL, "heard = alpha * x.switch[:, None, :]", "heard = alpha * (x.switch != 0.0)[:, None, :]"),
    ),
    cause(
        "pair-switch-once",
        "pair attention: the switch is not applied again after the softmax",
        "8.6, trap T12",
        KEPT,
        (MAP, "(both * angle)[:, :, None, :]", "((both != 0.0) * angle)[:, :, None, :]"),
    ),
    cause(
        "pair-one-switch",
        "pair attention: the switch of the key alone, not of both neighbours",
        "8.6, trap T12",
        KEPT,
        (MAP, "x.switch[:, :, None] * x.switch[:, None, :]", "x.switch[:, :, None] * (x.switch[:, None, :] != 0.0)"),
    ),
    cause(
        "pair-one-switch-after",
        "pair attention: after the softmax the switch of the key alone, not of both neighbours",
        "8.6, trap T12",
        KEPT,
        (
            MAP,
            "(both * angle)[:, :, None, :]",
            "(x.switch[:, :, None] * (x.switch[:, None, :] != 0.0) * angle)[:, :, None, :]",
        ),
    ),
    cause(
        "gate-ignored",
        "`attn2_has_gate` is ignored: logits are not multiplied with the angle",
        "8.6, trap T11",
        (MAP, "shift * gamma if self.gate else shift", "shift"),
    ),
    cause(
        "angle-not-divided",
        "the angle after the softmax is not divided by the root of 3",
        "8.6, trap T11",
        (MAP, "angle = gamma / 3.0**0.5", "angle = gamma"),
    ),
    cause(
        "angle-missing",
        "without a gate the angle is left out after the softmax, too",
        "8.6, trap T11",
        (MAP, "angle = gamma / 3.0**0.5", "angle = gamma / 3.0**0.5 if self.gate else 0.0 * gamma + 1.0"),
    ),
    cause(
        "pair-heads-swapped",
        "`attn2_mh_apply.head_map`: rows taken with the head slowest",
        "8.6, trap T6",
        (
            "descriptor.pair_attention:PairAttention.fold",
            "self.value @ self.output",
            "self.value @ head_order_swapped(self.output)",
        ),
    ),
    cause(
        "local-heads-swapped",
        "`loc_attn.head_map`: rows taken with the head fastest",
        "8.5, trap T6",
        (
            "descriptor.local_attention:LocalAttention.fold",
            "self.value @ self.output",
            "self.value @ head_order_swapped(self.output)",
        ),
    ),
    cause(
        "query-key-halves",
        "`attn2g_map.mapqk`: cut in halves, not interleaved",
        "8.6, trap T6",
        (
            "descriptor.pair_attention:PairAttention.fold",
            "merge(self.key, self.query)",
            "merge(*halves(self.query, self.key)[::-1])",
        ),
    ),
    cause(
        "repinit-flatten",
        "repinit: the product is flattened with the channel fastest",
        "5, trap T5",
        (
            "descriptor.repinit:product_vjp",
            "flat = xp.reshape(y, (y.shape[0], -1))",
            "flat = xp.reshape(xp.permute_dims(y, (0, 2, 1)), (y.shape[0], -1))",
        ),
    ),
    cause(
        "repformer-flatten",
        "symmetrisation: the product is flattened with the axis fastest",
        "8.4, trap T5",
        (
            "descriptor.symmetrization:invariants_vjp",
            "return xp.reshape(y, (y.shape[0], -1)), pull_back",
            "return xp.reshape(xp.permute_dims(y, (0, 2, 1)), (y.shape[0], -1)), pull_back",
        ),
    ),
    cause(
        "repinit-three-columns",
        "repinit: the radial column is left out of the product",
        "5, trap T4",
        ("descriptor.repinit:product_vjp", "y = x @ head.mT", "y = x[..., 1:] @ head[..., 1:].mT"),
    ),
    cause(
        "third-missing",
        "symmetrisation: the factor 1/3 is missing",
        "8.4, trap T4",
        ("descriptor.symmetrization:invariants_vjp", "y = head.mT @ moment / 3.0", "y = head.mT @ moment"),
    ),
    cause(
        "centre-first",
        "repinit: the centre's type before the neighbour's",
        "5, trap T7",
        (
            "descriptor.repinit:Repinit.fold",
            "fold_embedding(self.embedding, self.type_gate, table, self.smooth)",
            "own_first(fold_embedding(self.embedding, self.type_gate, table, self.smooth))",
        ),
    ),
    cause(
        "three-body-types-swapped",
        "three-body: the type of the second neighbour before that of the first",
        "6",
        (
            "descriptor.three_body:ThreeBody.fold",
            "fold_embedding(self.embedding, self.type_gate, table, self.smooth)",
            "own_first(fold_embedding(self.embedding, self.type_gate, table, self.smooth))",
        ),
    ),
    cause(
        "strip-table-transposed",
        "repinit, strip: the table is indexed neighbour first",
        "5, trap T7",
        (
            "descriptor.repinit:Repinit.fold",
            "self.environment.fold(), embedding,",
            "self.environment.fold(), table_transposed(embedding),",
        ),
    ),
    cause(
        "strip-not-switched",
        "strip: the gate is not multiplied with the switch",
        "5",
        (
            "descriptor.embedding:TypedEmbedding.gate_vjp",
            "switch[None, ...] * table if self.switched else table",
            "table",
        ),
    ),
    cause(
        "strip-not-switched-in-repinit",
        "repinit alone, strip: the gate is not multiplied with the switch",
        "5",
        ("descriptor.repinit:Repinit.fold", "self.type_gate, table, self.smooth)", "self.type_gate, table, False)"),
    ),
    cause(
        "strip-not-switched-in-three-body",
        "three-body alone, strip: the gate is not multiplied with the switch",
        "5",
        (
            "descriptor.three_body:ThreeBody.fold",
            "self.type_gate, table, self.smooth)",
            "self.type_gate, table, False)",
        ),
    ),
    cause(
        "strip-one-missing",
        "strip: q z in place of q + q z",
        "5",
        (
            "descriptor.embedding:TypedEmbedding.gate_vjp",
            "return q * (1.0 + z), pull_back",
            "return q * z, pull_back",
        ),
    ),
    cause(
        "skip-missing",
        "layers whose width stays or doubles have no skip connection",
        "3.2, trap T9",
        ("nn.layers:Dense.copies", "fan_out // fan_in if fan_out in (fan_in, 2 * fan_in) else 0", "0"),
    ),
    cause(
        "embedding-skip-missing",
        "embedding nets alone: layers whose width stays or doubles have no skip connection",
        "3.2, trap T9",
        (
            "descriptor.embedding:fold_embedding",
            "first = net.layers[0]",
            "net, gate = of_layers(without_skip, net, gate)\n    first = net.layers[0]",
        ),
    ),
    cause(
        "fitting-skip-missing",
        "fitting net alone: layers whose width stays or doubles have no skip connection",
        "3.2, trap T9",
        ("nn.layers:FittingLayers.vjp", "enumerate(self.layers)", "enumerate(without_skip(self.layers))"),
    ),
    cause(
        "doubled-skip-missing",
        "layers whose width doubles have no skip connection",
        "3.2, trap T9",
        (
            "nn.layers:Dense.copies",
            "fan_out // fan_in if fan_out in (fan_in, 2 * fan_in) else 0",
            "int(fan_out == fan_in)",
        ),
    ),
    cause(
        "type-skip-missing",
        "type embedding: the hidden skip connection is missing",
        "4, trap T8",
        (
            "descriptor.type_embedding:TypeEmbedding.table",
            'rows, _ = Dense(self.weight, self.bias, None, "linear").vjp(self.inputs().T)',
            "rows = self.weight.T @ self.inputs().T + (0.0 if self.bias is None else self.bias[:, None])",
        ),
    ),
    cause(
        "timestep-ignored",
        "`resnet_dt`: the timestep is ignored",
        "3.2",
        ("nn.layers:activate", "if timestep is None:", "if True:"),
    ),
    cause(
        "embedding-timestep-ignored",
        "embedding nets alone: `resnet_dt`: the timestep is ignored",
        "3.2",
        (
            "descriptor.embedding:fold_embedding",
            "first = net.layers[0]",
            "net, gate = of_layers(without_timestep, net, gate)\n    first = net.layers[0]",
        ),
    ),
    cause(
        "fitting-timestep-ignored",
        "fitting net alone: `resnet_dt`: the timestep is ignored",
        "3.2",
        ("nn.layers:FittingLayers.vjp", "enumerate(self.layers)", "enumerate(without_timestep(self.layers))"),
    ),
    cause(
        "gelu-erf",
        "gelu by the error function, not by tanh",
        "3.3, trap T20",
        ("nn.activations:gelu", "t = xp.tanh(a * (x + b * x * x * x))", "t = erf(x / 2.0**0.5)"),
    ),
    cause(
        "silut-is-silu",
        "silut: silu above the threshold, too",
        "3.3, trap T19",
        ("nn.activations:silut", "y = below * low + (1 - below) * (t + height)", "y = low"),
    ),
    cause(
        "statistics-ignored",
        "davg and dstd are ignored",
        "2.3",
        *(environment(block, "without_statistics") for block in ENVIRONMENTS),
    ),
    cause(
        "statistics-ignored-in-repinit",
        "repinit alone: davg and dstd are ignored",
        "2.3",
        environment("repinit", "without_statistics"),
    ),
    cause(
        "statistics-ignored-in-three-body",
        "three-body alone: davg and dstd are ignored",
        "2.3",
        environment("three-body", "without_statistics"),
    ),
    cause(
        "statistics-ignored-in-repformer",
        "repformer alone: davg and dstd are ignored",
        "2.3",
        environment("repformer", "without_statistics"),
    ),
    cause(
        "mean-ignored",
        "davg is not subtracted",
        "2.3",
        *(environment(block, "without_mean") for block in ENVIRONMENTS),
    ),
    cause(
        "empty-slots-missing",
        "repinit: empty slots do not carry -davg/dstd",
        "9.1, trap T3",
        (
            "descriptor.environment:EnvironmentProgram.rows_vjp",
            "(self.with_filler(slots, hood) if self.has_mean else slots)",
            "slots",
        ),
    ),
    cause(
        "protection-ignored",
        "`env_protection` is ignored",
        "2.3",
        ("descriptor.environment:EnvironmentProgram.vjp", "1.0 / (r + self.protection)", "1.0 / r"),
    ),
    cause(
        "repinit-neighbors-for-slots",
        "repinit is divided by the number of neighbours, not by nsel",
        "5, trap T2",
        (
            "descriptor.repinit:RepinitProgram.vjp",
            "share = 1.0 / self.environment.max_neighbors",
            "share = 1.0 / np.maximum(self.environment.max_neighbors - hood.empty, 1.0)[:, None, None]",
        ),
    ),
    cause(
        "repinit-included-for-slots",
        "repinit is divided by the number of neighbours that are not excluded, not by nsel",
        "5, trap T2",
        (
            "descriptor.repinit:RepinitProgram.vjp",
            "share = 1.0 / self.environment.max_neighbors",
            "share = 1.0 / np.maximum(hood.occupied.sum(axis=1), 1.0)[:, None, None]",
        ),
    ),
    cause(
        "repinit-width-for-slots",
        "repinit is divided by the width of the list, not by nsel",
        "5, trap T2",
        (
            "descriptor.repinit:RepinitProgram.vjp",
            "share = 1.0 / self.environment.max_neighbors",
            "share = 1.0 / hood.vectors.shape[1]",
        ),
    ),
    cause(
        "exclusion-ignored",
        "`exclude_types` of the descriptor is ignored",
        "2.5",
        ("batching.table:allowed", "for a, b in cutoffs.excluded_pairs:", "for a, b in ():"),
    ),
    cause(
        "diagonal-left-out",
        "three-body: pairs of a neighbour with itself are left out",
        "6, trap T16",
        (
            "descriptor.three_body:ThreeBodyProgram.vjp",
            "share_of_pairs(slots.multiplicity, self.environment.max_neighbors)",
            "share_of_others(slots.multiplicity, v.shape[1], self.environment.max_neighbors)",
        ),
    ),
    cause(
        "diagonal-zeroed",
        "three-body: the scalar is 0 for pairs of a neighbour with itself",
        "6, trap T16",
        (
            "descriptor.three_body:ThreeBodyProgram.vjp",
            'record("three_body/kappa", kappa)\n'
            "    share = share_of_pairs(slots.multiplicity, self.environment.max_neighbors)",
            "kappa = without_diagonal(kappa, slots.multiplicity)\n"
            '    record("three_body/kappa", kappa)\n'
            "    share = share_of_others(slots.multiplicity, v.shape[1], self.environment.max_neighbors)",
        ),
    ),
    cause(
        "kappa-cosine",
        "three-body: the scalar is a cosine",
        "6, trap T16",
        (
            "descriptor.three_body:ThreeBodyProgram.vjp",
            "kappa = v @ v.mT",
            "u = v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-30)\n    kappa = u @ u.mT",
        ),
    ),
    cause(
        "style-ignored",
        "`res_avg` is ignored: updates are added as they are",
        "8.3",
        ("descriptor.repformer:make_residual", 'if style == "average":', "if False:"),
    ),
    cause(
        "updates-not-counted",
        "`res_avg`: the old representation is not counted in the average",
        "8.3",
        (
            "descriptor.repformer:make_residual",
            "keep=(count + 1) ** -0.5, share=(count + 1) ** -0.5",
            "keep=max(count, 1) ** -0.5, share=max(count, 1) ** -0.5",
        ),
    ),
    cause(
        "old-f-lost",
        "g and h are updated with f as it is after its own update",
        "8.2, trap T13",
        (
            "descriptor.repformer:RepformerStep.updates_vjp",
            "(update.vjp(x, sums) for update in self.updates)",
            "atoms_first(self, x, sums)",
        ),
    ),
    cause(
        "product-not-switched",
        "the update of g by products of f lacks the switch",
        "8.6",
        ("descriptor.repformer:PairProduct.vjp", "y = x.switch[..., None] * projected", "y = projected"),
    ),
    cause(
        "convolution-not-switched",
        "the convolution lacks the switch",
        "8.5",
        KEPT,
        (
            "descriptor.convolution:Convolution.vjp",
            "x.switch * sums.mean)[..., None]",
            "(x.switch != 0.0) * sums.mean)[..., None]",
        ),
        (
            "descriptor.convolution:NarrowConvolution.vjp",
            "x.switch * sums.mean)[..., None]",
            "(x.switch != 0.0) * sums.mean)[..., None]",
        ),
    ),
    cause(
        "moment-not-switched",
        "symmetrisation lacks the switch",
        "8.4",
        KEPT,
        (
            "descriptor.symmetrization:moment_vjp",
            "factor = (switch * scale)[..., None]",
            "factor = ((switch != 0.0) * scale)[..., None]",
        ),
    ),
    cause(
        "direct-ignored",
        "`direct_dist` is ignored",
        "8.1",
        (
            "descriptor.initial:InitialPairs.vjp",
            "self.direct_distance(hood) if self.direct else",
            "self.direct_distance(hood) if False else",
        ),
    ),
    cause(
        "norm-plain",
        "layer norm without its scale and shift",
        "3.4",
        (
            "nn.layers:LayerNorm.centered_vjp",
            "return z * self.weight + self.bias, pull_back",
            "return z, pull_back",
        ),
    ),
    cause(
        "output-bias-missing",
        "`out_bias` is not added",
        "12.2",
        (
            "fitting.energy:EnergyHead.vjp",
            "(xp.astype(energies, counted.dtype) + take_rows(self.bias, types))",
            "xp.astype(energies, counted.dtype)",
        ),
    ),
    cause(
        "atom-bias-missing",
        "`bias_atom_e` is not added",
        "11",
        ("fitting.net:FittingNet.vjp", "return y + take_rows(self.bias, types), pull_back", "return y, pull_back"),
    ),
    cause(
        "type-before-f",
        "the type embedding is put before f, not after it",
        "10",
        (
            "fitting.energy:EnergyHead.vjp",
            "xp.concat([f, take_rows(self.table, types)], axis=-1)",
            "xp.concat([take_rows(self.table, types), f], axis=-1)",
        ),
    ),
    cause(
        "first-activation-missing",
        "no activation after the shape transform",
        "7.3",
        (
            "descriptor.initial:Initial.atoms_vjp",
            "f, pull_f = activation(self.activation)(y)",
            "f, pull_f = y, None",
        ),
    ),
    cause(
        "pair-activation-missing",
        "no activation after the first embedding of pairs",
        "8.1",
        (
            "descriptor.initial:InitialPairs.vjp",
            "pair, pull_activation = activation(self.activation)(z)",
            "pair, pull_activation = z, None",
        ),
    ),
    cause(
        "switch-cubic",
        "the switch is a cubic, 1 - 3u² + 2u³",
        "2.1",
        (
            "descriptor.switch:switch_vjp",
            "w = 1.0 - u2 * u * (10.0 - 15.0 * u + 6.0 * u2)",
            "w = 1.0 - u2 * (3.0 - 2.0 * u)",
        ),
    ),
    cause(
        "switch-cosine",
        "the switch is half of a cosine, (1 + cos πu) / 2",
        "2.1",
        (
            "descriptor.switch:switch_vjp",
            "w = 1.0 - u2 * u * (10.0 - 15.0 * u + 6.0 * u2)",
            "w = (1.0 + np.cos(np.pi * u)) / 2.0",
        ),
    ),
    cause(
        "switch-unclipped",
        "the switch is not 1 below its inner cutoff, but follows the polynomial",
        "2.1",
        (
            "descriptor.switch:switch_vjp",
            "u = xp.clip((r - inner) / (outer - inner), 0.0, 1.0)",
            "u = (r - inner) / (outer - inner)",
        ),
    ),
)
