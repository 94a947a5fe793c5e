"""nn.TransformerEncoder with padding masks, positional buffer, Noam schedule; then causal masks."""

import math

import torch
import torch.nn as nn


class PositionalEncoding(nn.Module):
    def __init__(self, d_model, dropout=0.0, max_len=50):
        super().__init__()
        self.dropout = nn.Dropout(p=dropout)
        position = torch.arange(max_len).unsqueeze(1)
        div_term = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10000.0) / d_model))
        pe = torch.zeros(1, max_len, d_model)
        pe[0, :, 0::2] = torch.sin(position * div_term)
        pe[0, :, 1::2] = torch.cos(position * div_term)
        self.register_buffer("pe", pe)

    def forward(self, x):
        return self.dropout(x + self.pe[:, : x.size(1)])


class Classifier(nn.Module):
    def __init__(self, vocab=30, d_model=32, classes=3):
        super().__init__()
        self.d_model = d_model
        self.embed = nn.Embedding(vocab, d_model, padding_idx=0)
        self.pos = PositionalEncoding(d_model)
        layer = nn.TransformerEncoderLayer(
            d_model, nhead=4, dim_feedforward=64, dropout=0.0, batch_first=True, activation="gelu"
        )
        self.encoder = nn.TransformerEncoder(layer, num_layers=2, enable_nested_tensor=False)
        self.cls = nn.Linear(d_model, classes)
        for p in self.parameters():
            if p.dim() > 1:
                nn.init.xavier_uniform_(p)

    def forward(self, tokens):
        padding = tokens == 0
        h = self.pos(self.embed(tokens) * math.sqrt(self.d_model))
        h = self.encoder(h, src_key_padding_mask=padding)
        keep = (~padding).unsqueeze(-1).float()
        return self.cls((h * keep).sum(1) / keep.sum(1).clamp(min=1.0))


class NoamOpt:
    def __init__(self, model_size, factor, warmup, optimizer):
        self.optimizer, self._step = optimizer, 0
        self.model_size, self.factor, self.warmup = model_size, factor, warmup

    def step(self):
        self._step += 1
        rate = self.factor * (self.model_size ** (-0.5) * min(self._step ** (-0.5), self._step * self.warmup ** (-1.5)))
        for p in self.optimizer.param_groups:
            p["lr"] = rate
        self.optimizer.step()
        return rate


torch.manual_seed(0)
lengths = torch.randint(4, 13, (64,))
tokens = torch.randint(1, 30, (64, 12))
tokens = tokens.masked_fill(torch.arange(12)[None, :] >= lengths[:, None], 0)
labels = (tokens * (tokens > 0)).sum(1) % 3
model = Classifier()
opt = NoamOpt(32, 0.5, 10, torch.optim.Adam(model.parameters(), lr=0, betas=(0.9, 0.98), eps=1e-9))
for epoch in range(4):
    model.train()
    total = 0.0
    for i in range(0, 64, 16):
        opt.optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(tokens[i : i + 16]), labels[i : i + 16])
        loss.backward()
        rate = opt.step()
        total += loss.item()
    model.eval()
    with torch.no_grad():
        correct = (model(tokens).argmax(-1) == labels).sum().item()
    print(f"epoch {epoch} loss {total / 4:.4f} correct {correct} rate {rate:.5f}")

mask = nn.Transformer.generate_square_subsequent_mask(6)
mha = nn.MultiheadAttention(16, 4, batch_first=True)
x = torch.randn(2, 6, 16)
out, weights = mha(x, x, x, attn_mask=mask, need_weights=True, average_attn_weights=True)
print("causal", tuple(weights.shape), torch.triu(weights[0], diagonal=1).abs().max().item(), round(out.std().item(), 3))
transformer = nn.Transformer(16, 2, 1, 1, 32, dropout=0.0, batch_first=True)
sgd = torch.optim.SGD(transformer.parameters(), lr=0.05)
src, tgt = torch.randn(4, 7, 16), torch.randn(4, 6, 16)
for step in range(5):
    loss = (transformer(src, tgt, tgt_mask=mask) - 0.5).pow(2).mean()
    sgd.zero_grad()
    loss.backward()
    sgd.step()
print(f"seq2seq {loss.item():.4f}")
