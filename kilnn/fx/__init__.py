"""kilnn.fx: graphs of Python functions, to look at and to change."""

from kilnn.fx.code import PythonCode as PythonCode
from kilnn.fx.graph import Graph as Graph
from kilnn.fx.graph_module import GraphModule as GraphModule, symbolic_trace as symbolic_trace
from kilnn.fx.interpreter import Interpreter as Interpreter, Transformer as Transformer
from kilnn.fx.node import (
    Node as Node,
    has_side_effect as has_side_effect,
    map_arg as map_arg,
)
from kilnn.fx.proxy import Attribute as Attribute, Proxy as Proxy, TraceError as TraceError
from kilnn.fx.tracer import Tracer as Tracer, wrap as wrap
