"""Evaluate a checkpoint that digits.py wrote.

python examples/evaluate_digits.py runs/digits/digits.ckpt
"""

import sys

from digits import BATCH, DigitNet, evaluate, load_digits

import kilnn
from kilnn.data import DataLoader


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: python evaluate_digits.py CHECKPOINT")
    checkpoint = kilnn.load(sys.argv[1])
    model = DigitNet()
    model.load_state_dict(checkpoint["model"])
    _, test_set = load_digits()
    accuracy = evaluate(model, DataLoader(test_set, batch_size=BATCH))
    print(f"checkpoint of epoch {checkpoint['epoch']}: test accuracy {accuracy:.2%} on {len(test_set)} images")


if __name__ == "__main__":
    main()
