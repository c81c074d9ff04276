# %% [markdown]
# # Checking a gradient
#
# You have written the backward pass of a function. Is it right? A wrong one seldom crashes. The network still learns,
# only worse, and nobody knows why. So you ask a judge that knows nothing of your formula: numbers.
#
# 1. [A rule and its judge](#1.-A-rule-and-its-judge): what a gradient check does
# 2. [How close is close enough?](#2.-How-close-is-close-enough?) The step, the tolerance, and why `float64`
# 3. [Which upstream gradient?](#3.-Which-upstream-gradient?) Why a random one
# 4. [Kinks](#4.-Kinks): where there is no derivative
# 5. [Exercises](#5.-Exercises): twelve backward passes, from a power to softmax cross-entropy
# 6. [Your rules in an engine](#6.-Your-rules-in-an-engine), and on to PyTorch
#
# You need the chain rule for arrays, as in the first notebook of this course. The exercises are the heart: if your time
# is short, read section 1 and go on to section 5. Where it says **Predict**, write your answer down before you run the
# next cell.

# %%
import matplotlib.pyplot as plt
import numpy as np

import minigrad as mg

# %% [markdown]
# ## 1. A rule and its judge
#
# Somewhere in a network stands the function $y = f(x)$, and behind it comes the rest, which ends in a loss $L$. The
# backward pass reaches $f$ with the *upstream gradient* $g = \partial L / \partial y$, and $f$ has to pass on
# $\partial L / \partial x$. How it does so is called its *rule*: a function of `g`, of the output `out`, and of the
# input `x`. It has a name, vector-Jacobian product, VJP for short.
#
# Take exponential decay, $y = e^{-x}$. Its derivative is $-e^{-x}$, and that is $-y$:


# %%
def decay(x):
    return np.exp(-x)


def decay_vjp(g, out, x):
    return g * -out


# %% [markdown]
# The judge needs no formula. Only $f$ is known, not the rest of the network, so it makes a rest up, the simplest there
# is: $L = \sum_i g_i\, y_i$ with any numbers $g_i$. Then $\partial L / \partial y_i = g_i$, as it should be, and
# $\partial L / \partial x_j$ is a *central difference*: move $x_j$ a little up, a little down, and look at $L$.


# %%
def numeric_gradient(f, x, g, eps=1e-6):
    """The gradient of sum(g * f(x)) by x, one element of x after the other."""
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = eps
        gradient[index] = (g * (f(x + step) - f(x - step))).sum() / (2 * eps)
    return gradient


x = np.array([-1.0, 0.0, 0.5, 2.0])
g = np.array([0.3, -1.2, 0.8, 2.0])
print("by the rule:   ", decay_vjp(g, decay(x), x))
print("by differences:", numeric_gradient(decay, x, g))

# %% [markdown]
# They agree. `mg.check_vjp` does the same, with a $g$ of its own. It is given the function, its rule, and inputs:

# %%
mg.check_vjp(decay, decay_vjp, x)


# %% [markdown]
# And when a rule is wrong? `check_vjp` shows both gradients, and then looks for the mistake: it tries one known mistake
# after the other, until one explains all numbers. Here somebody has forgotten the inner derivative, the $-1$.
#
# **Predict.** How will the two rows of numbers differ?


# %%
def careless_vjp(g, out, x):
    return g * out


mg.check_vjp(decay, careless_vjp, x)


# %% [markdown]
# Under `analytic` stands what the rule returned, under `numeric` the central differences, both for the $g$ that is
# shown. The entries in red disagree.
#
# ## 2. How close is close enough?
#
# Numbers are never equal to the last digit. A central difference has two errors: the step is not infinitely small,
# and the computer rounds. **Predict.** If you make the step smaller, which of the two errors shrinks, and which grows?


# %%
def error(eps, dtype):
    """The relative error of central differences for decay: the largest of 50 places from -1 to 1."""
    x, eps = np.linspace(-1, 1, 50, dtype=dtype), dtype(eps)
    slope = (decay(x + eps) - decay(x - eps)) / (2 * eps)
    return abs(slope / -decay(x) - 1).max()


