"""Tensor: an array that remembers how it was made, with the operators and methods of NumPy and PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from . import backend
from .backend import BACKENDS, DEFAULT_FLOAT, Array, array_module, default_module, move, xp
from .guest import Guest
from .messages import mixed, shown, two_backends
from .ops import elementwise, linalg, moving, reduction, shaping
from .primitive import Node, grad_mode, raw_of


class Tensor(Guest, Node):
    """An array of floats, integers or booleans and, where gradients are asked for, the op that it came from.

    ``Tensor(array)`` wraps an array without copying it; ``minigrad.tensor`` copies, and takes lists and numbers too.

    Raises:
        TypeError: when data is not a numeric array, or gradients are asked of integers or booleans.
    """

    __slots__ = ()

    def __init__(self, data: Array, requires_grad: bool = False):
        if not backend.is_array(data):
            data = move(_as_array(data, None), default_module())
        if data.dtype.kind not in "fiub":
            raise TypeError(f"tensor: elements are floats, integers or booleans, got {shown(data)}")
        self.value = data
        self._grad = None
        self.op = None
        self.args = ()
        self.tracked = False
        if requires_grad:
            self.requires_grad = requires_grad

    # ---------------------------------------------------------------- what it is

    @property
    def data(self) -> Array:
        """The raw array. A leaf may be given another; graphs made with the old one then refuse to go backward.

        Writing into the array itself, ``t.data[0] = 1``, goes unnoticed: do it between graphs, not within one.
        """
        return self.value

    @data.setter
    def data(self, data: Array) -> None:
        if self.op is not None:
            raise RuntimeError(f"the result of {self.op.__name__} cannot be given other data; call detach() first")
        if isinstance(data, Node) or backend.is_array(data):
            data = raw_of(data)
        else:
            data = move(_as_array(data, None), array_module(self.value))
        if self.tracked and data.dtype.kind != "f":
            raise TypeError(f"a tensor that requires gradients holds floats, got {data.dtype}")
        if data.shape != self.shape:
            raise ValueError(f"data of shape {data.shape} cannot replace data of shape {self.shape}")
        # `t.data -= step` writes into the array and hands the same one back. A view of it is another object, by which
        # a graph that used the array knows that it has changed.
        self.value = data.view() if data is self.value else data

    @property
    def requires_grad(self) -> bool:
        """Whether gradients with respect to this tensor can be asked for."""
        return self.tracked

    @requires_grad.setter
    def requires_grad(self, requires_grad: bool) -> None:
        if self.op is not None:
            raise RuntimeError(f"requires_grad is set on leaves; this is a result of {self.op.__name__}: use detach()")
        if type(requires_grad) is not bool and not isinstance(requires_grad, xp.bool_):
            raise TypeError(f"requires_grad is True or False, got {shown(requires_grad)}")
        if requires_grad and self.dtype.kind != "f":
            raise TypeError(
                f"gradients need floats, got {self.dtype}: make the tensor with dtype=minigrad.float32, "
                "or of 1.0 in the place of 1"
            )
        self.tracked = bool(requires_grad)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Sets requires_grad and returns the tensor."""
        self.requires_grad = requires_grad
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether it was made by the user and not by an op that is recorded."""
        return self.op is None

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of the axes."""
        return self.value.shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.value.ndim

    @property
    def size(self) -> int:
        """The number of elements, as in NumPy."""
        return self.value.size

    def numel(self) -> int:
        """The number of elements, as in PyTorch."""
        return self.value.size

    @property
    def dtype(self) -> Any:
        """The type of the elements, a NumPy dtype."""
        return self.value.dtype

    # ---------------------------------------------------------------- gradients

    @property
    def grad(self) -> Array | None:
        """What ``backward`` added up here: a raw array of the tensor's shape and dtype, or None."""
        return self._grad

    @grad.setter
    def grad(self, grad: Array | None) -> None:
        grad = raw_of(grad)
        if grad is None:
            self._grad = None
            return
        if isinstance(grad, xp.generic):
            grad = xp.asarray(grad)
        if not backend.is_array(grad) or grad.dtype.kind not in "fiu":
            raise TypeError(f"grad is an array of numbers or None, got {shown(grad)}")
        if mixed([grad, self.value]):
            raise two_backends("grad")
        if grad.shape != self.shape:
            raise ValueError(f"a gradient of shape {grad.shape} does not fit a tensor of shape {self.shape}")
        self._grad = grad if grad.dtype == self.dtype else grad.astype(self.dtype)

    def backward(self, gradient: Array | None = None) -> None:
        """Adds to the ``.grad`` of every leaf the gradient of this tensor, or of sum(gradient * tensor).

        A second call adds again; ``zero_grad`` or ``t.grad = None`` starts anew.

        Raises:
            ValueError: when the tensor has more than one element and no gradient is given, or one of another shape.
            RuntimeError: when no gradient was asked for, or a value in the graph was replaced since it was used.
        """
        from .autograd import backward

        backward(self, gradient)

    def detach(self) -> Tensor:
        """The same values outside any graph."""
        return Tensor(self.value)

    def clone(self) -> Tensor:
        """A copy of the values, through which gradients flow."""
        return elementwise.astype(self, dtype=self.dtype)

    # ---------------------------------------------------------------- leaving minigrad

    def item(self) -> float | int | bool:
        """The one element as a Python number; raises ValueError where there are more, or none."""
        if self.size != 1:
            raise ValueError(f"item: needs one element, the tensor has shape {self.shape}")
        return self.value.item()

    def numpy(self) -> Array:
        """The values as a NumPy array, of the same memory unless it is a GPU's; refused while gradients are tracked."""
        return backend.to_numpy(self._values_for("numpy()"))

    def tolist(self) -> Any:
        """The values as nested lists."""
        return self.value.tolist()

    def _values_for(self, what: str) -> Array:
        if self.tracked:
            raise TypeError(
                f"{what} would lose the gradient of a tensor that requires one; call detach() first, "
                "or compute with minigrad's functions"
            )
        return self.value

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        values = self._values_for("conversion to a NumPy array")
        if not backend.at_hand(values):
            raise TypeError("a tensor on a GPU is not converted by itself; t.numpy() copies its values")
        return xp.array(values, dtype=dtype, copy=copy)

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if self.dtype.kind not in "iu":
            raise TypeError(f"an index is an integer, this tensor is of {self.dtype}")
        return int(self.item())

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError(
                f"the truth of a tensor of shape {self.shape} is ambiguous; use .data.any() or .data.all()"
            )
        return bool(self.value.item())

    def __format__(self, spec: str) -> str:
        if spec and self.size != 1:
            raise TypeError(f"format '{spec}' is for one number, the tensor has shape {self.shape}")
        return format(self.item(), spec) if spec else str(self)

    def __repr__(self) -> str:
        values = xp.array2string(backend.to_numpy(self.value), separator=", ", prefix="tensor(")
        notes = "" if self.dtype in (DEFAULT_FLOAT, xp.int64, xp.bool_) else f", dtype={self.dtype}"
        if self.op is not None:
            notes += f", op={self.op.__name__}"
        elif self.tracked:
            notes += ", requires_grad=True"
        return f"tensor({values}{notes})"

    def __reduce__(self) -> tuple:
        """Copies and pickles leaves; the graph behind a result is not part of its value."""
        if self.op is not None:
            raise TypeError(
                f"the result of {self.op.__name__} cannot be copied, pickled or plotted; call detach() first"
            )
        return _restore, (type(self), self.value, self.tracked)

    # ---------------------------------------------------------------- elements

    def __len__(self) -> int:
        if self.ndim == 0:
            raise TypeError("a tensor with no axes has no length")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if self.ndim == 0:
            raise TypeError("a tensor with no axes cannot be iterated")
        return (self[i] for i in range(self.shape[0]))

    def __getitem__(self, index: Any) -> Tensor:
        return shaping.getitem(self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError(
            "a tensor's elements cannot be assigned, as no gradient could follow: "
            "make a new tensor with where, concatenate or stack"
        )

    # ---------------------------------------------------------------- operators

    __hash__ = object.__hash__

    __add__ = __radd__ = elementwise.add
    __sub__ = elementwise.sub
    __mul__ = __rmul__ = elementwise.mul
    __truediv__ = elementwise.div
    __pow__ = elementwise.pow
    __matmul__ = linalg.matmul
    __neg__ = elementwise.neg
    __abs__ = elementwise.abs
    __eq__ = elementwise.equal
    __ne__ = elementwise.not_equal
    __lt__ = elementwise.less
    __le__ = elementwise.less_equal
    __gt__ = elementwise.greater
    __ge__ = elementwise.greater_equal

    def __rsub__(self, other: Any) -> Tensor:
        return elementwise.sub(other, self)

    def __rtruediv__(self, other: Any) -> Tensor:
        return elementwise.div(other, self)

    def __rpow__(self, other: Any) -> Tensor:
        return elementwise.pow(other, self)

    def __rmatmul__(self, other: Any) -> Tensor:
        return linalg.matmul(other, self)

    def _updated(self, result: Tensor) -> Tensor:
        """What `w -= step` leaves in w: the result; within no_grad, where w is a leaf that learns, w with new data."""
        if self.op is None and self.tracked and not grad_mode.enabled:
            self.data = result.value
            return self
        return result

    def __iadd__(self, other: Any) -> Tensor:
        return self._updated(self + other)

    def __isub__(self, other: Any) -> Tensor:
        return self._updated(self - other)

    def __imul__(self, other: Any) -> Tensor:
        return self._updated(self * other)

    def __itruediv__(self, other: Any) -> Tensor:
        return self._updated(self / other)

    # ---------------------------------------------------------------- methods: the functions of the same names

    abs = elementwise.abs
    clamp = clip = elementwise.clip
    cos = elementwise.cos
    exp = elementwise.exp
    expm1 = elementwise.expm1
    log = elementwise.log
    log1p = elementwise.log1p
    maximum = elementwise.maximum
    minimum = elementwise.minimum
    pow = elementwise.pow
    relu = elementwise.relu
    sigmoid = elementwise.sigmoid
    sign = elementwise.sign
    sin = elementwise.sin
    sqrt = elementwise.sqrt
    tanh = elementwise.tanh

    argmax = reduction.argmax
    log_softmax = reduction.log_softmax
    logsumexp = reduction.logsumexp
    max = reduction.max
    mean = reduction.mean
    min = reduction.min
    softmax = reduction.softmax
    std = reduction.std
    sum = reduction.sum
    var = reduction.var

    broadcast_to = shaping.broadcast_to
    flatten = shaping.flatten
    permute = shaping.permute
    reshape = shaping.reshape
    squeeze = shaping.squeeze
    transpose = swapaxes = shaping.transpose
    unsqueeze = shaping.unsqueeze
    matmul = linalg.matmul

    def flip(self, *dims: Any) -> Tensor:
        """The order of the elements reversed along dims."""
        return shaping.flip(self, dims[0] if len(dims) == 1 else dims)

    @property
    def T(self) -> Tensor:
        """The transpose of a matrix."""
        if self.ndim != 2:
            raise ValueError(f"T is the transpose of a matrix, this tensor has shape {self.shape}; use permute")
        return shaping.transpose(self, 0, 1)

    def to(self, what: Any) -> Tensor:
        """The tensor with elements of another type, or on another backend; itself where that is so already.

        ``to("cupy")`` is on the GPU, ``to("numpy")`` in memory. Gradients flow back to where the tensor is.

        Raises:
            TypeError: when what is neither a dtype of numbers nor the name of a backend.
            RuntimeError: when CuPy cannot be used.
        """
        if what in BACKENDS:
            return self if array_module(self.value).__name__ == what else moving.moved(self, what)
        dtype = dtype_of("to", what)
        return self if self.dtype == dtype else elementwise.astype(self, dtype=dtype)

    def float(self) -> Tensor:
        """The tensor in float32."""
        return self.to(xp.float32)

    def double(self) -> Tensor:
        """The tensor in float64."""
        return self.to(xp.float64)


Node.result_type = Tensor


def dtype_of(op: str, dtype: Any) -> Any:
    """The dtype that dtype stands for; raises TypeError for what is none, or none of numbers."""
    try:
        found = None if dtype is None else xp.dtype(dtype)
    except TypeError:
        found = None
    if found is None or found.kind not in "fiub":
        device = dtype.partition(":")[0] if isinstance(dtype, str) else ""
        cure = {"cpu": "; use 'numpy'", "cuda": "; use 'cupy'", "gpu": "; use 'cupy'"}.get(device, "")
        raise TypeError(f"{op}: {dtype!r} is not a dtype of numbers, such as minigrad.float32{cure}")
    return found


def _as_array(data: Any, dtype: Any) -> Array:
    if isinstance(data, list | tuple) and any(isinstance(x, Node) and x.tracked for x in data):
        raise TypeError("tensor: a list of tensors that require gradients becomes one tensor by minigrad.stack")
    if backend.is_array(data) and not backend.at_hand(data):
        return data if dtype is None else data.astype(dtype_of("tensor", dtype))
    try:
        array = xp.asarray(data, dtype=None if dtype is None else dtype_of("tensor", dtype))
    except ValueError as error:
        ragged = isinstance(data, list | tuple) and "inhomogeneous" in str(error)
        raise ValueError(
            "tensor: lists within a list must all be of one length" if ragged else f"tensor: {error}"
        ) from None
    if array.dtype.kind not in "fiub":
        given = shown(array if isinstance(data, list | tuple) else data)
        raise TypeError(f"tensor: elements are floats, integers or booleans, got {given}")
    if dtype is None and array.dtype == xp.float64 and not hasattr(data, "dtype"):
        array = array.astype(DEFAULT_FLOAT)
    return array


def tensor(data: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """A new tensor with a copy of data: a number, nested lists, an array or a tensor.

    Arrays keep their type; Python floats become float32, as in PyTorch, unless dtype says otherwise. The copy is on the
    backend that ``set_backend`` chose; an array of a GPU stays there.

    Raises:
        TypeError: when data is not numeric, or requires_grad is asked of integers or booleans.
        ValueError: when nested lists are ragged.
    """
    if isinstance(data, Node):
        data = data.value
    array = _as_array(data, dtype)
    if backend.at_hand(array) and default_module() is not xp:
        return Tensor(move(array, default_module()), requires_grad)
    return Tensor(array.copy(order="K"), requires_grad)


def _restore(kind: Callable[..., Tensor], value: Array, requires_grad: bool) -> Tensor:
    return kind(value, requires_grad)


__all__ = ["Tensor", "tensor"]
