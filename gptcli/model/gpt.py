"""The network in torch, built from its description. No shape is typed here: all come from `gptcli.architecture`.

Shapes in comments: B batch, T tokens, C embedding width, H heads, D = C / H, F = 4C, V vocabulary,
K keys that a token may attend to: T, and with a cache those of the tokens that were read before too.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from gptcli.architecture import Network, Sizes, shape_sizes, size, sizes_of
from gptcli.architecture import network as groups
from gptcli.architecture import operations as ops
from gptcli.model.cache import KVCache, LayerCache
from gptcli.model.tap import Tap


class Factory:
    """Makes uninitialised parameters in one dtype, on one device, of the sizes of one model."""

    def __init__(self, sizes: Sizes, dtype: torch.dtype, device: torch.device | str) -> None:
        self.sizes = sizes
        self._dtype = dtype
        self._device = device

    def add_parameters(self, module: nn.Module, operation: ops.Operation) -> None:
        """Register the weights that the operation owns."""
        for name, shape in operation.weights().items():
            data = torch.empty(shape_sizes(shape, self.sizes), dtype=self._dtype, device=self._device)
            module.register_parameter(name, nn.Parameter(data))


class StepModule(nn.Module):
    """A module whose output is a step of the description; ``operation`` is the one whose weights it owns."""

    is_step = True
    operation: ops.Operation


class Embedding(StepModule):
    """Rows of a table, by index."""

    weight: nn.Parameter

    def __init__(self, operation: ops.Embedding, factory: Factory) -> None:
        super().__init__()
        self.operation = operation
        factory.add_parameters(self, operation)

    def forward(self, index: Tensor) -> Tensor:
        """(...) integers -> (..., C)."""
        return F.embedding(index, self.weight)


class LayerNorm(StepModule):
    """Zero mean, unit variance, scale and shift, over the last dimension."""

    weight: nn.Parameter
    bias: nn.Parameter | None

    def __init__(self, operation: ops.LayerNorm, factory: Factory) -> None:
        super().__init__()
        self.operation = operation
        self._eps = operation.eps
        factory.add_parameters(self, operation)
        if not operation.bias:
            self.register_parameter("bias", None)

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) -> (..., C)."""
        weight = self.weight
        return F.layer_norm(x, weight.shape, weight, self.bias, self._eps)


class RMSNorm(StepModule):
    """Mean square 1, and scale, over the last dimension."""

    weight: nn.Parameter

    def __init__(self, operation: ops.RMSNorm, factory: Factory) -> None:
        super().__init__()
        self.operation = operation
        self._eps = operation.eps
        factory.add_parameters(self, operation)

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) -> (..., C)."""
        return F.rms_norm(x, self.weight.shape, self.weight, self._eps)


def _norm(operation: groups.Norm, factory: Factory) -> LayerNorm | RMSNorm:
    return RMSNorm(operation, factory) if isinstance(operation, ops.RMSNorm) else LayerNorm(operation, factory)


class Linear(StepModule):
    """``x @ weight.T + bias``; the weight is (out, in), as in ``torch.nn.Linear``.

    Attributes:
        product: what multiplies; `gptcli.model.products` puts a faster one in this place.
    """

    weight: nn.Parameter
    bias: nn.Parameter | None
    product: Callable[[Tensor, Tensor, Tensor | None], Tensor]

    def __init__(self, operation: ops.Linear, factory: Factory, tied: nn.Parameter | None = None) -> None:
        super().__init__()
        self.operation = operation
        self.product = F.linear
        if tied is None:
            factory.add_parameters(self, operation)
        else:
            self.weight = tied
        if not operation.bias:
            self.register_parameter("bias", None)

    def forward(self, x: Tensor) -> Tensor:
        """(..., in) -> (..., out)."""
        return self.product(x, self.weight, self.bias)


class Dropout(StepModule):
    """Dropout with the rate of the description."""

    def __init__(self, operation: ops.Dropout) -> None:
        super().__init__()
        self._rate = operation.rate

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same."""
        return F.dropout(x, self._rate) if self.training else x


