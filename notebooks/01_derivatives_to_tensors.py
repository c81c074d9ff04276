# %% [markdown]
# # From derivatives to tensors
#
# A neural network learns by asking, for each of its numbers: *if this one were a little larger, how would the
# result change?* That question is a derivative, and a program can answer it for millions of numbers at once. In
# this notebook you build such a program, and then use the same idea on whole arrays.
#
# 1. [The derivative](#1.-The-derivative): a limit, and how well a computer can take it
# 2. [The chain rule](#2.-The-chain-rule): slopes multiply along a path and add up over paths
# 3. [An engine for numbers](#3.-An-engine-for-numbers): fewer than 60 lines, cell by cell
# 4. [An engine for arrays](#4.-An-engine-for-arrays): minigrad, and what changes when a number becomes a tensor
# 5. [A perceptron learns](#5.-A-perceptron-learns): in ten lines
# 6. [On to PyTorch](#6.-On-to-PyTorch)
#
# You need calculus of one variable and some Python. Run the cells from top to bottom. Where it says **Predict**,
# write your answer down before you run the next cell.

# %%
import itertools
import math

import matplotlib.pyplot as plt
import numpy as np

# %% [markdown]
# ## 1. The derivative
#
# The derivative of $f$ at $x$ is the slope of its graph there: the limit of the slopes of shorter and shorter
# secants.
#
# $$f'(x) = \lim_{h \to 0} \frac{f(x + h) - f(x)}{h}$$
#
# Take $f(x) = x^3 - 3x$. Its derivative is $f'(x) = 3x^2 - 3$, so at $x = 2$ the slope is $9$. The slopes of the
# secants should come closer and closer to that.


# %%
def f(x):
    return x**3 - 3 * x


for h in [1.0, 0.1, 0.01, 0.001]:
    print(f"h = {h:<6}  slope of the secant = {(f(2 + h) - f(2)) / h:.4f}")

# %%
x = np.linspace(0.5, 3.2, 200)
plt.plot(x, f(x), "k", linewidth=2, label="f(x)")
for h, color in [(1.0, "C0"), (0.5, "C1"), (0.01, "C3")]:
    slope = (f(2 + h) - f(2)) / h
    plt.plot(x, f(2) + slope * (x - 2), color, linewidth=1, label=f"h = {h}, slope {slope:.2f}")
    plt.plot([2, 2 + h], [f(2), f(2 + h)], "o", color=color, markersize=4)
plt.ylim(-5, 25)
plt.xlabel("x")
plt.legend()
plt.title("Secants turn into the tangent")
plt.show()

# %% [markdown]
# A computer cannot take the limit. It can only choose a small $h$, and there are two ways to do it:
#
# $$\underbrace{\frac{f(x+h) - f(x)}{h}}_{\text{one-sided}} \qquad\qquad
#   \underbrace{\frac{f(x+h) - f(x-h)}{2h}}_{\text{central}}$$
#
# **Predict.** Which of the two is closer to the derivative? And is the smallest $h$ the best one?

# %%
steps = 10.0 ** np.arange(-14, 0.1, 0.25)
one_sided = abs((f(2 + steps) - f(2)) / steps - 9)
central = abs((f(2 + steps) - f(2 - steps)) / (2 * steps) - 9)
plt.loglog(steps, one_sided, "o-", markersize=3, label="one-sided")
plt.loglog(steps, central, "o-", markersize=3, label="central")
plt.xlabel("h")
plt.ylabel("error of the slope at x = 2")
plt.legend()
plt.show()

# %% [markdown]
# Read the plot from right to left. At first a smaller $h$ helps: the one-sided error shrinks like
# $h$, the central one like $h^2$. Then it grows again, because $f(x+h)$ and $f(x-h)$ agree in nearly all of their
# 16 digits, and the difference keeps only the few that are left. The central difference with $h$ near $10^{-5}$ is
# a good choice:

# %%
for h in [0.1, 0.01, 1e-5]:
    one_sided = abs((f(2 + h) - f(2)) / h - 9)
    central = abs((f(2 + h) - f(2 - h)) / (2 * h) - 9)
    print(f"h = {h:<6}  error: one-sided {one_sided:.1e}, central {central:.1e}")

# %% [markdown]
# Let us keep it as a judge. `numeric` returns the derivative of a function by each of its arguments,
# and everything that follows is measured against it.
#
# Why not simply use it to train networks? Because each argument takes two more evaluations of the function. A network
# with a million weights would be run two million times for one step. The method of this notebook takes **one** pass
# forward and **one** pass back, whatever the number of weights.


# %%
def numeric(f, *xs, h=1e-5):
    """The derivative of f by each of its arguments, by central differences."""
    slopes = []
    for i in range(len(xs)):
        above, below = list(xs), list(xs)
        above[i] += h
        below[i] -= h
        slopes.append((f(*above) - f(*below)) / (2 * h))
    return slopes


numeric(f, 2.0)

