# %% [markdown]
# # Checking a gradient: solutions
#
# The exercises of the notebook with the same name, solved: for each exercise a rule, a sentence that says why it is
# right, and the same check. There are other right answers. The check accepts all of them.

# %%
import numpy as np

import minigrad as mg

# %% [markdown]
# ### Exercise 1: cube
#
# The derivative of $x^3$ is $3x^2$, and the chain rule multiplies it by what comes from above.


# %%
def cube(x):
    return x**3


def cube_vjp(g, out, x):
    return g * 3 * x**2


# %%
mg.check_vjp(cube, cube_vjp, np.array([-1.5, 0.4, 1.0, 2.0]))

# %% [markdown]
# ### Exercise 2: tanh
#
# $\tanh' = 1 - \tanh^2$, and $\tanh x$ is the output, so nothing has to be computed again.


# %%
def tanh(x):
    return np.tanh(x)


def tanh_vjp(g, out, x):
    return g * (1 - out**2)


# %%
mg.check_vjp(tanh, tanh_vjp, np.array([-1.5, -0.2, 0.7, 1.2]))

# %% [markdown]
# ### Exercise 3: sigmoid
#
# $\frac{e^{-x}}{(1 + e^{-x})^2} = \sigma (1 - \sigma)$: the slope is largest, 1/4, where the output is 1/2.


# %%
def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def sigmoid_vjp(g, out, x):
    return g * out * (1 - out)


# %%
mg.check_vjp(sigmoid, sigmoid_vjp, np.array([-2.0, -0.3, 0.6, 1.5]))

# %% [markdown]
# ### Exercise 4: ReLU
#
# The slope is 1 for positive inputs and 0 for negative ones: the gradient passes where the input has passed.


# %%
def relu(x):
    return np.maximum(x, 0)


def relu_vjp(g, out, x):
    return g * (x > 0)


# %%
mg.check_vjp(relu, relu_vjp, np.array([-1.5, -0.2, 0.3, 2.0]))

# %% [markdown]
# ### Exercise 5: multiply
#
# The slope of a product by one factor is the other factor.


# %%
def multiply(x, y):
    return x * y


def multiply_vjp(g, out, x, y):
    return g * y, g * x


# %%
mg.check_vjp(multiply, multiply_vjp, (np.array([1.0, -2.0, 0.5]), np.array([0.3, 1.5, -4.0])))

# %% [markdown]
# ### Exercise 6: add a bias
#
# Addition passes the gradient on; a number that was used in each row gets the sum over the rows.


# %%
def add_bias(x, b):
    return x + b


def add_bias_vjp(g, out, x, b):
    return g, g.sum(axis=0)


# %%
rng = np.random.default_rng(6)
mg.check_vjp(add_bias, add_bias_vjp, (rng.standard_normal((4, 3)), rng.standard_normal(3)))

# %% [markdown]
# ### Exercise 7: mean squared error
#
# 2 from the square, $1/N$ from the mean; the targets get the opposite, as only the difference counts.


# %%
def mse(p, t):
    return ((p - t) ** 2).mean()


def mse_vjp(g, out, p, t):
    dp = g * 2 * (p - t) / p.size
    return dp, -dp


# %%
mg.check_vjp(mse, mse_vjp, (np.array([0.5, -1.0, 2.0, 0.1, 1.3]), np.array([1.0, 0.2, 1.5, -0.4, 0.8])))

# %% [markdown]
# ### Exercise 8: linear layer
#
# Each sum of the hint is a matrix product, and its shapes are those of the inputs.


# %%
def linear(x, w, b):
    return x @ w.T + b


def linear_vjp(g, out, x, w, b):
    return g @ w, g.T @ x, g.sum(axis=0)


# %%
rng = np.random.default_rng(8)
shapes = [(4, 3), (2, 3), (2,)]
mg.check_vjp(linear, linear_vjp, [rng.standard_normal(shape) for shape in shapes])

# %% [markdown]
# ### Exercise 9: softmax
#
# All outputs of a row share one sum, so each gradient is compared with the average of its row, with the outputs as
# weights.


# %%
def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def softmax_vjp(g, out, x):
    s = (g * out).sum(axis=-1, keepdims=True)
    return out * (g - s)


# %%
rng = np.random.default_rng(9)
mg.check_vjp(softmax, softmax_vjp, rng.standard_normal((3, 4)))

# %% [markdown]
# ### Exercise 10: softmax cross-entropy
#
# Belief minus truth: the gradient is zero when the network is sure, and right.


# %%
def cross_entropy(logits, labels):
    p = softmax(logits)
    return -np.log(p[np.arange(len(labels)), labels]).mean()


def cross_entropy_vjp(g, out, logits, labels):
    right = np.eye(3)[labels]
    return g * (softmax(logits) - right) / len(labels)


# %%
rng = np.random.default_rng(10)
mg.check_vjp(cross_entropy, cross_entropy_vjp, (rng.standard_normal((4, 3)), np.array([0, 2, 1, 2])))

# %% [markdown]
# ### Exercise 11: used twice
#
# Two uses, two paths, and the gradients of all paths add up.


# %%
def swish(x):
    return x * mg.sigmoid(x)


def swish_vjp(g, out, x):
    s = mg.sigmoid(x)
    from_factor = g * s
    from_sigmoid = g * x * s * (1 - s)
    return from_factor + from_sigmoid


# %%
mg.check_vjp(swish, swish_vjp, np.array([-2.0, -0.5, 0.3, 1.0, 2.5]))

# %% [markdown]
# ### Exercise 12: rows by number
#
# `np.add.at` adds once for each time that a row stands in `index`; a row that was not taken gets zero.


# %%
def take_rows(x, index):
    return x[index]


def take_rows_vjp(g, out, x, index):
    dx = np.zeros_like(x)
    np.add.at(dx, index, g)
    return dx


# %%
rng = np.random.default_rng(12)
mg.check_vjp(take_rows, take_rows_vjp, (rng.standard_normal((5, 3)), np.array([0, 2, 3, 2])))

# %% [markdown]
# ### In the engine
#
# The rules of exercises 1 to 4 are made of operators alone, so they can be differentiated once more.

# %%
points = np.array([-1.0, -0.2, 0.5, 2.0])
for f, rule in [(cube, cube_vjp), (tanh, tanh_vjp), (sigmoid, sigmoid_vjp), (relu, relu_vjp)]:
    op = mg.primitive(f)
    op.defvjps(rule)
    print(f.__name__, "-", mg.gradcheck(op, points))
    print(f.__name__, "-", mg.gradgradcheck(op, points))
