# %% [markdown]
# # Backpropagation, step by step
#
# `loss.backward()` is one line. Here you watch what it does: which number goes where, by which rule, and what is added
# up on the way.
#
# 1. [A perceptron](#1.-A-perceptron): three ops, forward and back
# 2. [What one step is made of](#2.-What-one-step-is-made-of): upstream, local, downstream
# 3. [Used twice](#3.-Used-twice): why gradients are added
# 4. [From numbers to arrays](#4.-From-numbers-to-arrays): a local derivative is a matrix that nobody builds
# 5. [A multilayer perceptron](#5.-A-multilayer-perceptron): the same walk on XOR
# 6. [Three layers, one shared weight](#6.-Three-layers,-one-shared-weight)
# 7. [The gradient of a gradient](#7.-The-gradient-of-a-gradient)
# 8. [When it goes wrong](#8.-When-it-goes-wrong), and [where the time goes](#9.-Where-the-time-goes)
#
# You need the chain rule; notebook 01 has it. Where it says **Predict**, write your answer down before you run the
# next cell.

# %%
import numpy as np

import minigrad as mg
import minigrad.nn.functional as F
from minigrad import nn

# %% [markdown]
# ## 1. A perceptron
#
# One input, one weight, one bias: $y = \tanh(w x + b)$, in three ops.

# %%
w = mg.tensor(0.5, requires_grad=True)
x = mg.tensor(2.0, requires_grad=True)
b = mg.tensor(-0.4, requires_grad=True)

u = w * x
s = u + b
y = mg.tanh(s)

# %% [markdown]
# Each result remembers the op that made it and its arguments. Together they are the **computational graph**, and
# `mg.graph` draws it. Tensors are called what your variables are called. Yellow boxes learn.

# %%
mg.graph(y)

# %% [markdown]
# **Predict.** We want $\partial y / \partial w$, $\partial y / \partial x$ and $\partial y / \partial b$. In which
# order can the derivatives be computed, and which number of the forward pass does each of them need?
#
# `mg.backward_steps(y)` walks backward, one node at a time. In what it prints, $L$ is the result that we started from,
# here $y$ itself.

# %%
for step in mg.backward_steps(y):
    print(step)

# %% [markdown]
# Read each line from left to right: the chain rule in names, the same in numbers, the result.
#
# It is the walk that `backward` does, and not a model of it: now the gradients are there. If you run the walk once
# more, they double: `.grad` is added to until you set it to `None`, as in PyTorch.

# %%
print("w.grad", w.grad, "  x.grad", x.grad, "  b.grad", b.grad)

# %% [markdown]
# And as a film: first the values appear, then the gradients go back along the edges. Step through it with the arrow
# keys.

# %%
mg.graph(y).animate()

# %% [markdown]
# ## 2. What one step is made of
#
# A step is one node. Its own gradient has arrived, the **upstream** gradient. For each argument it has a **local
# derivative**, which needs to know nothing of the rest of the network. It sends the product of the two.
#
# $$\underbrace{\frac{\partial L}{\partial s}}_{\text{sent}} =
#   \underbrace{\frac{\partial L}{\partial y}}_{\text{upstream}} \cdot
#   \underbrace{\frac{\partial y}{\partial s}}_{\text{local}}$$

# %%
u = w * x
s = u + b
y = mg.tanh(s)
steps = list(mg.backward_steps(y))
tanh_step = steps[0]
(send,) = tanh_step.sends
print("op              ", tanh_step.op)
print("upstream        ", tanh_step.upstream)
print("local, formula  ", send.local_formula)
print("local, number   ", send.local)
print("sent            ", send.gradient, "to", send.name)

# %% [markdown]
# Where does the formula come from? From the one line of minigrad that computes it. It is read off the source:
#
# ```python
# tanh.defvjps(lambda g, out, x: g * (1.0 - out * out))
# ```
#
# A step also shows itself as a table.

# %%
tanh_step

# %% [markdown]
# **Predict.** `steps[1]` is the addition `s = u + b`. What are its two local derivatives, and what does an addition do
# to a gradient?