# %% [markdown]
# ## 2. The chain rule
#
# Here is a neuron with one input: $y = \tanh(w x + b)$. It is made of three small steps, each of which has an easy
# derivative.
#
# | step | its derivatives |
# |---|---|
# | $u = w \cdot x$ | $\dfrac{\partial u}{\partial w} = x, \quad \dfrac{\partial u}{\partial x} = w$ |
# | $s = u + b$ | $\dfrac{\partial s}{\partial u} = 1, \quad \dfrac{\partial s}{\partial b} = 1$ |
# | $y = \tanh s$ | $\dfrac{dy}{ds} = 1 - y^2$ |
#
# The chain rule says: **slopes multiply along the path** from the variable to the result.
#
# $$\frac{\partial y}{\partial w} =
#   \frac{dy}{ds} \cdot \frac{\partial s}{\partial u} \cdot \frac{\partial u}{\partial w}$$
#
# We multiply from the result backwards. Then each product is reused by everything before it: `dy_du` below is
# needed for
# $w$ and for $x$, and is computed once.

# %%
w, x, b = 0.5, 2.0, -0.4

# forward: the values
u = w * x
s = u + b
y = math.tanh(s)

# backward: the slope of y by each of them, the last one first
dy_ds = 1 - y**2
dy_du = dy_ds * 1
dy_db = dy_ds * 1
dy_dw = dy_du * x
dy_dx = dy_du * w

print("by hand:", np.round([dy_dw, dy_dx, dy_db], 6))
print("numeric:", np.round(numeric(lambda w, x, b: math.tanh(w * x + b), w, x, b), 6))

# %% [markdown]
# ### A variable that is used twice
#
# Now let $u = x^2$, $v = 3x$ and $y = u \cdot v$. There are two paths from $x$ to $y$. At $x = 2$, where $u = 4$ and
# $v = 6$, the products of the slopes are
#
# $$\frac{\partial y}{\partial u} \cdot \frac{du}{dx} = v \cdot 2x = 24
#   \qquad\text{and}\qquad
#   \frac{\partial y}{\partial v} \cdot \frac{dv}{dx} = u \cdot 3 = 12.$$
#
# **Predict.** Is the derivative of $y$ by $x$ the larger one, their mean, their product, or their sum?

# %%
x = 2.0
u, v = x**2, 3 * x
through_u = v * 2 * x
through_v = u * 3
print("through u:", through_u, "  through v:", through_v)
print("numeric:", np.round(numeric(lambda x: x**2 * (3 * x), x), 6))

# %% [markdown]
# Their sum. A small change of $x$ changes $u$ and $v$, and both changes arrive at $y$. So there are
# two rules, and the engine needs nothing else:
#
# > **Slopes multiply along a path. The products of all paths add up.**

# %% [markdown]
# ## 3. An engine for numbers
#
# To apply the two rules, a program has to know the paths. So each number shall remember how it was made: from which
# numbers, its *parents*, and with which slope by each of them. The slope is easy to compute at the moment at which
# the number is made, because all values are at hand.
#
# This is all that a number has to hold:

# %%
# engine 1: a number that remembers how it was made
count = itertools.count()


class Value:
    def __init__(self, data, parents=(), slopes=(), op=""):
        self.data = float(data)
        self.parents = parents  # the Values it was made from
        self.slopes = slopes  # its derivative by each of them
        self.op = op  # the name of the operation, for the drawing
        self.grad = 0.0  # the derivative of the result by this number, once we know it
        self.serial = next(count)  # 0, 1, 2, ... in the order of creation

    def __repr__(self):
        return f"Value({self.data:.4g}, grad={self.grad:.4g})"


# %%
Value(2.0)

# %% [markdown]
# ### Operations
#
# An operation makes a new `Value` and writes down two things: where it came from, and the slopes.
#
# For $x + y$ both slopes are $1$. For $x \cdot y$ the slope by $x$ is $y$, and the slope by $y$ is $x$.


# %%
# engine 2: addition and multiplication
def value(x):
    return x if isinstance(x, Value) else Value(x)


def add(x, y):
    x, y = value(x), value(y)
    return Value(x.data + y.data, (x, y), (1.0, 1.0), "+")


def mul(x, y):
    x, y = value(x), value(y)
    return Value(x.data * y.data, (x, y), (y.data, x.data), "×")


Value.__add__ = Value.__radd__ = add  # x + y, and 1.0 + x
Value.__mul__ = Value.__rmul__ = mul  # x * y, and 2.0 * x

# %%
w, x, b = Value(0.5), Value(2.0), Value(-0.4)
u = w * x
s = u + b
print(s, "was made by", s.op, "from", s.parents, "with the slopes", s.slopes)
print(u, "was made by", u.op, "from", u.parents, "with the slopes", u.slopes)

# %% [markdown]
# ### The graph
#
# Values that point to their parents form a graph. We can collect all of it from its last value: keep a list of values
# still to be looked at, and add the parents of each. Then we put them in order, the newest first. (Why in this order?
# You will see in a moment.)


# %%
# engine 3: everything behind a result, the newest first
def newest_first(y):
    found, waiting = {y}, [y]
    while waiting:
        for parent in waiting.pop().parents:
            if parent not in found:
                found.add(parent)
                waiting.append(parent)
    return sorted(found, key=lambda node: node.serial, reverse=True)


# %%
newest_first(s)

# %% [markdown]
# The next cell draws a graph. How it does so is of no importance here; run it and look at the picture.


