"""Blocks that were measured again: which block counts."""

from collections.abc import Collection, Iterable

from waitbench.records.spec import TrialSpec


def uncounted_blocks(specs: Iterable[TrialSpec], finished: Collection[str]) -> dict[int, int | None]:
    """Return the blocks whose trials are in no figure, each with the block that replaced it.

    `finished` has the files of the trials that can be read. A block is replaced when all trials of the block that
    replaces it are finished. Until then the earlier one counts, so each repeat of a load point has exactly one block
    that counts. An unfinished replacement is not replaced by any block: None.
    """
    replacing: dict[int, int] = {}
    whole: dict[int, bool] = {}
    for spec in specs:
        if spec.replaces:
            replacing[spec.block] = spec.replaces
            whole[spec.block] = whole.get(spec.block, True) and spec.file in finished
    return dict((replaced, block) if whole[block] else (block, None) for block, replaced in replacing.items())