steps = 10.0 ** np.arange(-9, 0.1, 0.25)
for dtype in (np.float32, np.float64):
    plt.loglog(steps, [error(eps, dtype) for eps in steps], "o-", markersize=3, label=dtype.__name__)
plt.axhline(1e-3, color="0.6", linestyle="--", linewidth=1, label="tolerance, 0.001")
plt.xlabel("step eps")
plt.ylabel("relative error")
plt.legend()
plt.show()

for dtype in (np.float32, np.float64):
    errors = [error(eps, dtype) for eps in steps]
    print(f"{dtype.__name__}: best step {steps[np.argmin(errors)]:.0e}, ", end="")
    print(f"error there {min(errors):.0e}, with the step 1e-6 {error(1e-6, dtype):.0e}")

# %% [markdown]
# From right to left: first the error falls, because the step shrinks. Then it rises, because $f(x + \epsilon)$ and
# $f(x - \epsilon)$ agree in nearly all of their digits, and the difference keeps only what is left. `float32` has 7
# digits to lose, `float64` has 16. With the step $10^{-6}$ the error of `float32` is far above the tolerance of the
# check. That is why a check computes in `float64`, whatever you train with.
#
# How large may a difference be, then? A rule counts as right where
#
# $$|\text{analytic} - \text{numeric}| \le \texttt{atol} + \texttt{rtol} \cdot |\text{numeric}|,
#   \qquad \texttt{atol} = 10^{-5}, \quad \texttt{rtol} = 10^{-3}.$$
#
# The first term is for gradients near zero, the second one for all others. Both lie in a wide gap: what rounding makes
# of a right rule is far below, and what a mistake makes is mostly far above.

# %%
numeric = numeric_gradient(decay, x, g)
print("tolerance:        ", 1e-5 + 1e-3 * abs(numeric))
print("a right rule:     ", abs(decay_vjp(g, decay(x), x) - numeric))
print("one per cent off: ", abs(1.01 * decay_vjp(g, decay(x), x) - numeric))


# %% [markdown]
# ## 3. Which upstream gradient?
#
# It is tempting to take $g = 1$ everywhere; then $L$ is just the sum of the outputs. Some functions are blind in that
# light. Softmax makes probabilities, and *standardise*, the core of batch normalisation, makes numbers of mean 0 and
# variance 1:
#
# $$\text{softmax}(x)_i = \frac{e^{x_i}}{\sum_k e^{x_k}},
#   \qquad \text{standardise}(x)_i = \frac{x_i - \text{mean}(x)}{\text{std}(x)}.$$
#
# **Predict.** What is the sum of the outputs of each? So what is its gradient for $g = 1$?


# %%
def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def standardise(x):
    return (x - x.mean()) / x.std()


ones, random = np.ones(4), np.random.default_rng(0).standard_normal(4)
for f in (softmax, standardise):
    print(f"{f.__name__}: the outputs have the sum {f(x).sum():.4f}")
    for name, g in (("ones", ones), ("random", random)):
        print(f"    gradient for g = {name:<7}", numeric_gradient(f, x, g).round(4) + 0.0)


# %% [markdown]
# A sum that never changes has the gradient zero. With ones, a rule that returns nothing but zeros would be called right
# for both. So would this one, which many have written: it forgets that the standard deviation depends on $x$.


# %%
def careless_standardise_vjp(g, out, x):
    return (g - g.mean()) / x.std()


for name, g in (("ones", ones), ("random", random)):
    difference = careless_standardise_vjp(g, standardise(x), x) - numeric_gradient(standardise, x, g)
    print(f"g = {name:<7} largest difference {abs(difference).max():.4f}")

# %% [markdown]
# With random numbers a mistake has no place to hide, so `check_vjp` draws them (the same in each run).
#
# ## 4. Kinks
#
# $|x|$ has no derivative at $0$: the slope is $-1$ on the left and $1$ on the right. A central difference does not know
# that. If the kink lies between its two points it gives something in between.
#
# **Predict.** What does it give exactly at $0$? And at $x = \frac{1}{2} \epsilon$?

