"""Advantages by GAE and PPO minibatches: ratio clipping, entropy bonus, Normal policies with learned log-std."""

import torch
import torch.nn as nn
from torch.distributions import Categorical, Normal

torch.manual_seed(1)


def layer_init(layer, std=2**0.5, bias_const=0.0):
    torch.nn.init.orthogonal_(layer.weight, std)
    torch.nn.init.constant_(layer.bias, bias_const)
    return layer


class Agent(nn.Module):
    def __init__(self, obs=3, act=3, continuous=False):
        super().__init__()
        self.critic = nn.Sequential(layer_init(nn.Linear(obs, 32)), nn.Tanh(), layer_init(nn.Linear(32, 1), std=1.0))
        self.actor = nn.Sequential(layer_init(nn.Linear(obs, 32)), nn.Tanh(), layer_init(nn.Linear(32, act), std=0.01))
        self.logstd = nn.Parameter(torch.zeros(1, act)) if continuous else None

    def get_value(self, x):
        return self.critic(x)

    def get_action_and_value(self, x, action=None):
        out = self.actor(x)
        if self.logstd is None:
            probs = Categorical(logits=out)
            action = probs.sample() if action is None else action
            return action, probs.log_prob(action), probs.entropy(), self.critic(x)
        probs = Normal(out, torch.exp(self.logstd.expand_as(out)))
        action = probs.sample() if action is None else action
        return action, probs.log_prob(action).sum(1), probs.entropy().sum(1), self.critic(x)


def env_step(obs, action):
    score = action.float().mean(-1) if action.dim() > 1 else action.float() - 1
    reward = -(score - obs[:, 0]).abs()
    return torch.randn_like(obs), reward


def train(continuous, num_steps=8, num_envs=8, updates=3):
    agent = Agent(continuous=continuous)
    optimizer = torch.optim.Adam(agent.parameters(), lr=3e-3, eps=1e-5)
    shape = (num_steps, num_envs)
    obs = torch.zeros(shape + (3,))
    actions = torch.zeros(shape + ((3,) if continuous else ()))
    logprobs, rewards, values = torch.zeros(shape), torch.zeros(shape), torch.zeros(shape)
    next_obs = torch.randn(num_envs, 3)
    for update in range(updates):
        optimizer.param_groups[0]["lr"] = (1.0 - update / updates) * 3e-3
        for step in range(num_steps):
            obs[step] = next_obs
            with torch.no_grad():
                action, logprob, _, value = agent.get_action_and_value(next_obs)
                values[step] = value.flatten()
            actions[step] = action
            logprobs[step] = logprob
            next_obs, rewards[step] = env_step(next_obs, action)
        with torch.no_grad():
            next_value = agent.get_value(next_obs).reshape(1, -1)
            advantages = torch.zeros_like(rewards)
            lastgaelam = 0
            for t in reversed(range(num_steps)):
                nextvalues = next_value if t == num_steps - 1 else values[t + 1]
                delta = rewards[t] + 0.99 * nextvalues - values[t]
                advantages[t] = lastgaelam = delta + 0.99 * 0.95 * lastgaelam
            returns = advantages + values
        b_obs, b_logprobs = obs.reshape((-1, 3)), logprobs.reshape(-1)
        b_actions = actions.reshape((-1, 3)) if continuous else actions.reshape(-1)
        b_adv, b_ret, b_val = advantages.reshape(-1), returns.reshape(-1), values.reshape(-1)
        for _ in range(2):
            for mb in torch.randperm(num_steps * num_envs).split(16):
                a = b_actions[mb] if continuous else b_actions.long()[mb]
                _, newlogprob, entropy, newvalue = agent.get_action_and_value(b_obs[mb], a)
                ratio = (newlogprob - b_logprobs[mb]).exp()
                adv = b_adv[mb]
                adv = (adv - adv.mean()) / (adv.std() + 1e-8)
                pg_loss = torch.max(-adv * ratio, -adv * torch.clamp(ratio, 0.8, 1.2)).mean()
                newvalue = newvalue.view(-1)
                clipped = b_val[mb] + torch.clamp(newvalue - b_val[mb], -0.2, 0.2)
                v_loss = 0.5 * torch.max((newvalue - b_ret[mb]) ** 2, (clipped - b_ret[mb]) ** 2).mean()
                loss = pg_loss - 0.01 * entropy.mean() + v_loss * 0.5
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(agent.parameters(), 0.5)
                optimizer.step()
        print(
            f"update {update} reward {rewards.mean().item():.4f} policy {pg_loss.item():.4f} value {v_loss.item():.4f}"
        )


train(continuous=False)
train(continuous=True)