class Gelu(StepModule):
    """GELU, exact or in its tanh form."""

    def __init__(self, operation: ops.Gelu) -> None:
        super().__init__()
        self._approximate = "none" if operation.exact else "tanh"

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same."""
        return F.gelu(x, approximate=self._approximate)


class Attention(StepModule):
    """Masked multi-head attention, in explicit steps or in one fused call, as the description says."""

    def __init__(self, group: groups.Attention, factory: Factory, path: str, tap: Tap) -> None:
        super().__init__()
        self.c_attn = Linear(group.c_attn, factory)
        self.drop = Dropout(group.drop) if group.drop is not None else None
        self.c_proj = Linear(group.c_proj, factory)
        self._fused_rate = group.mix.rate if isinstance(group.mix, ops.FusedAttention) else 0.0
        self._qkv_heads = (group.c_attn.fused, factory.sizes["H"], factory.sizes["D"])
        self._path = path
        self._tap = tap

    def forward(self, x: Tensor, cache: LayerCache | None = None) -> Tensor:
        """(B, T, C) -> (B, T, C)."""
        out: Tensor = self.c_proj(self._attend(self.c_attn(x), cache))
        return out

    def _attend(self, qkv: Tensor, cache: LayerCache | None) -> Tensor:
        """(B, T, 3C) -> (B, T, C)."""
        heads = qkv.view(*qkv.shape[:2], *self._qkv_heads).permute(2, 0, 3, 1, 4)  # (3, B, H, T, D), a view
        q, k, v = self._tap(self._path, "heads", heads)  # each (B, H, T, D)
        if cache is not None:
            k, v = cache.extend(k, v)  # (B, H, K, D), views of the cache
        y = self._sdpa(q, k, v) if self.drop is None else self._explicit(q, k, v, self.drop)  # (B, H, T, D)
        return self._tap(self._path, "mix", y.transpose(1, 2).flatten(2))  # (B, T, C)

    def _sdpa(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        rate = self._fused_rate if self.training else 0.0
        causal = k.shape[2] == q.shape[2]
        # One token alone may see every key. Torch's own causal mask would let it see the first only: it is aligned
        # with the first key, where ours is with the last; so more tokens with a cache bring a mask of their own.
        mask = None if causal or q.shape[2] == 1 else _later(q, k).logical_not()  # (T, K)
        return F.scaled_dot_product_attention(q, k, v, mask, dropout_p=rate, is_causal=causal)  # (B, H, T, D)

    def _explicit(self, q: Tensor, k: Tensor, v: Tensor, drop: "Dropout") -> Tensor:
        # One name for all that is T x K, so that each is given back as soon as the next is there.
        tap, path = self._tap, self._path
        # Divided by a number: what `/` takes is made a tensor first, which autograd would keep.
        att = torch.ops.aten.div.Scalar(q @ k.transpose(-2, -1), q.shape[-1] ** 0.5)
        att = tap(path, "scores", att)  # (B, H, T, K)
        att = tap(path, "mask", att.masked_fill(_later(q, k), float("-inf")))  # (B, H, T, K)
        att = tap(path, "softmax", att.softmax(dim=-1))  # (B, H, T, K)
        att = drop(att)  # (B, H, T, K)
        mixed: Tensor = att @ v  # (B, H, T, D)
        return mixed


def _later(q: Tensor, k: Tensor) -> Tensor:
    """Return where a key comes after the query: (T, K); the last query is as late as the last key."""
    queries, keys = q.shape[2], k.shape[2]
    return torch.ones(queries, keys, dtype=torch.bool, device=q.device).triu(keys - queries + 1)


class FeedForward(StepModule):
    """Two linear layers with GELU between them."""

    def __init__(self, group: groups.FeedForward, factory: Factory) -> None:
        super().__init__()
        self.c_fc = Linear(group.c_fc, factory)
        self.act = Gelu(group.act)
        self.c_proj = Linear(group.c_proj, factory)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, C) through (B, T, F)."""
        out: Tensor = self.c_proj(self.act(self.c_fc(x)))
        return out