# %%
steps[1]

# %% [markdown]
# An addition hands the gradient on unchanged, to both. A multiplication hands each side the *other* side's value
# times the gradient: that is why the inputs of a network decide how fast its first weights learn.

# %%
steps[2]

# %% [markdown]
# ## 3. Used twice
#
# Let $z = x^2 + e^{-x}$, with $x \cdot x$ for the square. There are three ways from $x$ to $z$.
#
# **Predict.** How many lines will begin with `dL/dx`, and what is the last value of `in all` at $x = 3$? The
# derivative on paper is $2x - e^{-x}$.

# %%
x = mg.tensor(3.0, requires_grad=True)
z = x * x + mg.exp(-x)
for step in mg.backward_steps(z):
    print(step)
print("on paper:", 2 * 3.0 - np.exp(-3.0))

# %% [markdown]
# Each way brings its share, and the shares are **added**: `+=`. A node sends on what it has only when all of its shares
# have arrived. That is why the walk goes from the newest node to the oldest: everything that was made from a node is
# newer than the node.

# %%
mg.graph(x * x + mg.exp(-x)).animate()

# %% [markdown]
# **Question.** An engine that writes `x.grad = ...` where it should write `x.grad += ...` keeps only the share that
# comes last. Which number would it give here?

# %%
print("the share that comes last:", step.sends[-1].gradient)

# %% [markdown]
# ## 4. From numbers to arrays
#
# Now the argument has four elements and the result has four, and the local derivative is a **matrix**: how each of the
# four results depends on each of the four inputs, the Jacobian. For a function that acts on each element by itself it
# is diagonal.

# %%
v = mg.tensor([0.0, 0.5, 1.0, 2.0], requires_grad=True)
(step,) = mg.backward_steps(mg.tanh(v), [1.0, 1.0, 1.0, 1.0])
print(step.sends[0].local.round(3))

# %% [markdown]
# Twelve of the sixteen numbers are zero. `backward` never builds this matrix: the rule `dL/dy * (1 - y * y)`
# multiplies by its diagonal. Such a rule is called a **vector-Jacobian product**, and it is all that an engine needs.
#
# For a product of matrices it matters even more. Here $X$ is $3 \times 2$ and $W$ is $2 \times 2$.

# %%
X = np.array([[1.0, 2.0], [0.0, 1.0], [-1.0, 0.5]])
W = mg.tensor([[0.5, -1.0], [1.5, 0.2]], dtype=mg.float64, requires_grad=True)
out = X @ W
(step,) = mg.backward_steps(out, np.ones((3, 2)))
send = step.sends[0]
print("rule:", send.formula)
print("shape of the local derivative:", send.local.shape, "=", send.local.size, "numbers")
print("the rule and the matrix agree:", np.allclose(np.tensordot(step.upstream, send.local, axes=2), send.gradient))

# %% [markdown]
# **Predict.** A layer has 784 inputs and 256 outputs, and the batch has 128 rows. How many numbers would the local
# derivative of its output by its weight have?

# %%
print(f"{(128 * 256) * (784 * 256):,} numbers, {(128 * 256) * (784 * 256) * 4 / 1e9:,.0f} GB in float32")

# %% [markdown]
# ## 5. A multilayer perceptron
#
# XOR: four rows, two inputs, three hidden units, one output, mean squared error.

# %%
X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.float32)
T = np.array([[0], [1], [1], [0]], dtype=np.float32)
net = nn.MLP([2, 3, 1], nn.Tanh, rng=0)
loss = F.mse_loss(net(X), T)
mg.graph(loss)

# %% [markdown]
# The parameters have the names that `net.named_parameters()` gives them. Folded, the network is one box:

# %%
mg.graph(loss, fold=True)

# %%
for step in mg.backward_steps(loss):
    print(step)

# %% [markdown]
# **Questions.**
#
# - `dL/dnet.0.weight` is `(dL/dv1).T @ X`. Why the transpose? Check the shapes: (3, 4) times (4, 2).
# - Why is the gradient of a bias a *sum over rows*?
# - Nothing is sent to `X` and `T`. Why?

