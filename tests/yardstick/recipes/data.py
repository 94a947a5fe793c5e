"""Datasets and loaders."""

from tests.yardstick.kit import matrix, vector


def _dataset(T):
    class Squares(T.utils.data.Dataset):
        def __len__(self):
            return 5

        def __getitem__(self, n):
            return T.tensor(float(n * n)), n

    return Squares()


def _stream(T):
    class Stream(T.utils.data.IterableDataset):
        def __iter__(self):
            return iter(range(5))

    return [b for b in T.utils.data.DataLoader(Stream(), batch_size=2)]


def _loaded(T):
    T.manual_seed(0)
    loader = T.utils.data.DataLoader(
        dataset=_dataset(T),
        batch_size=2,
        shuffle=True,
        num_workers=0,
        drop_last=True,
        pin_memory=False,
        timeout=0,
        generator=T.Generator().manual_seed(1),
    )
    return [list(batch) for batch in loader]


def _split(T):
    parts = T.utils.data.random_split(_dataset(T), lengths=[3, 2], generator=T.Generator().manual_seed(0))
    return [[list(p.indices), len(p)] for p in parts]


RECIPES = {
    "torch.utils.data.Dataset": lambda T: [_dataset(T)[2][0], len(_dataset(T))],
    "torch.utils.data.IterableDataset": _stream,
    "torch.utils.data.DataLoader": _loaded,
    "torch.utils.data.TensorDataset": lambda T: list(T.utils.data.TensorDataset(matrix(T), vector(T)[:2])[1]),
    "torch.utils.data.Subset": lambda T: [T.utils.data.Subset(_dataset(T), [1, 3])[1][0]],
    "torch.utils.data.random_split": _split,
    "torch.utils.data.SubsetRandomSampler": lambda T: list(
        T.utils.data.SubsetRandomSampler([1, 2, 5], generator=T.Generator().manual_seed(0))
    ),
    "torch.utils.data.default_collate": lambda T: T.utils.data.default_collate([{"a": 1, "b": vector(T)}] * 2),
}
