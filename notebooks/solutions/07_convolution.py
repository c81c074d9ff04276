# %% [markdown]
# # Convolution, three ways: solutions
#
# The exercises of the notebook with the same name, solved: for each exercise a rule, a sentence that says why it is
# right, and the same check. There are other right answers. The check accepts all of them.

# %%
import numpy as np

import minigrad as mg

# %% [markdown]
# ### Exercise 1: patches
#
# Each row goes back to where it was cut out. What was cut out several times gets the sum, so `+=`.


# %%
def patches(x):
    return np.array([x[i : i + 3, j : j + 3].ravel() for i, j in np.ndindex(2, 2)])


def patches_vjp(g, out, x):
    dx = np.zeros_like(x)
    for row, (i, j) in zip(g, np.ndindex(2, 2), strict=True):
        dx[i : i + 3, j : j + 3] += row.reshape(3, 3)
    return dx


# %%
mg.check_vjp(patches, patches_vjp, np.random.default_rng(1).standard_normal((4, 4)))

# %% [markdown]
# ### Exercise 2: a layer that looks
#
# Every place of the result paints the filter on what it looked at. Of the two sizes that lead to 3 x 3, 5 and 6,
# `output_padding` chooses the larger one.


# %%
def look(x, w):
    return mg.conv2d(x, w, stride=2, padding=1)


def look_vjp(g, out, x, w):
    dx = mg.conv_transpose2d(g, w, stride=2, padding=1, output_padding=1)
    dw = mg.conv2d_weight(x, w.shape, g, stride=2, padding=1)
    return dx, dw


# %%
rng = np.random.default_rng(2)
mg.check_vjp(look, look_vjp, (rng.standard_normal((2, 2, 6, 6)), rng.standard_normal((3, 2, 3, 3))))

# %% [markdown]
# ### Exercise 3: a layer that paints
#
# Backward, it looks. In the sum $T$ the upstream gradient stands where the large image $x$ stood, and what the layer
# was given is $y$.


# %%
def paint(y, w):
    return mg.conv_transpose2d(y, w, stride=2, padding=1)


def paint_vjp(g, out, y, w):
    dy = mg.conv2d(g, w, stride=2, padding=1)
    dw = mg.conv2d_weight(g, w.shape, y, stride=2, padding=1)
    return dy, dw


# %%
rng = np.random.default_rng(3)
mg.check_vjp(paint, paint_vjp, (rng.standard_normal((2, 3, 2, 2)), rng.standard_normal((3, 2, 4, 4))))

# %% [markdown]
# ### Exercise 4: the gradient of the filters, as a layer
#
# The upstream gradient is a set of filters. It paints on one side, and looks on the other.


# %%
def meet(x, y):
    return mg.conv2d_weight(x, (3, 2, 3, 3), y)


def meet_vjp(g, out, x, y):
    dx = mg.conv_transpose2d(y, g)
    dy = mg.conv2d(x, g)
    return dx, dy


# %%
rng = np.random.default_rng(4)
mg.check_vjp(meet, meet_vjp, (rng.standard_normal((2, 2, 4, 4)), rng.standard_normal((2, 3, 2, 2))))

# %% [markdown]
# ### All together
#
# The rules are made of minigrad's functions alone, so they can be differentiated once more.

# %%
rng = np.random.default_rng(5)
x, w, y = (rng.standard_normal(shape) for shape in [(1, 2, 6, 6), (3, 2, 3, 3), (1, 3, 4, 4)])
rules = [(look, look_vjp, (x, w)), (paint, paint_vjp, (y, w)), (meet, meet_vjp, (x, y))]
for f, rule, arrays in rules:
    op = mg.primitive(f)
    op.defvjps(*(lambda *inputs, rule=rule, i=i: rule(*inputs)[i] for i in range(2)))
    print(f.__name__, "-", mg.gradcheck(op, arrays))
    print(f.__name__, "-", mg.gradgradcheck(op, arrays))