# %% jupyter={"source_hidden": true}
def draw(result, /, **names):
    """The graph of a result: a box for each value, and an arrow from each parent with the slope on it."""
    names = {node: name for name, node in names.items()}
    column, rows, place, boxes = {result: 0}, {}, {}, {}
    for node in newest_first(result):  # a parent stands to the left of all that was made from it
        rows.setdefault(column[node], []).insert(0, node)
        for parent in node.parents:
            column[parent] = max(column.get(parent, 0), column[node] + 1)
    width, height = len(rows), max(map(len, rows.values()))
    for k, nodes in rows.items():
        place |= {node: (-2.0 * k, (len(nodes) - 1) / 2 - i) for i, node in enumerate(nodes)}
    ax = plt.figure(figsize=(2.0 * width, height), layout="none").add_axes((0, 0, 1, 1))
    ax.set(xlim=(-2.0 * width + 1, 1), ylim=(-height / 2, height / 2))
    ax.axis("off")

    for node, (x, y) in place.items():
        name = names.get(node, "" if node.op else "constant")
        text = f"{name} {f'({node.op})' if name and node.op else node.op}\n"
        text += f"value {node.data:.4g}\ngrad {node.grad:.4g}"
        color = "#dbe9f6" if node.parents else "#fdebd0"
        box = {"boxstyle": "round", "facecolor": color, "edgecolor": "0.5"}
        text = ax.text(x, y, text.strip(), ha="center", va="center", size=10, bbox=box)
        boxes[node] = text.get_bbox_patch()
    for node, (x, y) in place.items():
        for i, (parent, slope) in enumerate(zip(node.parents, node.slopes)):
            px, py = place[parent]
            bend = 0.0 if x - px < 3.0 else -0.3  # around what stands between
            if node.parents.count(parent) == 2:
                bend = (-0.35, 0.35)[i]  # two arrows side by side
            style = {"arrowstyle": "-|>", "color": "0.4", "connectionstyle": f"arc3,rad={bend}"}
            ends = {"patchA": boxes[parent], "patchB": boxes[node], "shrinkA": 0, "shrinkB": 2}
            ax.annotate("", (x, y), (px, py), arrowprops=style | ends)
            middle = ((x + px + bend * (y - py)) / 2, (y + py - bend * (x - px)) / 2)
            white = {"color": "white", "pad": 1}
            ax.text(*middle, f"{slope:.4g}", color="C3", ha="center", va="center", size=10, bbox=white)
    plt.show()


draw(s, w=w, x=x, b=b, u=u, s=s)

# %% [markdown]
# Read it from left to right. Leaves, the numbers that you made yourself, are orange; results are blue. On each arrow
# stands the slope in red. All gradients are still $0$: nobody has gone backwards yet.
#
# ### Backward
#
# Now the two rules. We start at the result, whose derivative by itself is $1$, and pass gradients back along the
# arrows:
#
# $$\text{parent.grad} \mathrel{+}= \text{node.grad} \cdot \text{slope}$$
#
# The `·` is the first rule, slopes multiply along a path. The `+=` is the second rule, the products of all paths
# add up.


# %%
# engine 4: the chain rule, from the result back to the leaves
def backward(y):
    order = newest_first(y)
    for node in order:
        if node.parents:  # leaves keep the gradient that they have
            node.grad = 0.0
    y.grad = 1.0
    for node in order:
        for parent, slope in zip(node.parents, node.slopes):
            parent.grad += node.grad * slope


Value.backward = backward

# %%
s.backward()
draw(s, w=w, x=x, b=b, u=u, s=s)

# %% [markdown]
# **Check by eye.** $s = w x + b$. Is the gradient of $w$ the value of $x$? And that of $x$ the value of $w$?
#
# ### The rest of arithmetic
#
# A power with a constant exponent has the slope $n x^{n-1}$. Negation, subtraction and division need no slopes of
# their own. They are made of what is there: $x - y = x + (-1) \cdot y$ and $x / y = x \cdot y^{-1}$.


# %%
# engine 5: powers, and what can be made of the others
def power(x, n):
    return Value(x.data**n, (x,), (n * x.data ** (n - 1),), f"**{n}")


Value.__pow__ = power
Value.__neg__ = lambda x: x * -1.0
Value.__sub__ = lambda x, y: x + -value(y)
Value.__rsub__ = lambda x, y: value(y) + -x
Value.__truediv__ = lambda x, y: x * value(y) ** -1.0
Value.__rtruediv__ = lambda x, y: value(y) * x**-1.0


# %% [markdown]
# And three functions that networks are made of. Note how the slopes of $\tanh$ and $\exp$ reuse the result:
# $\tanh' = 1 - \tanh^2$ and $\exp' = \exp$.


# %%
# engine 6: functions of one variable
def tanh(x):
    out = math.tanh(x.data)
    return Value(out, (x,), (1.0 - out**2,), "tanh")


def exp(x):
    out = math.exp(x.data)
    return Value(out, (x,), (out,), "exp")


def relu(x):
    return Value(max(x.data, 0.0), (x,), (float(x.data > 0.0),), "relu")


# %% [markdown]
# The engine is complete. This is the neuron of the beginning. Compare its gradients with those that you saw in the
# section on the chain rule.

