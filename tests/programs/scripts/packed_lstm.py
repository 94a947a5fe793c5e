"""Sentiment with a bidirectional LSTM over packed sequences: pad_sequence in collate_fn, BCE with logits."""

import torch
import torch.nn as nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
from torch.utils.data import DataLoader, Dataset

PAD = 0


class Reviews(Dataset):
    def __init__(self, n):
        g = torch.Generator().manual_seed(11)
        self.items = []
        for _ in range(n):
            length = int(torch.randint(3, 10, (1,), generator=g))
            words = torch.randint(1, 20, (length,), generator=g)
            self.items.append((words, float((words > 10).float().mean() > 0.5)))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


def collate(batch):
    batch.sort(key=lambda pair: len(pair[0]), reverse=True)
    texts, labels = zip(*batch)
    lengths = torch.tensor([len(t) for t in texts])
    return pad_sequence(texts, batch_first=True, padding_value=PAD), torch.tensor(labels), lengths


class SentimentLSTM(nn.Module):
    def __init__(self, vocab=20, emb=12, hidden=16):
        super().__init__()
        self.embedding = nn.Embedding(vocab, emb, padding_idx=PAD)
        self.lstm = nn.LSTM(emb, hidden, num_layers=1, bidirectional=True, batch_first=True)
        self.fc = nn.Linear(2 * hidden, 1)

    def forward(self, text, lengths):
        packed = pack_padded_sequence(self.embedding(text), lengths.cpu(), batch_first=True, enforce_sorted=True)
        packed_output, (hidden, cell) = self.lstm(packed)
        output, output_lengths = pad_packed_sequence(packed_output, batch_first=True)
        hidden = torch.cat((hidden[-2], hidden[-1]), dim=1)
        return self.fc(hidden + 0.0 * output.sum(1)).squeeze(1)


def binary_accuracy(preds, y):
    return (torch.round(torch.sigmoid(preds)) == y).float().mean()


torch.manual_seed(0)
loader = DataLoader(Reviews(64), batch_size=16, shuffle=True, collate_fn=collate)
model = SentimentLSTM()
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for epoch in range(4):
    epoch_loss, epoch_acc = 0.0, 0.0
    for text, label, lengths in loader:
        optimizer.zero_grad()
        predictions = model(text, lengths)
        loss = criterion(predictions, label)
        acc = binary_accuracy(predictions, label)
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item()
        epoch_acc += acc.item()
    print(f"Epoch {epoch + 1:02} | Loss: {epoch_loss / len(loader):.3f} | Acc: {epoch_acc / len(loader) * 100:.1f}%")
print("padding row:", model.embedding.weight[PAD].abs().sum().item())
