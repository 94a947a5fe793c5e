"""MobileNet blocks: depthwise separable, inverted residuals, ReLU6, hard-swish, squeeze-and-excite."""

import torch
from torch import nn


def conv_bn_act(inp, oup, k, s, groups=1, act=nn.ReLU6):
    layers = [nn.Conv2d(inp, oup, k, s, (k - 1) // 2, groups=groups, bias=False), nn.BatchNorm2d(oup)]
    if act is not None:
        layers.append(act(inplace=True))
    return nn.Sequential(*layers)


class SqueezeExcite(nn.Module):
    def __init__(self, channels, reduction=4):
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(channels, channels // reduction, 1)
        self.fc2 = nn.Conv2d(channels // reduction, channels, 1)

    def forward(self, x):
        s = nn.functional.hardsigmoid(self.fc2(torch.relu(self.fc1(self.avgpool(x)))))
        return x * s


class InvertedResidual(nn.Module):
    def __init__(self, inp, oup, stride, expand_ratio, se=False, act=nn.ReLU6):
        super().__init__()
        hidden = round(inp * expand_ratio)
        self.use_res_connect = stride == 1 and inp == oup
        layers = []
        if expand_ratio != 1:
            layers.append(conv_bn_act(inp, hidden, 1, 1, act=act))
        layers.append(conv_bn_act(hidden, hidden, 3, stride, groups=hidden, act=act))
        if se:
            layers.append(SqueezeExcite(hidden))
        layers.append(conv_bn_act(hidden, oup, 1, 1, act=None))
        self.conv = nn.Sequential(*layers)

    def forward(self, x):
        return x + self.conv(x) if self.use_res_connect else self.conv(x)


class MobileNet(nn.Module):
    def __init__(self, num_classes=5):
        super().__init__()
        settings = [(1, 8, 1, 1, False, nn.ReLU6), (4, 12, 2, 2, False, nn.ReLU6), (4, 16, 2, 2, True, nn.Hardswish)]
        features, channels = [conv_bn_act(3, 8, 3, 2)], 8
        for t, c, n, s, se, act in settings:
            for i in range(n):
                features.append(InvertedResidual(channels, c, s if i == 0 else 1, t, se, act))
                channels = c
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(nn.Dropout(p=0.0), nn.Linear(channels, num_classes))

    def forward(self, x):
        x = self.features(x)
        x = x.mean([2, 3])
        return self.classifier(x)


torch.manual_seed(8)
x = torch.randn(32, 3, 32, 32)
y = torch.randint(5, (32,))
x = x + y[:, None, None, None] * 0.3
model = MobileNet()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, nesterov=True, weight_decay=4e-5)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=6, eta_min=1e-4)
for epoch in range(4):
    order = torch.randperm(len(x))
    epoch_loss = 0.0
    for idx in order.split(8):
        out = model(x[idx])
        loss = nn.functional.cross_entropy(out, y[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item()
    scheduler.step()
    print(f"Epoch {epoch + 1} | loss {epoch_loss / 4:.3f} | lr {optimizer.param_groups[0]['lr']:.5f}")
