"""Losses as layers."""

from tests.yardstick.kit import layer, mask, matrix, positive


def _loss(name, other, **kwargs):
    def recipe(T):
        return layer(T, name, inputs=[matrix(T), other(T)], **kwargs)[0]

    return recipe


RECIPES = {
    "torch.nn.CrossEntropyLoss": lambda T: [
        T.nn.CrossEntropyLoss(weight=positive(T)[0], ignore_index=1, reduction="sum", label_smoothing=0.1)(
            matrix(T), T.tensor([2, 0])
        ),
        T.nn.CrossEntropyLoss()(matrix(T), T.tensor([2, 0])),
    ],
    "torch.nn.MSELoss": _loss("MSELoss", positive, reduction="sum"),
    "torch.nn.L1Loss": _loss("L1Loss", positive, reduction="none"),
    "torch.nn.BCEWithLogitsLoss": _loss("BCEWithLogitsLoss", lambda T: mask(T).float(), reduction="mean"),
    "torch.nn.BCELoss": lambda T: T.nn.BCELoss(reduction="sum")(matrix(T).sigmoid(), mask(T).float()),
    "torch.nn.NLLLoss": lambda T: T.nn.NLLLoss(weight=positive(T)[0])(matrix(T), T.tensor([2, 0])),
}