# %%
w, x, b = Value(0.5), Value(2.0), Value(-0.4)
y = tanh(w * x + b)
y.backward()
draw(y, w=w, x=x, b=b, y=y)

# %% [markdown]
# How long is the engine? (`In` is where the notebook keeps the cells that were run.)

# %%
parts = {cell.splitlines()[0]: cell for cell in In if cell.startswith("# engine")}  # noqa: F821
lines = [line.strip() for cell in parts.values() for line in cell.splitlines()]
lines = [line for line in lines if line and not line.startswith("#")]
print(len(parts), "cells with", len(lines), "lines of code")


# %% [markdown]
# ### Is it right?
#
# `compare` puts the gradients of the engine beside central differences.


# %%
def compare(f, *xs):
    leaves = [Value(x) for x in xs]
    f(*leaves).backward()
    expected = numeric(lambda *xs: f(*map(Value, xs)).data, *xs)
    for x, leaf, slope in zip(xs, leaves, expected):
        verdict = "agree" if abs(leaf.grad - slope) <= 1e-6 * max(1.0, abs(slope)) else "DISAGREE"
        print(f"at {x:<5}  engine {leaf.grad:+.6f}   numeric {slope:+.6f}   {verdict}")


compare(lambda x, y: (x * y - 2.0) / (1.0 + exp(-x)) + tanh(y) ** 3 - relu(x - y), 1.5, 0.8)

# %% [markdown]
# And how much work was it? Here is a function of a thousand numbers that counts how often it is called.

# %%
calls = 0


def sum_of_squares(*xs):
    global calls
    calls += 1
    return sum(x * x for x in xs)


xs = np.linspace(-1.0, 1.0, 1000)
numeric(sum_of_squares, *xs)
print("central differences:", calls, "calls")

calls = 0
leaves = [Value(x) for x in xs]
sum_of_squares(*leaves).backward()
right = np.allclose([leaf.grad for leaf in leaves], 2 * xs)
print("the engine:", calls, "call, and all 1000 derivatives right:", right)

# %% [markdown]
# **Exercise.** Write the logarithm. Its slope in the cell below, $0$, is wrong on purpose. Correct
# it, and run the cell until both agree.


# %%
def log(x):
    return Value(math.log(x.data), (x,), (0.0,), "log")


compare(lambda x: log(x) * 2.0, 0.7)

# %% [markdown]
# <details><summary>Solution</summary>
#
# The derivative of $\log x$ is $1/x$: `return Value(math.log(x.data), (x,), (1.0 / x.data,), "log")`.
#
# </details>
#
# ### Why `+=`?
#
# **Predict.** Let $y = x + x$. What is the gradient of $x$, and what would it be if `backward` said
# `parent.grad = ...` in the place of `parent.grad += ...`?

# %%
x = Value(3.0)
y = x + x
y.backward()
print("with +=:", x.grad)

y.grad = 1.0
for parent, slope in zip(y.parents, y.slopes):
    parent.grad = y.grad * slope
print("with  =:", x.grad)

# %% [markdown]
# $y = 2x$, so the derivative is $2$. With `=` the second path overwrites the first, and the answer is wrong without any
# error message. This is what the graph looks like: one box for $x$, and two arrows that leave it.

# %%
y.backward()  # x still has the gradient from above ...
print("x.grad =", x.grad, "after another backward")
x.grad = 0.0  # ... so we set it to zero, and go again
y.backward()
draw(y, x=x, y=y)

# %% [markdown]
# Did you notice? The gradient of a leaf is *added to* what it has from before. That is useful: the
# gradients of several results can be collected in the leaves. But you have to set them to zero when you want to
# start anew. PyTorch does the same, and forgetting it is one of the most frequent mistakes.
# (Results are another matter: the first loop in `backward` sets their gradients to zero, so that nothing is counted
# twice.)
#
# ### Why the newest first?
#
# A value may pass its gradient on only when that gradient is complete, that is, after all values which were made from
# it. Look at this graph:

# %%
x = Value(2.0)
a = x * x
b = a * 3.0
y = a + b
y.backward()
draw(y, x=x, a=a, b=b, y=y)

# %% [markdown]
# $y = a + 3a = 4x^2$, so the gradient of $x$ is $8x = 16$. The value $a$ receives gradient from $y$ and from $b$.
#
# **Predict.** What happens to the gradient of $x$ if we visit $y$, then its parents $a$ and $b$, and then $x$?


# %%
def gradient_in_order(x, order):
    for node in [x, *order]:
        node.grad = 0.0
    order[0].grad = 1.0
    for node in order:
        for parent, slope in zip(node.parents, node.slopes):
            parent.grad += node.grad * slope
    return x.grad


print("y, a, b, x:", gradient_in_order(x, [y, a, b, x]))
print("y, b, a, x:", gradient_in_order(x, [y, b, a, x]))

# %% [markdown]
# In the first order $a$ passes on $1$ when it should pass on $1 + 3$: the part that comes through $b$
# arrives too late.
#
# An order in which every value comes before its parents is called a *topological order* of the graph. Many engines
# find it by a recursive search. There is an easier way. A value can only be made from values that exist, so **it is
# always younger than its parents**. The order of creation, backwards, is a topological order. That is why each
# `Value` has a serial number.

