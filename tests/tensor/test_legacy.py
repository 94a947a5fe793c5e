"""PyTorch's first spellings of tensors and dtypes; storages; dtypes for storage."""

import pytest

from tests.tensor.expressions import check, each

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # of PyTorch's deprecations

FORWARD = """
T.Tensor(2,3).shape; T.Tensor([1,2]); T.LongTensor([1,2]); T.FloatTensor([[1,2]]); T.ByteTensor([1,300])
T.Tensor(T.ones(2)); T.LongTensor(T.ones(2)); T.Tensor(T.Size([2,1])).shape; T.Tensor((2,3)); T.Tensor(None)
T.Tensor(2.5); T.ones(2).new(3).shape; T.ones(2).long().new([1,2]); isinstance(T.ones(2),T.FloatTensor)
isinstance(T.ones(2),T.LongTensor); T.IntTensor(2,3).shape; T.BoolTensor([1,0]); T.ones(3).storage().size()
T.ones(3)[1:].storage()[0]; T.ones(3).storage().tolist(); T.ones(3).untyped_storage().nbytes(); T.HalfTensor([1])
T.DoubleTensor([1]); T.ones(2).new_empty(2,3).shape; T.Tensor(T.ones(2).long()); T.ones(3).storage_offset()
T.Tensor([[1,2],[3]]); T.ones(2).is_cpu; T.ones(2).is_cuda; T.ones(2,3).type(T.LongTensor)
T.ones(2).type('torch.DoubleTensor'); T.tensor([1,2],dtype=T.uint16)*2; T.tensor([1,2],dtype=T.uint16).float()
T.tensor([1.,2.]).to(T.float8_e5m2).float(); T.tensor([1,2],dtype=T.uint16)+1.0
T.tensor([1,2],dtype=T.uint16)+T.tensor([1]); T.tensor([1,2],dtype=T.uint32).sum()
T.tensor([3.3,1e5]).to(T.float8_e4m3fn).float(); tuple(T.Tensor().shape)
"""


@pytest.mark.parametrize("source", each(FORWARD))
def test_values(source):
    check(source, strides=False, rtol=3e-5)