# %%
mg.graph(F.mse_loss(net(X), T)).animate()

# %% [markdown]
# ## 6. Three layers, one shared weight
#
# The first two layers use the same $W$: $h_1 = \tanh(X W)$, $h_2 = \tanh(h_1 W)$, and a last layer on top.
#
# **Predict.** In which steps does $W$ receive something?

# %%
rng = np.random.default_rng(0)
W = mg.tensor(rng.standard_normal((2, 2)).astype(np.float32), requires_grad=True)
last = nn.Linear(2, 1, rng=0)

h1 = mg.tanh(X @ W)
h2 = mg.tanh(h1 @ W)
loss = F.mse_loss(last(h2), T)
mg.graph(loss)

# %%
for step in mg.backward_steps(loss):
    print(step)

# %% [markdown]
# $W$ receives two shares, `=` first and `+=` later, and its gradient is their sum. Nothing had to be said about
# sharing: a weight that is used twice is a node with two edges.

# %%
mg.graph(F.mse_loss(last(mg.tanh(mg.tanh(X @ W) @ W)), T)).animate()

# %% [markdown]
# ## 7. The gradient of a gradient
#
# With `create_graph=True` the rules record themselves, and the gradient is a tensor with a graph of its own. The
# violet boxes are what the backward pass has added.

# %%
x = mg.tensor(0.5, requires_grad=True)
y = mg.tanh(x)
(slope,) = mg.grad(y, x, create_graph=True)
mg.graph([y, slope])

# %% [markdown]
# So we can walk backward from the slope as from anything else, and get the second derivative.
#
# **Predict.** The slope is $1 - y^2$ with $y = \tanh x$. What is its derivative by $x$?

# %%
for step in mg.backward_steps(slope):
    print(step)
print("on paper:", -2 * np.tanh(0.5) * (1 - np.tanh(0.5) ** 2))

# %% [markdown]
# ## 8. When it goes wrong
#
# A NaN in the loss says nothing of where it came from. This function is innocent in the forward pass. Its gradient at
# zero is not.

# %%
r = mg.tensor([4.0, 1.0, 0.0], requires_grad=True)
with np.errstate(divide="ignore"):
    norm = mg.sqrt(r).sum()
    norm.backward()
print("value", norm.item(), "  gradient", r.grad)

# %%
try:
    with mg.detect_anomaly():
        norm = mg.sqrt(r).sum()
        norm.backward()
except RuntimeError as error:
    print(error)

# %% [markdown]
# **Question.** The usual cure is $\sqrt{r + 10^{-12}}$. What is the derivative at $r = 0$ then, and is that a good
# number to have in a network?
#
# ## 9. Where the time goes
#
# `mg.profile()` counts and times each op, forward and backward.
#
# **Predict.** Which op will be first, and is a layer dearer forward or backward?

# %%
images = rng.standard_normal((128, 784)).astype(np.float32)
classes = rng.integers(0, 10, 128)
big = nn.MLP([784, 256, 128, 10], nn.Tanh, rng=0)

with mg.profile() as p:
    for _ in range(10):
        F.cross_entropy(big(images), classes).backward()

# %% [markdown]
# Where a layer computes one product of matrices forward, it computes two backward: one for its weight, one for its
# input. The first layer, which is the largest, is spared the second, as the images need no gradient. So the layers
# together are only a little dearer backward. "Outside ops" is Python itself: the recording of the graph, the loop, the
# watching.
#
# ## On to PyTorch
#
# | here | there |
# |---|---|
# | `loss.backward()` | the same |
# | `mg.grad(y, x, create_graph=True)` | `torch.autograd.grad(y, x, create_graph=True)` |
# | `mg.detect_anomaly()` | `torch.autograd.detect_anomaly()` |
# | `mg.profile()` | `torch.profiler.profile()` |
# | `mg.graph(y)` | the package torchviz |
# | `mg.backward_steps(y)` | nothing: this is why you did it here |
#
# Notebook 06 turns the tables: you write the rules, and the gradient check judges them.