# %%
y = tanh(x * x + 1.0) * exp(x) - relu(x)
nodes = newest_first(y)
print([node.serial for node in nodes])
younger = [node.serial > parent.serial for node in nodes for parent in node.parents]
print("every value is younger than its parents:", all(younger))

# %% [markdown]
# Without recursion, deep graphs are no problem. Python allows a few thousand nested calls; this chain has a hundred
# thousand steps:

# %%
x = Value(1.0)
y = x
for _ in range(100_000):
    y = y + x
y.backward()
x.grad

# %% [markdown]
# ### What gradients are for
#
# The gradient says in which direction the result grows. Take steps in the opposite direction, and the result shrinks.
# Let the neuron find weights for which it answers $0.9$ at $x = 2$: the result to be made small is the squared error.

# %%
w, b = Value(0.5), Value(-0.4)
for step in range(41):
    error = (tanh(w * 2.0 + b) - 0.9) ** 2
    w.grad = b.grad = 0.0
    error.backward()
    w.data -= 0.1 * w.grad
    b.data -= 0.1 * b.grad
    if step % 10 == 0:
        print(f"step {step:2}: error {error.data:.6f}")
print("the neuron answers", round(tanh(w * 2.0 + b).data, 3))

# %% [markdown]
# ## 4. An engine for arrays
#
# A layer of a network multiplies thousands of numbers. A `Value` for each would be slow: Python would spend its
# time on making objects. The way out is to let a node hold a whole array, and let NumPy do the arithmetic. That is
# a *tensor*, and `minigrad` is the engine that you have just built, with arrays in the place of numbers.

# %%
import minigrad as mg
import minigrad.nn.functional as F
from minigrad import nn, optim

# %% [markdown]
# The same expression gives the same gradients. What is new: you say which leaves you want gradients for, with
# `requires_grad=True`. (Numbers are of type `float32` unless you say otherwise, as networks need no more; here we ask
# for `float64`, to compare. In the last of 16 digits NumPy's $\tanh$ and that of Python's `math` may differ.)

# %%
w, x, b = (mg.tensor(number, dtype=mg.float64, requires_grad=True) for number in (0.5, 2.0, -0.4))
y = mg.tanh(w * x + b)
y.backward()
print("minigrad:  ", w.grad, x.grad, b.grad)

w, x, b = Value(0.5), Value(2.0), Value(-0.4)
y = tanh(w * x + b)
y.backward()
print("our engine:", w.grad, x.grad, b.grad)

# %% [markdown]
# ### From slopes to vector-Jacobian products
#
# If $y = f(x)$ turns an array of $n$ numbers into one of $m$ numbers, there is not one slope but $m \cdot n$ of
# them: the *Jacobian* $J$, with the entries $J_{ij} = \partial y_i / \partial x_j$. For $\tanh$, which acts on each
# element by itself, most of them are zero.

# %%
x = mg.tensor([-1.0, 0.0, 0.5, 2.0], requires_grad=True)
J = mg.jacobian(mg.tanh, x)
print(J.data.round(4))

# %% [markdown]
# What arrives on the way back is the gradient of the loss $L$ by each element of $y$, a row $g$ with
# $g_i = \partial L / \partial y_i$. The two rules, multiply along a path and add up over the paths, become
#
# $$\frac{\partial L}{\partial x_j} = \sum_i g_i \, J_{ij}, \qquad\text{in short}\qquad g J.$$
#
# That is a *vector-Jacobian product*, a VJP. And here is the trick: **we need the product, not the matrix.** For
# $\tanh$ the product is $g_j \cdot (1 - y_j^2)$, element by element, and no matrix has to be made.

# %%
g = np.array([1.0, -2.0, 3.0, 0.5], dtype=np.float32)
y = mg.tanh(x)
print("g @ J          :", g @ J.data)
print("g * (1 - y**2) :", g * (1 - y.data**2))
print("mg.grad        :", mg.grad(y, x, g)[0])

# %% [markdown]
# How much that saves, for one image of $256 \times 256$ pixels:

# %%
n = 256 * 256
print(f"elements of the Jacobian: {n * n:,}, in float32 {n * n * 4 / 2**30:.0f} GiB")
print(f"elements of the VJP:      {n:,}, in float32 {n * 4 / 2**20:.2f} MiB")

# %% [markdown]
# ### The table of rules
#
# So an operation in minigrad is a forward function and, for each argument, a VJP: a function that receives the
# gradient
# `g`, the result `out` and the arguments, and returns the gradient of its argument. Here is what stands in minigrad's
# files for `mul` and `tanh`:

# %%
import inspect

from minigrad.ops import elementwise


def show_op(name):
    """The part of elementwise.py from one @primitive to the next."""
    for part in inspect.getsource(elementwise).split("@primitive\n"):
        if part.startswith(f"def {name}("):
            print("@primitive\n" + part.strip() + "\n")


show_op("mul")
show_op("tanh")

# %% [markdown]
# (`xp` is NumPy, or its twin for graphics cards.) Compare with your `mul` and `tanh` above: the slopes
# `(y.data, x.data)` became `g * y` and `g * x`, the slope `1.0 - out**2` became `g * (1.0 - out * out)`.
#
# ### An operation of your own
#
# *Softsign* is an activation like $\tanh$ that approaches its limits more slowly:
#
# $$f(x) = \frac{x}{1 + |x|}, \qquad f'(x) = \frac{1}{(1 + |x|)^2}.$$
#
# A forward function, a rule, and a check against numbers: that is all there is to adding an operation.


