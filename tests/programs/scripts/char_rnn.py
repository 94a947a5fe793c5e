"""Names from a character RNN built by hand: one sequence at a time, every length its own, manual SGD, sampling."""

import random
import string

import torch
import torch.nn as nn

torch.manual_seed(0)
random.seed(0)
all_letters = string.ascii_letters + " .,;'-"
n_letters = len(all_letters) + 1
category_lines = {
    "English": ["Adams", "Baker", "Clark", "Hall", "Scott"],
    "Italian": ["Rossi", "Bianchi", "Ferrari", "Romano", "Greco"],
}
all_categories = sorted(category_lines)


class RNN(nn.Module):
    def __init__(self, input_size, hidden_size, output_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.i2h = nn.Linear(len(all_categories) + input_size + hidden_size, hidden_size)
        self.i2o = nn.Linear(len(all_categories) + input_size + hidden_size, output_size)
        self.o2o = nn.Linear(hidden_size + output_size, output_size)
        self.softmax = nn.LogSoftmax(dim=1)

    def forward(self, category, input, hidden):
        input_combined = torch.cat((category, input, hidden), 1)
        hidden = self.i2h(input_combined)
        output = self.i2o(input_combined)
        output = self.o2o(torch.cat((hidden, output), 1))
        return self.softmax(output), hidden

    def init_hidden(self):
        return torch.zeros(1, self.hidden_size)


def category_tensor(category):
    tensor = torch.zeros(1, len(all_categories))
    tensor[0][all_categories.index(category)] = 1
    return tensor


def input_tensor(line):
    tensor = torch.zeros(len(line), 1, n_letters)
    for li in range(len(line)):
        tensor[li][0][all_letters.find(line[li])] = 1
    return tensor


def target_tensor(line):
    return torch.LongTensor([all_letters.find(c) for c in line[1:]] + [n_letters - 1])


rnn = RNN(n_letters, 24, n_letters)
criterion = nn.NLLLoss()
learning_rate = 0.01


def train(category, line, target_line):
    target_line.unsqueeze_(-1)
    hidden = rnn.init_hidden()
    rnn.zero_grad()
    loss = torch.Tensor([0])
    for i in range(line.size(0)):
        output, hidden = rnn(category, line[i], hidden)
        loss += criterion(output, target_line[i])
    loss.backward()
    for p in rnn.parameters():
        p.data.add_(p.grad.data, alpha=-learning_rate)
    return output, loss.item() / line.size(0)


total_loss = 0
for it in range(1, 41):
    category = random.choice(all_categories)
    line = random.choice(category_lines[category])
    output, loss = train(category_tensor(category), input_tensor(line), target_tensor(line))
    total_loss += loss
    if it % 10 == 0:
        print(f"{it} {total_loss / 10:.4f}")
        total_loss = 0
with torch.no_grad():
    for letter in "RB":
        category, hidden, name = category_tensor("Italian"), rnn.init_hidden(), letter
        input = input_tensor(letter)
        for _ in range(8):
            output, hidden = rnn(category, input[0], hidden)
            topi = output.topk(1)[1][0][0]
            if topi == n_letters - 1:
                break
            name += all_letters[topi]
            input = input_tensor(all_letters[topi])
        print("sampled", len(name) > 0)