# %%
eps = 1e-6
for place in (-2 * eps, 0.0, 0.5 * eps, 2 * eps):
    slope = (abs(place + eps) - abs(place - eps)) / (2 * eps)
    print(f"x = {place / eps:4.1f} eps: slope {slope:5.2f}, np.sign(x) = {np.sign(place):2.0f}")

# %% [markdown]
# Nobody is wrong there. For an element so close to a kink, `check_vjp` accepts every gradient between the two slopes,
# and says so:

# %%
mg.check_vjp(np.abs, lambda g, out, x: g * (x >= 0) - g * (x < 0), np.array([-1.0, 0.0, 2.0]))

# %% [markdown]
# ## 5. Exercises
#
# In each exercise you are given a function. Write its rule in the place of the `...`, run the cell, and run the check
# below it. If something is wrong, the report shows the numbers and says which mistake would explain them. Correct,
# and check again. What you need to know:
#
# - `g` and `out` have the shape of the output. What you return has the shape of the input.
# - With several inputs, return one gradient for each, in their order: `return ..., ...`.
# - The hints go from vague to nearly all. Open them one at a time. Solutions are in the folder `solutions`.
#
# ### Exercise 1: cube
#
# $y = x^3$, for each element. Every rule for a function of single elements has the same form: the upstream gradient
# times the local derivative.


# %%
def cube(x):
    return x**3


def cube_vjp(g, out, x):
    return ...


# %%
mg.check_vjp(cube, cube_vjp, np.array([-1.5, 0.4, 1.0, 2.0]))

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# The local derivative is what you learned at school, $\frac{d}{dx} x^n = n\, x^{n-1}$.
#
# </details>
# <details><summary>Hint 2</summary>
#
# For $x^4$ the rule would be `g * 4 * x**3`.
#
# </details>
#
# ### Exercise 2: tanh
#
# The hyperbolic tangent, an activation between $-1$ and $1$. Its derivative can be written with the output alone, and
# the output has been computed already.


# %%
def tanh(x):
    return np.tanh(x)


def tanh_vjp(g, out, x):
    return ...


# %%
mg.check_vjp(tanh, tanh_vjp, np.array([-1.5, -0.2, 0.7, 1.2]))

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# $\tanh$ is $\sinh / \cosh$. Use the quotient rule, and look for $\tanh^2$ in the result.
#
# </details>
# <details><summary>Hint 2</summary>
#
# The slope is 1 where the output is 0, and 0 where the output is $1$ or $-1$. It is a polynomial of second degree in
# the output.
#
# </details>
# <details><summary>Hint 3</summary>
#
# $\tanh' x = 1 - \tanh^2 x$. Which of the three arguments of the rule is $\tanh x$?
#
# </details>
#
# ### Exercise 3: sigmoid
#
# $\sigma(x) = \frac{1}{1 + e^{-x}}$ turns any number into a probability. Its derivative, too, is short when written
# with the output.


# %%
def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def sigmoid_vjp(g, out, x):
    return ...


# %%
mg.check_vjp(sigmoid, sigmoid_vjp, np.array([-2.0, -0.3, 0.6, 1.5]))

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# The derivative of $1/u$ is $-u'/u^2$, here with $u = 1 + e^{-x}$. Two minus signs meet.
#
# </details>
# <details><summary>Hint 2</summary>
#
# That gives $\frac{e^{-x}}{(1 + e^{-x})^2}$. One factor is $\frac{1}{1 + e^{-x}} = \sigma$. What is the other one,
# $\frac{e^{-x}}{1 + e^{-x}}$?
#
# </details>
# <details><summary>Hint 3</summary>
#
# The probability of one side times the probability of the other side.
#
# </details>
#
# ### Exercise 4: ReLU
#
# $\max(x, 0)$ lets positive numbers through and stops all others. What happens to their gradients?


