"""Checkpoints of ten architectures go from PyTorch to kilnn and back with strict=True, and give the same numbers."""

import io

import pytest
import torch

import kilnn
from tests.oracle import assert_same_values


def mlp(T):
    nn = T.nn
    return nn.Sequential(nn.Linear(20, 16), nn.Tanh(), nn.Dropout(0.5), nn.Linear(16, 4))


def lenet(T):
    nn = T.nn
    return nn.Sequential(
        nn.Conv2d(1, 4, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 8, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(128, 10),
    )  # fmt: skip


def resnet(T):
    nn = T.nn

    class Block(nn.Module):
        def __init__(self, inside, outside, stride):
            super().__init__()
            self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(outside)
            self.conv2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(outside)
            self.downsample = nn.Sequential(nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside))

        def forward(self, x):
            y = self.bn2(self.conv2(T.relu(self.bn1(self.conv1(x)))))
            return T.relu(y + self.downsample(x))

    return nn.Sequential(Block(3, 4, 1), Block(4, 8, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5))


def vgg(T):
    nn = T.nn
    layers, inside = [], 3
    for width in (4, "pool", 8, 8, "pool"):
        if width == "pool":
            layers.append(nn.MaxPool2d(2, 2))
        else:
            layers += [nn.Conv2d(inside, width, 3, padding=1), nn.ReLU(inplace=True)]
            inside = width
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(128, 16), nn.ReLU(), nn.Linear(16, 5))


def autoencoder(T):
    nn = T.nn

    class Autoencoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = nn.ModuleDict({"first": nn.Linear(30, 12), "second": nn.Linear(12, 3)})
            self.decoder = nn.ModuleList([nn.Linear(3, 12), nn.Linear(12, 30)])

        def forward(self, x):
            for layer in (*self.encoder.values(), *self.decoder):
                x = T.sigmoid(layer(x))
            return x

    return Autoencoder()


def text_cnn(T):
    nn = T.nn

    class TextCNN(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(50, 8, padding_idx=0)
            self.convs = nn.ModuleList([nn.Conv1d(8, 6, k) for k in (2, 3)])
            self.fc = nn.Linear(12, 3)

        def forward(self, words):
            x = self.embedding(words).transpose(1, 2)
            return self.fc(T.cat([T.relu(conv(x)).amax(2) for conv in self.convs], 1))

    return TextCNN()


def generator(T):
    nn = T.nn
    return nn.Sequential(
        nn.Unflatten(1, (6, 1, 1)), nn.ConvTranspose2d(6, 8, 4, 1, 0, bias=False), nn.BatchNorm2d(8), nn.ReLU(True),
        nn.ConvTranspose2d(8, 3, 4, 2, 1, bias=False), nn.Tanh(),
    )  # fmt: skip


def mobile(T):
    nn = T.nn
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, 2, 1), nn.GroupNorm(2, 6), nn.SiLU(), nn.Conv2d(6, 6, 3, 1, 1, groups=6, bias=False),
        nn.BatchNorm2d(6), nn.Hardswish(), nn.Conv2d(6, 8, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5),
    )  # fmt: skip


def recurrent(T):
    nn = T.nn

    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(50, 8)
            self.cell = nn.LSTMCell(8, 12)
            self.out = nn.Linear(12, 50)
            self.register_buffer("start", T.ones(12))

        def forward(self, words):
            h = self.start.expand(words.shape[0], 12)
            c = h * 0
            for step in self.embedding(words).unbind(1):
                h, c = self.cell(step, (h, c))
            return self.out(h)

    return Reader()


def language_model(T):
    nn = T.nn

    class Model(nn.Module):
        """One attention block by hand; the output layer is tied to the embedding."""

        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(50, 16)
            self.norm = nn.LayerNorm(16)
            self.qkv = nn.Linear(16, 48)
            self.project = nn.Linear(16, 16)
            self.position = nn.Parameter(T.randn(9, 16))
            self.head = nn.Linear(16, 50, bias=False)
            self.head.weight = self.embedding.weight

        def forward(self, words):
            x = self.embedding(words) + self.position
            parts = self.qkv(self.norm(x)).view(*words.shape, 3, 2, 8).permute(2, 0, 3, 1, 4)
            y = T.nn.functional.scaled_dot_product_attention(*parts.unbind(0), is_causal=True)
            return self.head(x + self.project(y.transpose(1, 2).reshape(x.shape)))

    return Model()


IMAGES, WORDS = (2, 3, 16, 16), "words"
ARCHITECTURES = {
    mlp: (2, 20), lenet: (2, 1, 28, 28), resnet: IMAGES, vgg: IMAGES, autoencoder: (2, 30), text_cnn: WORDS,
    generator: (2, 6), mobile: IMAGES, recurrent: WORDS, language_model: WORDS,
}  # fmt: skip


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda f: f.__name__)
def test_from_pytorch_and_back(architecture):
    theirs, ours, again = architecture(torch), architecture(kilnn), architecture(torch)
    shape = ARCHITECTURES[architecture]
    batch = torch.randint(0, 50, (2, 9)) if shape == WORDS else torch.randn(shape)
    theirs(batch)  # running statistics that are not the initial ones
    file = io.BytesIO()
    torch.save({"model": theirs.state_dict(), "epoch": 3}, file)
    file.seek(0)
    assert str(ours.load_state_dict(kilnn.load(file)["model"], strict=True)) == "<All keys matched successfully>"
    expected = theirs.eval()(batch)
    with kilnn.no_grad():
        logits = ours.eval()(kilnn.tensor(batch.numpy()))
    assert_same_values(logits, expected, rtol=0, atol=1e-4)

    file = io.BytesIO()
    kilnn.save(ours.state_dict(), file)
    file.seek(0)
    again.load_state_dict(torch.load(file, weights_only=True), strict=True)
    assert torch.equal(again.eval()(batch), expected)


def test_the_comparison_can_fail():
    theirs, ours = mlp(torch), mlp(kilnn)
    batch = torch.randn(2, 20)
    with pytest.raises(AssertionError):
        assert_same_values(ours.eval()(kilnn.tensor(batch.numpy())), theirs.eval()(batch) + 1e-3, rtol=0, atol=1e-4)


def test_optimizer_state_goes_both_ways():
    sides = {}
    for T in (torch, kilnn):
        model = mlp(T)
        sides[T] = model, T.optim.AdamW(model.parameters(), lr=1e-2)
    model, optimizer = sides[torch]
    for _ in range(2):
        optimizer.zero_grad()
        model(torch.ones(2, 20)).square().sum().backward()
        optimizer.step()
    file = io.BytesIO()
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, file)
    file.seek(0)
    loaded = kilnn.load(file)
    ours, ours_optimizer = sides[kilnn]
    ours.load_state_dict(loaded["model"])
    ours_optimizer.load_state_dict(loaded["optimizer"])
    for T, (network, descent) in sides.items():
        descent.zero_grad()
        network.eval()(T.ones(2, 20)).square().sum().backward()
        descent.step()
    for a, b in zip(ours.parameters(), model.parameters(), strict=True):
        assert_same_values(a, b, rtol=1e-5, atol=1e-6)
    file = io.BytesIO()
    kilnn.save(ours_optimizer.state_dict(), file)
    file.seek(0)
    back = torch.load(file, weights_only=True)
    optimizer.load_state_dict(back)
    assert back["state"][0]["step"].item() == 3