# %%
@mg.primitive
def softsign(x):
    return x / (1.0 + abs(x))


softsign.defvjps(lambda g, out, x: g / (1.0 + abs(x)) ** 2)

points = np.array([-3.0, -0.5, 0.2, 1.0, 4.0])
print(mg.gradcheck(softsign, points))


# %% [markdown]
# `gradcheck` is the `compare` of this library: analytic gradients beside central differences, for every element. Let us
# plant a mistake, and forget the square:

# %%
softsign.defvjps(lambda g, out, x: g / (1.0 + abs(x)))

try:
    mg.gradcheck(softsign, points)
except mg.GradcheckError as error:
    print(error)
    report = error.report

# %% [markdown]
# Read the columns `analytic` and `numeric`. (The checker adds up the elements of the result with random weights, so the
# entries are not the slopes themselves.) How many times too large is each?

# %%
for entry in report.wrong:
    x = points[entry.index]
    print(f"at x = {x:4}: {entry.analytic / entry.numeric:.4f} times too large")

# %% [markdown]
# At $x = 4$ it is $5$ times, at $x = 1$ it is $2$ times: that is $1 + |x|$, the factor that is missing.

# %%
softsign.defvjps(lambda g, out, x: g / (1.0 + abs(x)) ** 2)  # right again
print(mg.gradcheck(softsign, points))


# %% [markdown]
# **Exercise.** The length of the vector $(x, y)$ is $\sqrt{x^2 + y^2}$. Write both VJPs in the place
# of the two `g * 1.0`, and run the cell until all derivatives agree. (Hint: the result, `out`, makes them short.)


# %%
@mg.primitive
def length(x, y):
    return (x**2 + y**2) ** 0.5


length.defvjps(
    lambda g, out, x, y: g * 1.0,
    lambda g, out, x, y: g * 1.0,
)

try:
    print(mg.gradcheck(length, [np.array([3.0, 1.0]), np.array([4.0, -2.0])]))
except mg.GradcheckError as error:
    print(error)

# %% [markdown]
# <details><summary>Solution</summary>
#
# $\partial \sqrt{x^2 + y^2} / \partial x = x / \sqrt{x^2 + y^2}$, so the two rules are `g * x / out` and `g * y / out`.
#
# </details>
#
# ### Broadcasting: one number used many times
#
# NumPy adds a row to each row of a matrix. The row is *broadcast*: its element $b_j$ is used once for each row.
#
# **Predict.** `b` has 3 elements and is added to a matrix of 4 rows. What is its gradient, if the loss is the sum of
# everything? And what is its shape?

# %%
matrix = mg.tensor(np.arange(12.0).reshape(4, 3), requires_grad=True)
b = mg.tensor([10.0, 20.0, 30.0], requires_grad=True)
(matrix + b).sum().backward()
print("b.grad =", b.grad, "with the shape", b.grad.shape)
print("matrix.grad has the shape", matrix.grad.shape)

# %% [markdown]
# Each $b_j$ has four paths to the loss, and the products of all paths add up: broadcasting forward
# means **summing backward**. A gradient always has the shape of what it is the gradient of. The rule of `add` says
# nothing about it; the engine sums for all operations at once. Here it is by hand, for another loss,
# $\sum_{ij} c_{ij} (M_{ij} + b_j)$, whose gradient by $M + b$ is $c$:

# %%
c = np.arange(12.0).reshape(4, 3)
print("summed over the rows:", c.sum(axis=0))
print("mg.grad:             ", mg.grad(matrix + b, b, c)[0].data)

# %% [markdown]
# ### Matrices
#
# The heart of a layer is a matrix product. For $N$ inputs, one in each row of $X$, with weights $W$ and a bias $b$,
#
# $$Y = X W^\top + b, \qquad Y_{nk} = \sum_j X_{nj} W_{kj} + b_k .$$
#
# Given $G$ with $G_{nk} = \partial L / \partial Y_{nk}$, count the paths. $X_{nj}$ reaches $Y_{nk}$ for every $k$,
# with the slope $W_{kj}$; $W_{kj}$ reaches $Y_{nk}$ for every $n$, with the slope $X_{nj}$. Summing over those is
# again a matrix product:
#
# $$\frac{\partial L}{\partial X} = G W, \qquad
#   \frac{\partial L}{\partial W} = G^\top X, \qquad
#   \frac{\partial L}{\partial b} = \sum_n G_n .$$

# %%
rng = np.random.default_rng(0)
shapes = [(4, 3), (2, 3), (2,)]
X, W, b = (mg.tensor(rng.standard_normal(shape), requires_grad=True) for shape in shapes)
Y = F.linear(X, W, b)
G = rng.standard_normal(Y.shape)
dX, dW, db = mg.grad(Y, [X, W, b], G)

print("G W:    ", np.allclose(dX.data, G @ W.data), dX.shape)
print("G^T X:  ", np.allclose(dW.data, G.T @ X.data), dW.shape)
print("sum of G:", np.allclose(db.data, G.sum(axis=0)), db.shape)

