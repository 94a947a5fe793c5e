"""Scripts with one mistake each, on the line that ends in `# wrong`. `T` is the library.

Each row: name, the path of the module in which it happens (None: in no module), words of the message, the script.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Script:
    name: str
    path: str | None
    words: str
    source: str


SCRIPTS: list[Script] = []


def script(name: str, path: str | None, words: str, source: str) -> None:
    SCRIPTS.append(Script(name, path, words, "nn, F, optim = T.nn, T.nn.functional, T.optim\n" + source.lstrip("\n")))


NET = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(784, 256), nn.Linear(128, 10)

    def forward(self, x):
        x = self.fc1(x)
        return self.fc2(x){first}

def train(net):
    images = T.ones(64, 784)
    return net(images)

net = Net()
train(net)
"""
script(
    "layer sizes that do not follow each other", "net.fc2",
    "net.fc2 (Linear(128 -> 10)): got input (64, 256), last dimension must be 128; produced by net.fc1 at script.py:8",
    NET.format(first="  # wrong"),
)  # fmt: skip
script(
    "relu in between", "model.2", "produced by relu after model.0 at script.py:3",
    """
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(9, 2))
loss = model(T.ones(3, 4)).sum()  # wrong
loss.backward()
""",
)  # fmt: skip
script(
    "images without channels", "net.conv", "given to net at script.py:11",
    """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, images):
        return self.conv(images)  # wrong

net = Net()
net(T.ones(2, 1, 8, 8))
""",
)  # fmt: skip
script(
    "channels last", "net.0", "channels come before the positions: x.movedim(-1, -3)",
    """
net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
for step in range(3):
    out = net(T.ones(2, 8, 8, 3))  # wrong
""",
)  # fmt: skip
script(
    "no flatten before the classifier", "net.head", "Fix: flatten it first: x.flatten(1)",
    """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 4, 3), nn.MaxPool2d(2))
        self.head = nn.Linear(36, 10)

    def forward(self, x):
        x = self.features(x)
        return self.head(x)  # wrong

net = Net()
print(net(T.ones(2, 1, 8, 8)).shape)
""",
)  # fmt: skip
script(
    "batch norm of the wrong rank", "net.2",
    "must have 4 dimensions; produced by net.1 at script.py:4\n  Fix: BatchNorm1d",
    """
net = nn.Sequential(nn.Flatten(), nn.Linear(8, 6), nn.BatchNorm2d(6))
def run(x):
    return net(x)  # wrong
run(T.ones(3, 2, 4))
""",
)  # fmt: skip
script(
    "one row in training", "net.norm", "more than one value for each channel in training",
    """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(4)

    def forward(self, x):
        return self.norm(x)  # wrong

net = Net()
for batch in T.ones(5, 4).split(2):
    net(batch)
""",
)  # fmt: skip
script(
    "layer norm in a list of blocks", "model.blocks.1.norm", "last dimension must be 6",
    """
class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm = nn.LayerNorm(width)

    def forward(self, x):
        return x + self.norm(x)  # wrong

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([Block(8), Block(6)])

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return x

model = Model()
model(T.ones(2, 8))
""",
)  # fmt: skip
script(
    "residual of another width", "net.block", "net.block (Block)",
    """
class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 5)

    def forward(self, x):
        y = self.fc(x)
        return x + y  # wrong

net = nn.Sequential()
net.add_module("block", Block())
net(T.ones(2, 4))
""",
)  # fmt: skip
script(
    "attention without a transpose", "net.attend", "net.attend (Attend)",
    """
class Attend(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.k = nn.Linear(6, 6), nn.Linear(6, 6)

    def forward(self, x):
        q, k = self.q(x), self.k(x)
        scores = q @ k  # wrong
        return scores.softmax(-1)

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.attend = Attend()

    def forward(self, x):
        return self.attend(x)

net = Net()
net(T.ones(2, 5, 6))
""",
)  # fmt: skip
script(
    "a view of the wrong size", "self.net", "self.net (Net)",
    """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)

    def forward(self, x):
        x = self.conv(x)
        return x.view(-1, 100)  # wrong

class Trainer:
    def __init__(self):
        self.net = Net()

    def fit(self):
        return self.net(T.ones(2, 1, 8, 8))

Trainer().fit()
""",
)  # fmt: skip
script(
    "parts that do not join", "net", "net (Net)",
    """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 3), nn.Linear(4, 2)

    def forward(self, x):
        return T.cat([self.a(x), self.b(x)], dim=0)  # wrong

net = Net()
net(T.ones(2, 4))
""",
)  # fmt: skip
script(
    "float64 data", "net.0", "got input (2, 4) of kilnn.float64, dtype must be kilnn.float32 as the parameters'",
    """
import numpy as np
net = nn.Sequential(nn.Linear(4, 2))
data = T.from_numpy(np.ones((2, 4)))
with T.no_grad():
    out = net(data)  # wrong
""",
)  # fmt: skip
script(
    "a token beyond the vocabulary", "model.table", "indices must lie in 0 ... 9",
    """
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(10, 3)

    def forward(self, words):
        return self.table(words).mean(1)  # wrong

model = Model()
for words in ([[1, 2]], [[9, 10]]):
    model(T.tensor(words))
""",
)  # fmt: skip
script(
    "floats as tokens", "table", "convert the indices: x.long()",
    """
table = nn.Embedding(10, 3)
rows = table(T.tensor([1.0, 2.0]))  # wrong
""",
)  # fmt: skip
script(
    "a label out of range", "criterion", "labels must lie in 0 ... 2",
    """
criterion, net = nn.CrossEntropyLoss(), nn.Linear(4, 3)
optimizer = optim.SGD(net.parameters(), lr=0.1)
for labels in ([0, 1], [2, 3]):
    optimizer.zero_grad()
    loss = criterion(net(T.ones(2, 4)), T.tensor(labels))  # wrong
    loss.backward()
    optimizer.step()
""",
)  # fmt: skip
script(
    "labels that are floats", "criterion", "target.long()",
    """
criterion = nn.CrossEntropyLoss()
loss = criterion(T.ones(2, 3), T.tensor([0.0, 1.0]))  # wrong
""",
)  # fmt: skip
script(
    "fewer labels than rows", "loss_of", "got input (4, 3) and target (3,), target must be (4,)",
    """
loss_of = nn.NLLLoss()
def step(x, y):
    return loss_of(x.log_softmax(1), y)  # wrong
step(T.ones(4, 3), T.tensor([0, 1, 2]))
""",
)  # fmt: skip
script(
    "one argument too many", "net.fc", "takes 2 positional arguments but 3 were given",
    """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 3)

    def forward(self, x, mask):
        return self.fc(x, mask)  # wrong

net = Net()
net(T.ones(2, 4), None)
""",
)  # fmt: skip
script(
    "a layer that is not there", "net", "has no attribute 'fc3'",
    """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(4, 3)

    def forward(self, x):
        x = self.fc1(x)
        return self.fc3(x)  # wrong

net = Net()
net(T.ones(2, 4))
""",
)  # fmt: skip
script(
    "a hidden state of another width", "model.cell", "got input (2, 3) and hx (2, 4), hx: last dimension must be 5",
    """
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.GRUCell(3, 5)

    def forward(self, x):
        h = T.zeros(2, 4)
        for step in x:
            h = self.cell(step, h)  # wrong
        return h

model = Model()
model(T.ones(6, 2, 3))
""",
)  # fmt: skip
script(
    "pooled away", "net.3", "Output size is too small",
    """
net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.MaxPool2d(2), nn.Conv2d(2, 2, 3), nn.MaxPool2d(2))
net(T.ones(1, 1, 8, 8))  # wrong
""",
)  # fmt: skip
script(
    "layers kept in a list", "net.parts[1]", "last dimension must be 5",
    """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.parts = [nn.Linear(4, 4), nn.Linear(5, 4)]

    def forward(self, x):
        for part in self.parts:
            x = part(x)  # wrong
        return x

net = Net()
net(T.ones(2, 4))
""",
)  # fmt: skip
script(
    "backward twice", None, "backward through the graph a second time",
    """
w = T.ones(3, requires_grad=True)
loss = (w * w).sum()
loss.backward()
loss.backward()  # wrong
""",
)  # fmt: skip
script(
    "backward from a vector", None, "scalar outputs",
    """
net = nn.Linear(3, 2)
def step():
    net(T.ones(4, 3)).backward()  # wrong
step()
""",
)  # fmt: skip
script(
    "a saved tensor overwritten", None, "modified by an inplace operation",
    """
w = T.ones(3, requires_grad=True)
y = w.exp()
y.add_(1)
y.sum().backward()  # wrong
""",
)  # fmt: skip
script(
    "an index beyond the end", None, "index 5 is out of bounds",
    """
losses = T.zeros(5)
for step in range(6):
    losses[step] = 1.0  # wrong
""",
)  # fmt: skip
script(
    "nothing to optimize", None, "empty parameter list",
    """
net = nn.ReLU()
optimizer = optim.Adam(net.parameters(), lr=1e-3)  # wrong
""",
)  # fmt: skip
script(
    "another model's weights", None, "size mismatch for fc.weight",
    """
def model(width):
    net = nn.Sequential()
    net.add_module("fc", nn.Linear(width, 2))
    return net

saved = model(3).state_dict()
model(4).load_state_dict(saved)  # wrong
""",
)  # fmt: skip
script(
    "a number of many", None, "cannot be converted to Scalar",
    """
total = 0.0
loss = F.mse_loss(T.ones(3), T.zeros(3), reduction="none")
total += loss.item()  # wrong
""",
)  # fmt: skip
script(
    "numpy with a gradient", None, "requires grad",
    """
net = nn.Linear(3, 2)
out = net(T.ones(1, 3)).numpy()  # wrong
""",
)  # fmt: skip