class Block(nn.Module):
    """The lecture's eight steps: norm, attention, dropout, shortcut, norm, feed forward, dropout, shortcut."""

    def __init__(self, group: groups.Block, factory: Factory, path: str, tap: Tap) -> None:
        super().__init__()
        self.ln_1 = _norm(group.ln_1, factory)
        self.attn = Attention(group.attn, factory, f"{path}.attn", tap)
        self.drop_1 = Dropout(group.drop_1)
        self.ln_2 = _norm(group.ln_2, factory)
        self.mlp = FeedForward(group.mlp, factory)
        self.drop_2 = Dropout(group.drop_2)
        self._path = path
        self._tap = tap

    def forward(self, x: Tensor, cache: LayerCache | None = None) -> Tensor:
        """(B, T, C) -> (B, T, C)."""
        x = self._tap(self._path, "add_1", x + self.drop_1(self.attn(self.ln_1(x), cache)))
        return self._tap(self._path, "add_2", x + self.drop_2(self.mlp(self.ln_2(x))))


class GPT(nn.Module):
    """Token ids to logits.

    The parameters are not initialised: `gptcli.model.initialize` draws them, or a checkpoint fills them.

    Args:
        network: the description, whose attention path is the one that runs.
        dtype: of parameters and activations.
        device: where the parameters are allocated; ``meta`` allocates nothing.
        recompute: keep only each block's input in training and run the block again in the backward pass
            (Chen et al. 2016).
    """

    def __init__(
        self,
        network: Network,
        *,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
        recompute: bool = False,
    ) -> None:
        super().__init__()
        factory = Factory(sizes_of(network.config), dtype, device)
        self.network = network
        self.tap = Tap()
        self.recompute = recompute
        self.wte = Embedding(network.wte, factory)
        self.wpe = Embedding(network.wpe, factory)
        self.drop = Dropout(network.drop)
        depth, block = size(network.h.times, factory.sizes), network.h.body
        assert isinstance(block, groups.Block)
        self.h = nn.ModuleList(Block(block, factory, f"h.{i}", self.tap) for i in range(depth))
        self.ln_f = _norm(network.ln_f, factory)
        tied = self.get_parameter(network.lm_head.tied_to) if network.lm_head.tied_to else None
        self.lm_head = Linear(network.lm_head, factory, tied)

    def forward(self, ids: Tensor, cache: KVCache | None = None) -> Tensor:
        """(B, T) token ids -> (B, T, V) logits.

        Args:
            ids: the tokens; with a cache, those that follow what it has read.
            cache: what earlier tokens left, to which these are added. The logits are then those of the last token
                alone, (B, 1, V): the head is the dearest layer, and only they say what comes next.
        """
        logits: Tensor = self.lm_head(self.ln_f(self._hidden(ids, cache)))  # (B, T, V)
        return logits

    def _hidden(self, ids: Tensor, cache: KVCache | None) -> Tensor:
        """(B, T) -> (B, T, C), with a cache (B, 1, C)."""
        x = self.drop(self._embed(ids, cache.length if cache is not None else 0))  # (B, T, C)
        layers = cache.layers if cache is not None else [None] * len(self.h)
        again = self.recompute and torch.is_grad_enabled()
        for block, known in zip(self.h, layers, strict=True):
            x = self._checkpointed(block, x) if again else block(x, known)  # (B, T, C)
        hidden: Tensor = x
        return hidden if cache is None else hidden[:, -1:]

    def _checkpointed(self, block: nn.Module, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, C), keeping the input alone, and the generator's state where dropout draws from it."""
        draws = self.training and self.network.config.drop_rate > 0
        out: Tensor = checkpoint(block, x, use_reentrant=False, preserve_rng_state=draws)
        return out

    def _embed(self, ids: Tensor, start: int) -> Tensor:
        """(B, T) tokens from position ``start`` on -> (B, T, C)."""
        positions = torch.arange(start, start + ids.shape[-1], device=ids.device)  # (T,)
        return self.tap("", "embed", self.wte(ids) + self.wpe(positions))