# %% [markdown]
# A help for the memory: the shapes leave hardly any other choice. $G$ is $4 \times 2$, $X$ is
# $4 \times 3$, and the gradient of $W$ has to be $2 \times 3$.
#
# Our own engine gives the same, number by number. It only takes more nodes:

# %%
values = [[Value(number) for number in row] for row in W.data]
bias = [Value(number) for number in b.data]
loss = Value(0.0)
for n in range(4):
    for k in range(2):
        out = bias[k]
        for j in range(3):
            out = out + values[k][j] * X.data[n, j]
        loss = loss + out * G[n, k]
loss.backward()

grads = [[weight.grad for weight in row] for row in values]
print("the same gradient of W:", np.allclose(grads, dW.data))
print("nodes here:       ", len(newest_first(loss)))
print("nodes in minigrad:", len([Y, *Y.args]), "- X, W, b, and Y, which was made by", Y.op.__name__)

# %% [markdown]
# ### `backward` and `grad`
#
# There are two ways to ask for gradients.
#
# - `loss.backward()` adds to the `.grad` of *every* leaf behind the loss. That is what training uses.
# - `mg.grad(y, x)` *returns* the gradients that you name, as a tuple, and leaves `.grad` alone. That is what
#   mathematics uses.

# %%
x = mg.tensor([1.0, 2.0, 3.0], requires_grad=True)
print("mg.grad returns", mg.grad((x**2).sum(), x)[0], "and x.grad is", x.grad)

(x**2).sum().backward()
print("after backward, x.grad is", x.grad)

(x**2).sum().backward()
print("after another, x.grad is ", x.grad, " it accumulates")

x.grad = None
(x**2).sum().backward()
print("after a reset, x.grad is ", x.grad)

# %% [markdown]
# A gradient starts at a single number. From an array, `backward` has to be told with which weights
# its elements count:

# %%
try:
    (x**2).backward()
except ValueError as error:
    print(error)

# %% [markdown]
# Within `no_grad` nothing is recorded: for evaluating a network, and for changing its weights.
# `detach` cuts one tensor off its past. A GAN trains its discriminator on images cut off from the generator in that
# way.

# %%
with mg.no_grad():
    y = x * 2.0
z = x * 2.0
print("recorded:", z.requires_grad)
print("in no_grad:", y.requires_grad)
print("detached:", z.detach().requires_grad)

# %% [markdown]
# ### The derivative of a derivative
#
# The rules in the table are made of ordinary operations. So the backward pass can be recorded as well, and what it
# returns can be differentiated again. Ask for it with `create_graph=True`.
#
# For $y = \tanh x$ we know what to expect: $y' = 1 - y^2$ and $y'' = -2 y y'$.

# %%
x = mg.tensor(np.linspace(-3.0, 3.0, 200), requires_grad=True)
y = mg.tanh(x)
(first,) = mg.grad(y.sum(), x, create_graph=True)
(second,) = mg.grad(first.sum(), x)

plt.plot(x.data, y.data, label=r"$y = \tanh x$")
plt.plot(x.data, first.data, label="$y'$")
plt.plot(x.data, second.data, label="$y''$")
plt.axhline(0.0, color="0.8", linewidth=0.8, zorder=0)
plt.xlabel("x")
plt.ylim(-1.1, 1.45)
plt.legend(loc="upper center", ncols=3)
plt.show()

print("first derivative right: ", np.allclose(first.data, 1 - y.data**2))
print("second derivative right:", np.allclose(second.data, -2 * y.data * (1 - y.data**2)))

# %% [markdown]
# Why the `sum`? The gradient of $\sum_i \tanh(x_i)$ by $x_j$ is $\tanh'(x_j)$: each $x_j$ is in one term only, so one
# backward pass gives the slope at all 200 points.
#
# Your own operation can be differentiated twice, too, although you wrote its rule only once. `gradgradcheck` compares
# second derivatives with numbers:

# %%
print(mg.gradgradcheck(softsign, np.array([-3.0, -0.5, 0.2, 1.0, 4.0])))

# %% [markdown]
# ### Activations and their derivatives
#
# Between its layers a network has an *activation*, a function applied to each element. When it comes to learning,
# look at the dashed line: it is the factor by which a gradient is multiplied on its way back. Where it is near
# zero, nothing is learned.

# %%
fig, axes = plt.subplots(2, 3, figsize=(9, 5), sharey=True)
activations = [nn.Sigmoid(), nn.Tanh(), nn.Softplus(), nn.ReLU(), nn.LeakyReLU(0.2), nn.ELU()]
for ax, activation in zip(axes.flat, activations):
    activation.plot(ax)
    ax.set_ylim(-1.5, 2.5)
plt.show()

# %% [markdown]
# **Predict.** A network has ten layers with a sigmoid behind each. The gradient is multiplied by the
# slope of a sigmoid ten times. What is the most that can be left of it?

# %%
x = np.linspace(-4.0, 4.0, 801)
largest = nn.Sigmoid().derivative(x).max()
print(f"largest slope of the sigmoid: {largest:.4f}, to the power of 10: {largest**10:.1e}")
print(f"largest slope of the tanh:    {nn.Tanh().derivative(x).max():.4f}")

