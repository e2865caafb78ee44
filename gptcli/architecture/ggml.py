"""The types of ggml's tensors: how many numbers make a block, and the bytes of one.

Rows are whole blocks. Facts from ggml-org/llama.cpp: ``ggml/src/ggml-common.h`` (the structs ``block_*``) and
``ggml/include/ggml.h`` (``enum ggml_type``).
"""

from msgspec import Struct


class BlockType(Struct, frozen=True):
    """A type of ggml.

    Attributes:
        name: as ``ggml_type_name`` gives it, in capitals: ``Q4_K``.
        id: its number in files.
        numbers: how many make a block.
        value_bytes: of a block's numbers; codes into a table of vectors and signs count here, too.
        scale_bytes: of a block's scales and minima. IQ types put some of theirs into the codes.
    """

    name: str
    id: int
    numbers: int
    value_bytes: int
    scale_bytes: int = 0

    @property
    def bytes(self) -> int:
        """Of a block."""
        return self.value_bytes + self.scale_bytes

    @property
    def quantized(self) -> bool:
        """Whether several numbers share a scale."""
        return self.scale_bytes > 0

    def blocks(self, rows: int, columns: int) -> int:
        """Return the blocks of a matrix; a row that is no whole number of blocks is rounded up."""
        return rows * -(-columns // self.numbers)


_TYPES = (
    BlockType("F32", 0, 1, 4),
    BlockType("F16", 1, 1, 2),
    BlockType("Q4_0", 2, 32, 16, 2),
    BlockType("Q4_1", 3, 32, 16, 4),
    BlockType("Q5_0", 6, 32, 20, 2),
    BlockType("Q5_1", 7, 32, 20, 4),
    BlockType("Q8_0", 8, 32, 32, 2),
    BlockType("Q8_1", 9, 32, 32, 4),
    BlockType("Q2_K", 10, 256, 64, 20),
    BlockType("Q3_K", 11, 256, 96, 14),
    BlockType("Q4_K", 12, 256, 128, 16),
    BlockType("Q5_K", 13, 256, 160, 16),
    BlockType("Q6_K", 14, 256, 192, 18),
    BlockType("Q8_K", 15, 256, 256, 36),
    BlockType("IQ2_XXS", 16, 256, 64, 2),
    BlockType("IQ2_XS", 17, 256, 64, 10),
    BlockType("IQ3_XXS", 18, 256, 96, 2),
    BlockType("IQ1_S", 19, 256, 48, 2),
    BlockType("IQ4_NL", 20, 32, 16, 2),
    BlockType("IQ3_S", 21, 256, 104, 6),
    BlockType("IQ2_S", 22, 256, 72, 10),
    BlockType("IQ4_XS", 23, 256, 128, 8),
    BlockType("I8", 24, 1, 1),
    BlockType("I16", 25, 1, 2),
    BlockType("I32", 26, 1, 4),
    BlockType("I64", 27, 1, 8),
    BlockType("F64", 28, 1, 8),
    BlockType("IQ1_M", 29, 256, 48, 8),
    BlockType("BF16", 30, 1, 2),
    BlockType("TQ1_0", 34, 256, 52, 2),
    BlockType("TQ2_0", 35, 256, 64, 2),
    BlockType("MXFP4", 39, 32, 16, 1),
    BlockType("NVFP4", 40, 64, 32, 4),
    BlockType("Q1_0", 41, 128, 16, 2),
    BlockType("Q2_0", 42, 64, 16, 2),
)

TYPES: dict[str, BlockType] = {each.name: each for each in _TYPES}
BY_ID: dict[int, BlockType] = {each.id: each for each in _TYPES}
REMOVED = {4: "Q4_2", 5: "Q4_3", 31: "Q4_0_4_4", 32: "Q4_0_4_8", 33: "Q4_0_8_8", 36: "IQ4_NL_4_4", 37: "IQ4_NL_4_8",
           38: "IQ4_NL_8_8"}  # fmt: skip
