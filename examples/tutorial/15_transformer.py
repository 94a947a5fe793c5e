"""A transformer that learns to write a string backwards, from attention up.

You learn what multi-head causal self-attention computes, how a block is put together (pre-norm, residual, MLP), how
positions get in, and how to generate token by token. The task: after a string of letters and a bar, write the
letters backwards.
Paper: Vaswani et al., Attention Is All You Need, https://arxiv.org/abs/1706.03762
"""

import math

import kilnn
from kilnn import nn, optim
from kilnn.nn import functional as F

LETTERS = "abcdefgh"
BAR = len(LETTERS)  # the token between question and answer
HALF = 6
LENGTH = 2 * HALF + 1
WIDTH, HEADS, BLOCKS = 64, 4, 2
STEPS = 150


class CausalSelfAttention(nn.Module):
    """Each position looks at itself and what came before; WIDTH is split into HEADS parts that look separately."""

    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)

    def forward(self, x):  # (B, T, C)
        batch, length, _ = x.shape
        q, k, v = (
            t.view(batch, length, HEADS, -1).transpose(1, 2) for t in self.qkv(x).chunk(3, dim=-1)
        )  # (B, H, T, D)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(y.transpose(1, 2).reshape(batch, length, WIDTH))


def attention_by_hand(q, k, v):
    """What scaled_dot_product_attention(..., is_causal=True) computes, in three lines."""
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    future = kilnn.ones(scores.shape[-2:], dtype=kilnn.bool).triu(1)
    return scores.masked_fill(future, -math.inf).softmax(-1) @ v


class Block(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x))."""

    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.attention = CausalSelfAttention()
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(len(LETTERS) + 1, WIDTH)
        self.positions = nn.Embedding(LENGTH, WIDTH)  # attention alone knows no order
        self.blocks = nn.Sequential(*[Block() for _ in range(BLOCKS)])
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, len(LETTERS) + 1, bias=False)
        self.head.weight = self.tokens.weight  # one table for reading and writing

    def forward(self, ids):  # (B, T)
        x = self.tokens(ids) + self.positions(kilnn.arange(ids.shape[1]))
        return self.head(self.norm(self.blocks(x)))


def make_batch(n):
    """(n, LENGTH): letters, the bar, the letters backwards."""
    letters = kilnn.randint(0, len(LETTERS), (n, HALF))
    return kilnn.cat([letters, kilnn.full((n, 1), BAR), letters.flip(1)], dim=1)


kilnn.manual_seed(0)
q, k, v = (kilnn.randn(2, HEADS, 5, 16) for _ in range(3))
assert kilnn.allclose(attention_by_hand(q, k, v), F.scaled_dot_product_attention(q, k, v, is_causal=True), atol=1e-5)

# nn.TransformerEncoderLayer is this block ready made: with the same weights it gives the same answer.
block = Block()
ready = nn.TransformerEncoderLayer(WIDTH, HEADS, 4 * WIDTH, 0.0, activation="gelu", batch_first=True, norm_first=True)
renamed = {
    name.replace("attention.qkv.", "self_attn.in_proj_")
    .replace("attention.out", "self_attn.out_proj")
    .replace("mlp.0", "linear1")
    .replace("mlp.2", "linear2"): p
    for name, p in block.state_dict().items()
}
ready.load_state_dict(renamed)
x = kilnn.randn(2, 5, WIDTH)
causal = nn.Transformer.generate_square_subsequent_mask(5)
assert kilnn.allclose(ready(x, src_mask=causal, is_causal=True), block(x), atol=1e-5)
print("attention by hand and nn.TransformerEncoderLayer agree with this script's block")

kilnn.manual_seed(0)
model = Transformer()
print(f"{sum(p.numel() for p in model.parameters()):,} parameters")
optimizer = optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)
warm_up = optim.lr_scheduler.LinearLR(optimizer, start_factor=0.05, total_iters=20)
for step in range(1, STEPS + 1):
    ids = make_batch(64)
    logits = model(ids[:, :-1])  # at each position: what comes next?
    answer = logits[:, HALF:]  # only what follows the bar can be known
    optimizer.zero_grad()
    loss = F.cross_entropy(answer.flatten(0, 1), ids[:, HALF + 1 :].flatten())
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    warm_up.step()
    if step % 25 == 0:
        print(f"step {step:3d}  loss {loss.item():.4f}")


# Generation: append the likeliest next token, again and again. Padding to the full length keeps the shape, so it stays
# one program; causal attention does not look at what comes after.
@kilnn.no_grad()
def complete(questions):
    model.eval()
    ids = kilnn.zeros(len(questions), LENGTH, dtype=kilnn.int64)
    ids[:, : HALF + 1] = questions
    for place in range(HALF + 1, LENGTH):
        ids[:, place] = model(ids)[:, place - 1].argmax(-1)
    return ids


test = make_batch(200)
answers = complete(test[:, : HALF + 1])
accuracy = (answers == test).all(1).float().mean().item()
symbols = LETTERS + "|"
for row in answers[:3].tolist():
    print("".join(symbols[i] for i in row))
print(f"{accuracy:.1%} of 200 new strings are reversed without a mistake")