# %% [markdown]
# That is the *vanishing gradient*, and the reason why deep networks are built with ReLU and its
# relatives, whose slope is 1 for all $x > 0$.
#
# ## 5. A perceptron learns
#
# A perceptron computes $p = \sigma(w \cdot x + b)$, the probability that the point $x$ belongs to class 1. The loss
# is the binary cross-entropy, which is small where $p$ is near $1$ for class 1 and near $0$ for class 0. First the
# data, two clouds of points:

# %%
rng = np.random.default_rng(1)
clouds = [rng.normal(center, 0.9, (100, 2)) for center in [(-1.2, -0.6), (1.0, 0.8)]]
points = np.concatenate(clouds).astype(np.float32)
classes = np.repeat([[0.0], [1.0]], 100, axis=0).astype(np.float32)
print(points.shape, classes.shape)

# %% [markdown]
# And the ten lines. Each step is what you have seen: a result, its gradients, a step in the opposite
# direction. `optimizer.step()` does `weight = weight - lr * weight.grad`, for the weights and the bias.

# %%
perceptron = nn.Perceptron(2, nn.Sigmoid, rng=0)
optimizer = optim.SGD(perceptron.parameters(), lr=0.5)
losses = []

for _ in range(60):
    p = perceptron(points)
    loss = F.binary_cross_entropy(p, classes)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())

# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), width_ratios=[1, 1.2])
left.plot(losses)
left.set(xlabel="step", ylabel="binary cross-entropy", ylim=(0, None), title="The loss")

x1, x2 = np.meshgrid(np.linspace(-4, 4, 100), np.linspace(-4, 4, 100))
with mg.no_grad():
    p = perceptron(np.stack([x1.ravel(), x2.ravel()], axis=1)).data.reshape(x1.shape)
shades = right.contourf(x1, x2, p, levels=np.linspace(0, 1, 11), cmap="coolwarm", alpha=0.6)
right.contour(x1, x2, p, levels=[0.5], colors="black")
colors = np.where(classes[:, 0] == 1, "C3", "C0")
right.scatter(*points.T, c=colors, s=10, edgecolor="white", linewidth=0.3)
right.set(xlabel="$x_1$", ylabel="$x_2$", aspect="equal", title="The line where p = 1/2")
fig.colorbar(shades, ax=right, label="p")
plt.show()

right_answers = (perceptron(points).data > 0.5) == classes
print(f"{right_answers.sum()} of {len(points)} points are on the right side")

# %% [markdown]
# The clouds overlap, so a few points are on the wrong side.
#
# ## 6. On to PyTorch
#
# What you have learned is how PyTorch works, and what has a name there has the same name here. This is the
# perceptron in PyTorch; the lines that differ are marked.
#
# ```python
# import torch  # differs
# from torch import nn, optim  # differs
# import torch.nn.functional as F  # differs
#
# perceptron = nn.Sequential(nn.Linear(2, 1), nn.Sigmoid())  # differs
# optimizer = optim.SGD(perceptron.parameters(), lr=0.5)
# losses = []
# points, classes = torch.tensor(points), torch.tensor(classes)  # differs
#
# for _ in range(60):
#     p = perceptron(points)
#     loss = F.binary_cross_entropy(p, classes)
#     optimizer.zero_grad()
#     loss.backward()
#     optimizer.step()
#     losses.append(loss.item())
# ```
#
# The model could have been written in this way here, too. What else is different:
#
# | | minigrad | PyTorch |
# |---|---|---|
# | `x.data`, `x.grad` | NumPy arrays | tensors |
# | NumPy arrays beside tensors | can be used as they are | become tensors first: `torch.tensor(array)` |
# | gradients by name | `mg.grad(y, x)` | `torch.autograd.grad(y, x)` |
# | check of gradients | `mg.gradcheck(f, x)` | `torch.autograd.gradcheck(f, x)`, with `x` in `float64` |
# | an operation of your own | `@mg.primitive` and `defvjps` | a subclass of `torch.autograd.Function` |
# | backward twice on one graph | works | asks for `retain_graph=True` the first time |
#
# The left column, computed:

# %%
x = mg.tensor([1.0, 2.0], requires_grad=True)
y = (x * np.array([3.0, 4.0], dtype=np.float32)).sum()
print("mg.grad:", mg.grad(y, x))
y.backward()
y.backward()
print("backward twice:", x.grad, " data:", type(x.data).__name__, " grad:", type(x.grad).__name__)
print("the model:", nn.Sequential(nn.Linear(2, 1), nn.Sigmoid())(points).shape)

# %% [markdown]
# ## What to take along
#
# - Slopes multiply along a path; the products of all paths add up. Everything else is bookkeeping.
# - A result remembers its parents. Backward visits the newest first: a gradient is complete before it goes on.
# - For arrays the slope becomes a vector-Jacobian product, one line for each operation, and no Jacobian is ever made.
# - What is broadcast forward is summed backward.
# - Gradients accumulate in the leaves until you reset them.
# - A rule for a derivative is right when it agrees with numbers. Check it.
#
# All of minigrad's engine is small enough to be read now: `minigrad/primitive.py` is your `Value` and its operations,
# `minigrad/autograd.py` is your `backward`, and `minigrad/ops/` is the table of rules.
