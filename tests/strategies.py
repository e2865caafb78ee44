"""Valid configs for property tests."""

from hypothesis import strategies as st

from gptcli.config import ModelConfig


@st.composite
def configs(draw: st.DrawFn, *, largest: int = 6) -> ModelConfig:
    """Small models of every proportion."""
    heads = draw(st.integers(1, largest))
    biases = draw(st.sampled_from([(False, False), (True, False), (True, True)]))
    return ModelConfig(
        vocab_size=draw(st.integers(1, 200)),
        context_length=draw(st.integers(1, 64)),
        emb_dim=heads * draw(st.integers(1, largest)),
        n_heads=heads,
        n_layers=draw(st.integers(1, largest)),
        drop_rate=draw(st.sampled_from([0.0, 0.1, 0.5])),
        bias=biases[0],
        qkv_bias=biases[1],
        activation=draw(st.sampled_from(["gelu_tanh", "gelu"])),
        weight_tying=draw(st.booleans()),
        norm=draw(st.sampled_from(["layer_norm", "rms_norm"])),
    )