# %%
def relu(x):
    return np.maximum(x, 0)


def relu_vjp(g, out, x):
    return ...


# %%
mg.check_vjp(relu, relu_vjp, np.array([-1.5, -0.2, 0.3, 2.0]))

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# What is the slope of the graph on the right of zero, and what is it on the left?
#
# </details>
# <details><summary>Hint 2</summary>
#
# A comparison of an array, such as `x < 5`, gives an array of `True` and `False`, which count as 1 and 0 in a product.
#
# </details>
#
# ### Exercise 5: multiply
#
# Two inputs, $z = x \cdot y$, element by element. Return two gradients: first that of $x$, then that of $y$.


# %%
def multiply(x, y):
    return x * y


def multiply_vjp(g, out, x, y):
    return ..., ...


# %%
mg.check_vjp(multiply, multiply_vjp, (np.array([1.0, -2.0, 0.5]), np.array([0.3, 1.5, -4.0])))

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# For the derivative by $x$ take $y$ as a constant, and the other way round.
#
# </details>
# <details><summary>Hint 2</summary>
#
# If $y$ is 3, then $z = 3x$. By how much does $z$ change when $x$ does?
#
# </details>
#
# ### Exercise 6: add a bias
#
# The bias `b`, one number for each column, is added to each row of `x`. NumPy *broadcasts* it: each element of `b` is
# used once in each row.


# %%
def add_bias(x, b):
    return x + b


def add_bias_vjp(g, out, x, b):
    return ..., ...


# %%
rng = np.random.default_rng(6)
mg.check_vjp(add_bias, add_bias_vjp, (rng.standard_normal((4, 3)), rng.standard_normal(3)))

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Addition has the slope 1. For `x` that is all there is to it.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `b[0]` reaches the loss on four paths, through `out[0, 0]`, `out[1, 0]`, `out[2, 0]` and `out[3, 0]`. What happens to
# the products of all paths?
#
# </details>
# <details><summary>Hint 3</summary>
#
# `g` has the shape (4, 3), the gradient of `b` has the shape (3,). Add up along the axis that has to go.
#
# </details>
#
# ### Exercise 7: mean squared error
#
# $L = \frac{1}{N} \sum_i (p_i - t_i)^2$ for predictions $p$ and targets $t$. The output is a single number, and so is
# `g`. Return the gradients of both.


# %%
def mse(p, t):
    return ((p - t) ** 2).mean()


def mse_vjp(g, out, p, t):
    return ..., ...


# %%
mg.check_vjp(mse, mse_vjp, (np.array([0.5, -1.0, 2.0, 0.1, 1.3]), np.array([1.0, 0.2, 1.5, -0.4, 0.8])))

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Only one term of the sum contains $p_0$. What is the derivative of that term?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Three factors besides `g`: one from the square, one from inside the square, one from the mean. `p.size` is $N$.
#
# </details>
# <details><summary>Hint 3</summary>
#
# The targets enter with a minus: whatever pulls $p$ up pulls $t$ down, equally strongly.
#
# </details>
#
# ### Exercise 8: linear layer
#
# $Y = X W^\top + b$: four inputs in the rows of $X$, weights of the shape (2, 3), as in PyTorch. Return three
# gradients.


# %%
def linear(x, w, b):
    return x @ w.T + b


def linear_vjp(g, out, x, w, b):
    return ..., ..., ...


