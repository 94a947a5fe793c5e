"""REINFORCE with Categorical: episodes of different length, returns normalised, log-probabilities stacked."""

import random

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.distributions import Categorical

torch.manual_seed(543)
random.seed(543)


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.affine1 = nn.Linear(4, 32)
        self.affine2 = nn.Linear(32, 2)
        self.saved_log_probs = []
        self.rewards = []

    def forward(self, x):
        return F.softmax(self.affine2(F.relu(self.affine1(x))), dim=1)


policy = Policy()
optimizer = optim.Adam(policy.parameters(), lr=1e-2)
eps = torch.finfo(torch.float32).eps


def select_action(state):
    state = torch.tensor(state).float().unsqueeze(0)
    m = Categorical(policy(state))
    action = m.sample()
    policy.saved_log_probs.append(m.log_prob(action))
    return action.item()


def finish_episode():
    R, policy_loss, returns = 0, [], []
    for r in policy.rewards[::-1]:
        R = r + 0.99 * R
        returns.insert(0, R)
    returns = torch.tensor(returns)
    returns = (returns - returns.mean()) / (returns.std() + eps)
    for log_prob, R in zip(policy.saved_log_probs, returns):
        policy_loss.append(-log_prob * R)
    optimizer.zero_grad()
    loss = torch.cat(policy_loss).sum()
    loss.backward()
    optimizer.step()
    del policy.rewards[:]
    del policy.saved_log_probs[:]
    return loss


running = 0.0
for i_episode in range(12):
    state, ep_reward = [0.0, 0.1, -0.1, 1.0], 0
    for t in range(8 + random.randrange(3)):
        action = select_action(state)
        state = [0.9 * state[0] + (0.3 if action else -0.3), random.uniform(-1, 1), float(action), t / 10]
        reward = 1.0 if state[0] > 0 else 0.0
        policy.rewards.append(reward)
        ep_reward += reward
    running = 0.1 * ep_reward + 0.9 * running
    loss = finish_episode()
    print(f"episode {i_episode} reward {ep_reward:.1f} running {running:.3f} loss {loss.item():.4f}")
