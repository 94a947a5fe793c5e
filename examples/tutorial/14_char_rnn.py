"""A recurrent network that writes text, letter by letter.

You learn how text becomes batches, what the shapes of an LSTM are, why the hidden state is detached between pieces
of a long text (truncated backpropagation through time), why recurrent nets want clipped gradients, and how to
sample with a temperature.
"""

import kilnn
from kilnn import nn, optim
from kilnn.nn import functional as F

TEXT = """\
The kiln is cold at dawn. The potter lays the fire, stone on stone and log on log, and waits.
By noon the walls are warm. By dusk the walls are red, and no hand may come near the door.
The clay does not know the fire. It was mud in the river; it was dust on the road.
The potter turned it on the wheel, and the wheel gave it a shape, and the fire will make it stay.
All night the fire talks to the clay. The clay answers with a ring, low at first, then high.
At dawn the potter lets the fire die. The kiln is slow to cool, and the potter is slow to open the door.
Then the door is open, and the light falls on the pots: blue as the river, brown as the road.
One is cracked. The potter lays it by the wall, where the old pots are, and the grass grows in it.
The rest go to the market, and hold water, and hold grain, and hold the light of that one night.
"""
PIECE, ROWS, WIDTH, EPOCHS = 25, 8, 96, 40


class CharRNN(nn.Module):
    def __init__(self, letters):
        super().__init__()
        self.embed = nn.Embedding(letters, 24)
        self.lstm = nn.LSTM(24, WIDTH, batch_first=True)
        self.out = nn.Linear(WIDTH, letters)

    def forward(self, ids, state=None):  # (B, T) -> (B, T, letters), and the state to go on from
        hidden, state = self.lstm(self.embed(ids), state)
        return self.out(hidden), state


kilnn.manual_seed(0)
alphabet = sorted(set(TEXT))
code = {letter: n for n, letter in enumerate(alphabet)}
ids = kilnn.tensor([code[letter] for letter in TEXT])

# ROWS readers share the text: each row is one reader's part, and each piece goes on where the last one ended.
pieces = (len(ids) - 1) // (ROWS * PIECE)
used = ROWS * PIECE * pieces
inputs = ids[:used].view(ROWS, pieces, PIECE)
targets = ids[1 : used + 1].view(ROWS, pieces, PIECE)  # the next letter at each place
print(f"{len(TEXT)} letters, {len(alphabet)} different ones, {pieces} pieces of {ROWS} x {PIECE}")

model = CharRNN(len(alphabet))
optimizer = optim.Adam(model.parameters(), lr=5e-3)
history = []
for epoch in range(1, EPOCHS + 1):
    state = (kilnn.zeros(1, ROWS, WIDTH), kilnn.zeros(1, ROWS, WIDTH))  # hidden and cell: (layers, B, WIDTH)
    total = kilnn.zeros(())
    for n in range(pieces):
        optimizer.zero_grad()
        logits, state = model(inputs[:, n], state)
        state = tuple(s.detach() for s in state)  # the next piece starts from these numbers, its gradient ends here
        loss = F.cross_entropy(logits.flatten(0, 1), targets[:, n].flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        total += loss.detach()
    history.append(total.item() / pieces)
    if epoch in (1, 5, 10, 20, 30, 40):
        print(f"epoch {epoch:2d}  loss {history[-1]:.3f} nats a letter  perplexity {2.718281828 ** history[-1]:.2f}")


@kilnn.no_grad()
def write(start, length, temperature):
    """Continue a text. Temperature 0 takes the likeliest letter; 1 draws as the model says; above, more freely."""
    logits, state = model(kilnn.tensor([[code[c] for c in start]]))
    text = start
    for _ in range(length):
        last = logits[0, -1]
        if temperature == 0:
            letter = last.argmax().item()
        else:
            letter = kilnn.multinomial((last / temperature).softmax(0), 1).item()
        text += alphabet[letter]
        logits, state = model(kilnn.tensor([[letter]]), state)
    return text


for temperature in (0, 0.5, 1.0):
    print(f"temperature {temperature}: {write('The ', 80, temperature)!r}")
learnt = write("The kiln is ", 14, 0)