# %%
rng = np.random.default_rng(8)
shapes = [(4, 3), (2, 3), (2,)]
mg.check_vjp(linear, linear_vjp, [rng.standard_normal(shape) for shape in shapes])

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# You have met the bias in exercise 6.
#
# </details>
# <details><summary>Hint 2</summary>
#
# $Y_{nk} = \sum_j X_{nj} W_{kj} + b_k$. So $X_{nj}$ reaches $Y_{nk}$ for every $k$, with the slope $W_{kj}$: its
# gradient is $\sum_k g_{nk} W_{kj}$. Which matrix product is that? And which one is it for $W_{kj}$?
#
# </details>
# <details><summary>Hint 3</summary>
#
# Let the shapes help. `g` is (4, 2), `x` is (4, 3), `w` is (2, 3). To get (4, 3) from `g` and `w`, and (2, 3) from `g`
# and `x`, there is hardly any choice.
#
# </details>
#
# ### Exercise 9: softmax
#
# `softmax` of section 3, in each row of a matrix. Each input of a row changes *all* outputs of that row, because they
# share the sum below the line:
#
# $$\frac{\partial y_i}{\partial x_j} = \begin{cases} y_i (1 - y_i) & i = j \\ -y_i\, y_j & i \ne j \end{cases}$$


# %%
def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def softmax_vjp(g, out, x):
    return ...


# %%
rng = np.random.default_rng(9)
mg.check_vjp(softmax, softmax_vjp, rng.standard_normal((3, 4)))

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# The gradient of $x_j$ is $\sum_i g_i\, \frac{\partial y_i}{\partial x_j}$. Put both cases in. It helps to write the
# first one as $y_j - y_j\, y_j$: then the second half is the same in all terms.
#
# </details>
# <details><summary>Hint 2</summary>
#
# The terms with two $y$ add up to $-y_j \sum_i g_i\, y_i$, and that sum is one number for each row. Which term is left?
#
# </details>
# <details><summary>Hint 3</summary>
#
# That number, for all rows: `s = (g * out).sum(axis=-1, keepdims=True)`. With `keepdims` it has the shape (3, 1) and
# can be combined with `g`. What remains is one subtraction and one product.
#
# </details>
#
# ### Exercise 10: softmax cross-entropy
#
# The loss of classifiers. `labels` holds the number of the right class for each row; the loss is the mean of $-\log
# p$, where $p$ is the probability that the softmax of exercise 9 gives to the right class. Return the gradient of
# the logits only, as labels are whole numbers. The result is one of the nicest formulas in this field.


# %%
def cross_entropy(logits, labels):
    p = softmax(logits)
    return -np.log(p[np.arange(len(labels)), labels]).mean()


def cross_entropy_vjp(g, out, logits, labels):
    return ...


# %%
rng = np.random.default_rng(10)
mg.check_vjp(cross_entropy, cross_entropy_vjp, (rng.standard_normal((4, 3)), np.array([0, 2, 1, 2])))

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# For one row with the right class $c$, the loss is $\log \sum_k e^{x_k} - x_c$. What is the derivative of the first
# term by $x_j$? You know that function.
#
# </details>
# <details><summary>Hint 2</summary>
#
# The second term is there for $j = c$ only: its derivative is $-1$ in the right class and $0$ in the others. As an
# array for all rows: `right = np.eye(3)[labels]`.
#
# </details>
# <details><summary>Hint 3</summary>
#
# Put both terms together: what the network believes, minus what is right. And the loss is a mean over the rows: how
# many are there?
#
# </details>
#
# ### Exercise 11: used twice
#
# *Swish*, $y = x \cdot \sigma(x)$. Here $x$ is used twice: as a factor, and inside the sigmoid. Each use sends a
# gradient back. (`mg.sigmoid` is the function of exercise 3.)


# %%
def swish(x):
    return x * mg.sigmoid(x)


def swish_vjp(g, out, x):
    return ...


# %%
mg.check_vjp(swish, swish_vjp, np.array([-2.0, -0.5, 0.3, 1.0, 2.5]))

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Two steps: $s = \sigma(x)$, then $y = x \cdot s$. Exercise 5 tells you the gradients of the two factors, exercise 3
# how that of $s$ goes on to $x$.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Write it in several lines: `s = mg.sigmoid(x)`, then `from_factor = g * s` and `from_sigmoid = ...`.
#
# </details>
# <details><summary>Hint 3</summary>
#
# The slope on the path through the sigmoid is $x \cdot s\,(1 - s)$. Slopes multiply along a path; what do paths do?
#
# </details>
#
# ### Exercise 12: rows by number
#
# An *embedding* looks words up in a table: it takes the rows `index` of `x`. Here row 2 is taken twice, and rows 1 and
# 4 not at all.


