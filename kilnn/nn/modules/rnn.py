"""PyTorch's place for the layers of `torch.nn.modules.rnn`."""

from kilnn.nn.layers.recurrent import GRU, LSTM, RNN, RNNBase
from kilnn.nn.layers.recurrent_cell import GRUCell, LSTMCell, RNNCell, RNNCellBase

__all__ = ["GRU", "GRUCell", "LSTM", "LSTMCell", "RNN", "RNNBase", "RNNCell", "RNNCellBase"]