# %%
def take_rows(x, index):
    return x[index]


def take_rows_vjp(g, out, x, index):
    return ...


# %%
rng = np.random.default_rng(12)
mg.check_vjp(take_rows, take_rows_vjp, (rng.standard_normal((5, 3)), np.array([0, 2, 3, 2])))

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Start with zeros of the shape of `x`, and bring each row of `g` to where it came from. What is right for a row that
# was taken twice?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Be careful: `dx[index] += g` adds only once to a row that stands in `index` twice. NumPy computes `dx[index] + g`
# first, and then assigns.
#
# </details>
# <details><summary>Hint 3</summary>
#
# A loop over the pairs of `zip(index, g)` does it. `np.add.at` does it without a loop: look it up.
#
# </details>
#
# ## 6. Your rules in an engine
#
# What you have written is what an automatic differentiation engine consists of. minigrad is a table: a function, marked
# as `primitive`, and a rule for each of its inputs, given to `defvjps`. After that the function can be used in any
# network, and `mg.gradcheck` checks it from the outside, through `backward`. In PyTorch it has the same name.


# %%
@mg.primitive
def decay_op(x):
    return np.exp(-x)


decay_op.defvjps(lambda g, out, x: g * -out)

points = np.array([-1.0, -0.2, 0.5, 2.0])
print(mg.gradcheck(decay_op, points))
print(mg.gradgradcheck(decay_op, points))

# %% [markdown]
# `gradgradcheck` compares the second derivatives, and nobody has written a rule for those. The engine calls the rule
# once more with tensors and records what it does. That works as long as a rule is made of operators and of
# minigrad's functions. NumPy's functions know nothing of tensors:

# %%
decay_op.defvjps(lambda g, out, x: g * -np.exp(-x))
print(mg.gradcheck(decay_op, points))
try:
    mg.gradgradcheck(decay_op, points)
except TypeError as error:
    print(error)

# %% [markdown]
# Here are your own rules of exercises 1 to 4. A rule that is missing, or wrong, is reported.

# %%
for f, rule in [(cube, cube_vjp), (tanh, tanh_vjp), (sigmoid, sigmoid_vjp), (relu, relu_vjp)]:
    op = mg.primitive(f)
    op.defvjps(rule)
    try:
        print(f.__name__, "-", mg.gradcheck(op, points))
        print(f.__name__, "-", mg.gradgradcheck(op, points))
    except Exception as error:  # of your rule, whatever it is
        print(f"{f.__name__} - {error}")

# %% [markdown]
# In PyTorch a function and its rule are a class. `ctx` carries what the rule needs from one to the other; here these
# are simply arguments. The checks have the same names, the same step and the same tolerances, and want `float64`:
#
# ```python
# import torch
#
#
# class Decay(torch.autograd.Function):
#     @staticmethod
#     def forward(ctx, x):
#         out = torch.exp(-x)
#         ctx.save_for_backward(out)
#         return out
#
#     @staticmethod
#     def backward(ctx, g):
#         (out,) = ctx.saved_tensors
#         return g * -out
#
#
# x = torch.tensor([-1.0, -0.2, 0.5, 2.0], dtype=torch.float64, requires_grad=True)
# print(torch.autograd.gradcheck(Decay.apply, x))
# print(torch.autograd.gradgradcheck(Decay.apply, x))
# ```
#
# Where a check fails, PyTorch shows the numbers. Finding the mistake is up to you then, and by now you know the usual
# ones.
#
# ## What to take along
#
# - A rule is the upstream gradient times the local derivative, added up over all paths.
# - What is broadcast, repeated or taken twice in the forward pass is summed in the backward pass.
# - A gradient has the shape of its input.
# - Check in `float64`, with central differences, with a random upstream gradient, away from kinks.
# - Read the numbers before you change the formula: the wrong sign, a constant factor and a missing sum each look
#   different.
