# %% [markdown]
# # Convolution, three ways
#
# A convolution moves a small filter over an image and looks at every place. It is also a product of matrices, and it
# is also *one* matrix. Each view explains something: how networks see, why it is fast, and what the backward pass is.
#
# 1. [A filter at every place](#1.-A-filter-at-every-place): by hand, by a loop, by `mg.conv2d`
# 2. [A product of matrices](#2.-A-product-of-matrices): im2col, and why it is fast
# 3. [One matrix](#3.-One-matrix): its transpose is the transposed convolution, which undoes nothing
# 4. [Sizes](#4.-Sizes): stride, padding, dilation, and what `output_padding` is for
# 5. [The closed triple](#5.-The-closed-triple): three maps, and each one's derivatives are the other two
# 6. [Checkerboards](#6.-Checkerboards): why some generators draw them
# 7. [Exercises](#7.-Exercises): four backward passes
#
# You need products of matrices, and the chain rule as in notebook 05. Where it says **Predict**, write your answer
# down before you run the next cell.

# %%
import itertools
import time

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle

import minigrad as mg
import minigrad.nn.functional as F
from gan.data import Glyphs

# %% [markdown]
# The next cell is for the pictures only, and you need not read it. In all of them a colour stands for a number: orange
# is below zero, purple above zero, white is zero, and the darker, the further from zero.

# %%
plt.rcParams["font.size"] = 13


def draw(ax, matrix, title="", numbers=13, limit=None):
    """A matrix as coloured cells; numbers is the size of the digits in them, 0 for none."""
    matrix = np.asarray(matrix)
    limit = limit or abs(matrix).max()
    ax.imshow(matrix, cmap="PuOr", vmin=-limit, vmax=limit)
    for (i, j), value in np.ndenumerate(matrix):
        if numbers and value:
            color = "white" if abs(value) > 0.6 * limit else "black"
            ax.text(j, i, f"{value:.3g}", ha="center", va="center", size=numbers, color=color)
    ax.set_xticks(np.arange(matrix.shape[1] + 1) - 0.5, labels=[])
    ax.set_yticks(np.arange(matrix.shape[0] + 1) - 0.5, labels=[])
    ax.tick_params(length=0)
    if numbers:
        ax.grid(color="0.8", linewidth=0.8)
    for spine in ax.spines.values():
        spine.set(visible=True, color="0.5")
    ax.set_title(title, size=13)


def outline(ax, row, column, height=3, width=3):
    """A black frame around some cells."""
    corner = (column - 0.5, row - 0.5)
    ax.add_patch(Rectangle(corner, width, height, fill=False, linewidth=4, clip_on=False, zorder=3))


def label(ax, rows=(), columns=()):
    """Names for the rows and the columns of a matrix."""
    for i, name in enumerate(rows):
        ax.text(-0.8, i, name, ha="right", va="center")
    for j, name in enumerate(columns):
        ax.text(j, -0.8, name, ha="center", va="bottom", size=11, color="0.4")


# %% [markdown]
# ## 1. A filter at every place
#
# Here are an image of 4 x 4 pixels and a filter of 3 x 3 numbers, its **taps**. The numbers of the image say how bright
# a pixel is: little light on the left, much on the right, except in the last row.

# %%
image = np.array([[1.0, 1, 5, 5], [1, 1, 5, 5], [1, 1, 5, 5], [1, 1, 1, 1]])
edges = np.array([[-1.0, 0, 1], [-1, 0, 1], [-1, 0, 1]])

figure, axes = plt.subplots(1, 2, figsize=(6, 2.8))
draw(axes[0], image, "image", limit=12)
draw(axes[1], edges, "filter")
plt.show()

# %% [markdown]
# Lay the filter on the image, multiply each tap by the pixel that lies under it, and add the nine products up. That
# gives one number. A filter of 3 x 3 fits on an image of 4 x 4 at four places, `a`, `b`, `c` and `d`, so the result has
# 2 x 2 numbers.
#
# **Predict.** Which are they? The filter subtracts its left column from its right column.

# %%
figure, axes = plt.subplots(1, 4, figsize=(8, 2.4))
for ax, name, (i, j) in zip(axes, "abcd", np.ndindex(2, 2), strict=True):
    draw(ax, image, f"{name}: {(image[i : i + 3, j : j + 3] * edges).sum():g}", limit=12)
    outline(ax, i, j)
plt.show()

# %% [markdown]
# Place `a` by hand: three rows, each with $-1 \cdot 1 + 0 \cdot 1 + 1 \cdot 5 = 4$, so $12$. At `c` the lowest of the
# three rows has $-1 + 1 = 0$, so $8$. The numbers are large where the image turns from dark to bright: the filter is a
# detector of vertical edges.
#
# The same as a loop, and by `mg.conv2d`. The latter takes batches, as PyTorch does: images of the shape
# $(N, C, H, W)$, which is how many, channels, height, width, and filters of the shape $(O, C, K_H, K_W)$. Each of the
# $O$ filters makes one channel of the result.


# %%
def conv_by_loop(x, w):
    """An image (H, W) and a filter (KH, KW) to the numbers of all places."""
    kh, kw = w.shape
    out = np.zeros((x.shape[0] - kh + 1, x.shape[1] - kw + 1))
    for i, j in np.ndindex(out.shape):
        out[i, j] = (x[i : i + kh, j : j + kw] * w).sum()
    return out


print(conv_by_loop(image, edges))
print(mg.conv2d(image[None, None], edges[None, None])[0, 0])

# %% [markdown]
# On a larger image one sees what filters see. All three are applied in one call, so the result has three channels.
#
# **Predict.** Where will the second filter find something in the letter? And what does the third one do?

# %%
glyphs = Glyphs("R", fonts=("sans",), turn=(0, 0), shear=(0, 0))
letter = (glyphs.sample(1, np.random.default_rng(0)) + 1) / 2  # from 0, black, to 1, white
filters = np.stack([edges, edges.T, np.ones((3, 3)) / 9])[:, None].astype(letter.dtype)
seen = mg.conv2d(letter, filters)
print("image", letter.shape, " filters", filters.shape, " result", seen.shape)

names = ["left to right", "top to bottom", "mean of nine"]
figure, axes = plt.subplots(1, 4, figsize=(8, 2.4))
draw(axes[0], letter[0, 0], "image", numbers=0)
for ax, channel, name in zip(axes[1:], seen[0], names, strict=True):
    draw(ax, channel, name, numbers=0)
plt.show()

# %% [markdown]
# Purple is where it gets brighter to the right, or downwards; orange is where it gets darker. A network is not given
# such filters. It learns them, and for that it needs derivatives: section 5.
#
# With several channels each filter has a slice for each of them, and everything is added up:
#
# $$y_{n o i j} = \sum_{c, u, v} w_{o c u v} \; x_{n, c, i + u, j + v}$$
#
# (Mathematicians turn the filter by half a turn first, and call what we do *cross-correlation*. A network that learns
# its filters does not mind.)
#
# ## 2. A product of matrices
#
# A sum of products is what a matrix product is made of. Write what lies under the filter at each place into a row:
# that is the **matrix of patches**, and making it is known as **im2col**.


# %%
def im2col(x, kh, kw):
    """An image (H, W) to its patches, one in each row."""
    places = np.ndindex(x.shape[0] - kh + 1, x.shape[1] - kw + 1)
    return np.array([x[i : i + kh, j : j + kw].ravel() for i, j in places])


patches = im2col(image, 3, 3)
print(patches)
print("patches @ filter =", patches @ edges.ravel())

# %%
figure, axes = plt.subplots(1, 3, figsize=(8, 4.5), width_ratios=[9, 1, 1])
draw(axes[0], patches, "patches", limit=12)
label(axes[0], rows="abcd")
draw(axes[1], edges.reshape(9, 1), "filter")
axes[1].text(-1.4, 4, "@", size=20, ha="center", va="center")
draw(axes[2], (patches @ edges.ravel()).reshape(4, 1), "result")
axes[2].text(-1.4, 1.5, "=", size=20, ha="center", va="center")
plt.show()

# %% [markdown]
# With a whole batch and several filters it is still one product: a row for each place of each image, a column for
# each filter.
#
# **Predict.** Nothing is saved: the product does exactly the multiplications that the loop does, and the patches have
# to be copied first. How much faster is it?


# %%
def conv_by_loops(x, w):
    """Images (N, C, H, W) and filters (O, C, KH, KW): a loop over images, filters and places."""
    n, _, height, width = x.shape
    o, _, kh, kw = w.shape
    out = np.zeros((n, o, height - kh + 1, width - kw + 1))
    for image, filter, i, j in np.ndindex(out.shape):
        out[image, filter, i, j] = (x[image, :, i : i + kh, j : j + kw] * w[filter]).sum()
    return out


def conv_by_product(x, w):
    """The same, as one product of matrices."""
    o, _, kh, kw = w.shape
    windows = np.lib.stride_tricks.sliding_window_view(x, (kh, kw), axis=(2, 3))
    windows = windows.transpose(0, 2, 3, 1, 4, 5)  # (N, OH, OW, C, KH, KW), and nothing is copied
    patches = windows.reshape(-1, w[0].size)  # here it is
    out = patches @ w.reshape(o, -1).T
    return out.reshape(*windows.shape[:3], o).transpose(0, 3, 1, 2)


def fastest(f, *arrays):
    """The seconds of the best of five calls."""
    times = []
    for _ in range(5):
        start = time.perf_counter()
        f(*arrays)
        times.append(time.perf_counter() - start)
    return min(times)


rng = np.random.default_rng(0)
x, w = rng.standard_normal((8, 8, 16, 16)), rng.standard_normal((16, 8, 3, 3))
slow = fastest(conv_by_loops, x, w)
expected = conv_by_loops(x, w)
print(f"calls in the loop {expected.size:,}, each with {w[0].size} products")
print(f"numbers in the images {x.size:,}, in the patches {8 * 14 * 14 * w[0].size:,}")
for f in (conv_by_product, mg.conv2d):
    times = float(f"{slow / fastest(f, x, w):.1g}")
    same = np.allclose(f(x, w), expected)
    print(f"{f.__name__}: same result {same}, about {times:.0f} times as fast")

# %% [markdown]
# The loop asks Python 25,000 times for 72 products each. The product asks once for everything, and no routine of the
# machine is better tuned: it loads a piece of both matrices, and uses each number of it many times while it is at hand.
# The price is memory, as each pixel is copied up to nine times. `mg.conv2d` therefore makes the patches of a few images
# at a time.
#
# ## 3. One matrix
#
# Each number of the result is a weighted sum of pixels, so the whole convolution is linear: there must be a matrix
# $A$ with $y = A x$, where $x$ are the 16 pixels and $y$ the 4 results, each written as a column. Column $k$ of it is
# what becomes of the image in which only pixel $k$ is 1. So we push 16 such images through `mg.conv2d`, as a batch.
#
# The filter now has the taps 1 to 9, to be recognised.
#
# **Predict.** How many of the 64 entries are not zero, and what does row `a` look like?


# %%
def matrix_of(w, **options):
    """The matrix of a convolution of 4 x 4 images."""
    units = np.eye(16).reshape(16, 1, 4, 4)
    return mg.conv2d(units, w[None, None], **options).reshape(16, -1).T


w = np.arange(1.0, 10.0).reshape(3, 3)
A = matrix_of(w)
print("A x is the convolution:", np.allclose(A @ image.ravel(), conv_by_loop(image, w).ravel()))
jacobian = mg.jacobian(lambda x: mg.conv2d(x, w[None, None]), image[None, None])
print("and A is its Jacobian: ", np.allclose(A, jacobian.data.reshape(4, 16)))

figure, ax = plt.subplots(figsize=(8, 2.6))
draw(ax, A, numbers=14)
label(ax, "abcd", range(16))
ax.set_title("A: a row for each place, a column for each pixel", size=13, pad=26)
plt.show()

# %% [markdown]
# Each row holds the filter, in three pieces with a gap: the pixel that the filter does not cover. From row to row it
# moves by one, and from `b` to `c` by three, to the next row of the image. A fully connected layer of this shape has 64
# weights to learn. Here there are 9, each used at every place, and that is all that makes it a convolution.
#
# ### The transpose
#
# The transpose $A^\top$ has 4 columns and 16 rows: it makes an image out of 2 x 2 numbers. It is the **transposed
# convolution**, and `mg.conv_transpose2d` computes it without the matrix. Here we push its 4 unit images through it:

# %%
units = np.eye(4).reshape(4, 1, 2, 2)
transposed = mg.conv_transpose2d(units, w[None, None]).reshape(4, 16).T
print("the matrix of conv_transpose2d is the transpose of A:", np.array_equal(transposed, A.T))

figure, ax = plt.subplots(figsize=(3, 6.6))
draw(ax, transposed)
label(ax, range(16), "abcd")
ax.set_title("conv_transpose2d", size=13, pad=26)
plt.show()

# %% [markdown]
# Read it by columns. Column `a` says: what stands at place `a` goes to every pixel that `a` looked at, times the tap
# that it looked through. So each place **paints** the filter on an empty image, as strongly as its number says, and
# where two overlap they add up.
#
# **Predict.** With the filter `brush` and the numbers `strength` below, what is painted in the second row and second
# column?

# %%
brush = np.array([[1.0, 1, 1], [1, 2, 1], [1, 1, 1]])
strength = np.array([[1.0, 2], [3, 4]])
total = mg.conv_transpose2d(strength[None, None], brush[None, None])[0, 0]

figure, axes = plt.subplots(1, 5, figsize=(9, 2.3))
for ax, name, (i, j) in zip(axes[:4], "abcd", np.ndindex(2, 2), strict=True):
    painted = np.zeros((4, 4))
    painted[i : i + 3, j : j + 3] = strength[i, j] * brush
    draw(ax, painted, f"{name} paints {strength[i, j]:g} w", limit=total.max())
    outline(ax, i, j)
draw(axes[4], total, "all")
plt.show()

# %% [markdown]
# Where have you met $A^\top$? In the backward pass: if $y = A x$, then
# $\dfrac{\partial L}{\partial x} = A^\top \dfrac{\partial L}{\partial y}$. The gradient of a convolution by its image
# *is* a transposed convolution. And a layer that draws images out of few numbers, as generators do, is the backward
# pass of one that looks at them.
#
# ### Stride and padding
#
# With the **stride** 2 the filter moves by two pixels at a time. With the **padding** 1 the image gets a border of
# zeros, one pixel wide. It remains a matrix:
#
# **Predict.** The taps on the border multiply zeros. How many of the nine are left at place `a`, where the filter
# sticks out above and on the left?

# %%
strided = matrix_of(w, stride=2, padding=1)
figure, ax = plt.subplots(figsize=(8, 2.6))
draw(ax, strided, numbers=14)
label(ax, "abcd", range(16))
ax.set_title("A, with stride 2 and padding 1", size=13, pad=26)
plt.show()

options = {"stride": 2, "padding": 1, "output_padding": 1}  # section 4 says what the last one is for
back = mg.conv_transpose2d(units, w[None, None], **options).reshape(4, 16).T
print("conv_transpose2d is still the transpose:", np.array_equal(back, strided.T))

# %% [markdown]
# ### It undoes nothing
#
# Transposed convolutions are often called *deconvolutions*. That is a wrong name: a deconvolution would bring the image
# back. Look at what comes back.

# %%
x, E = image.ravel(), matrix_of(edges)
figure, axes = plt.subplots(1, 3, figsize=(8, 2.8))
draw(axes[0], image, "$x$", limit=12)
draw(axes[1], (E @ x).reshape(2, 2), r"$A\,x$")
draw(axes[2], (E.T @ E @ x).reshape(4, 4), r"$A^{\top} A\,x$")
plt.show()
print("numbers in the image: 16, independent numbers in the result:", np.linalg.matrix_rank(E))

# %% [markdown]
# It cannot be otherwise: 16 pixels went in, 4 numbers came out, and the rest is lost. What comes back has the shape of
# the image, and nothing more.
#
# But even where nothing is lost, the transpose is not the inverse. With the padding 1 the result has 16 numbers, too.
# This filter can be undone, by the matrix $A^{-1}$. Compare it with $A^\top$.

# %%
corner = np.array([[1.0, 1, 0], [1, 2, 0], [0, 0, 0]])
square = matrix_of(corner, padding=1)
inverse = np.linalg.inv(square)

figure, axes = plt.subplots(1, 3, figsize=(8.5, 3.2))
draw(axes[0], square, "$A$", numbers=0)
draw(axes[1], square.T, r"$A^{\top}$", numbers=0)
draw(axes[2], inverse, "$A^{-1}$", numbers=0)
plt.show()

y = square @ x
print("the transpose gives, first row:", (square.T @ y)[:4])
print("the inverse gives, first row:  ", (inverse @ y)[:4].round(9), "  the image has", x[:4])

# %% [markdown]
# The transpose reaches forward where the filter reached back, pixel by pixel as far as the filter does. To undo a
# convolution, one needs all pixels that came before.
#
# ## 4. Sizes
#
# Three settings say where the filter goes. Circles show what the taps touch at the first place, crosses at the next
# one on the right; the border of zeros is grey.

# %%
SETTINGS = [("stride 2", 2, 0, 1), ("padding 1", 1, 1, 1), ("dilation 2", 1, 0, 2)]
figure, axes = plt.subplots(1, 3, figsize=(9, 3.4))
for ax, (name, stride, padding, dilation) in zip(axes, SETTINGS, strict=True):
    for border, color in ((padding, "0.8"), (0, "white")):
        size = 6 + 2 * border
        ax.add_patch(Rectangle((-border, -border), size, size, facecolor=color, edgecolor="0.5"))
    rows, columns = np.mgrid[:3, :3].reshape(2, 9) * dilation - padding + 0.5
    ax.plot(columns, rows, "o", color="#0072B2", markersize=17, markerfacecolor="none", mew=2.5)
    ax.plot(columns + stride, rows, "x", color="#D55E00", markersize=10, mew=3)
    for line in range(1, 6):
        ax.plot([line, line], [0, 6], [0, 6], [line, line], color="0.85", linewidth=1, zorder=1)
    ax.set(xlim=(-1.1, 7.1), ylim=(7.1, -1.1), aspect="equal", title=name)
    ax.set_axis_off()
plt.show()

# %% [markdown]
# For an image of the height $H$ and a filter of the height $K$, the result has the height
#
# $$H_{\text{out}} = \left\lfloor \frac{H + 2\,\text{padding} - \text{dilation}\,(K - 1) - 1}{\text{stride}}
#   \right\rfloor + 1 .$$
#
# Read it from the inside: the filter covers $\text{dilation}\,(K - 1) + 1$ pixels, what is left of the padded image is
# how far it can move, in steps of the stride, and the place where it started counts, too. The same for widths.
#
# A transposed convolution goes back, and solves this for $H$:
#
# $$H = (H_{\text{out}} - 1)\,\text{stride} - 2\,\text{padding} + \text{dilation}\,(K - 1) + 1
#   + \text{output\_padding}$$
#
# **Predict.** With the stride 2, do images of the heights 5 and 6 give results of different heights? ($K = 3$,
# padding 1)


# %%
def size_after(size, kernel, stride=1, padding=0, dilation=1):
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def size_before(size, kernel, stride=1, padding=0, dilation=1, output_padding=0):
    return (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + 1 + output_padding


markers = [("o", "#0072B2"), ("s", "#D55E00"), ("^", "#009E73")]
figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), sharey=True)
for ax, stride in zip(axes, (2, 3), strict=True):
    for extra, (marker, color) in enumerate(markers[:stride]):
        after = np.arange(1, 14 // stride)
        before = size_before(after, 3, stride, 1, output_padding=extra)
        ax.plot(before, after, marker, color=color, markersize=11, label=f"output_padding={extra}")
    ax.set(xlabel="$H$", title=f"stride {stride}", xticks=range(1, 14, 2))
    ax.grid(color="0.9")
    ax.legend(fontsize=11)
axes[0].set_ylabel(r"$H_{\mathrm{out}}$")
plt.show()

# %% [markdown]
# Go up from any $H$, and you do what `conv2d` does: there is one $H_{\text{out}}$, the same for 5 and 6. Go to the
# right from any $H_{\text{out}}$, and you do what `conv_transpose2d` does: there are as many sizes to choose from as
# the stride says. **`output_padding` chooses one of them.** It adds rows below and columns on the right, and they are
# not empty: what reaches them is painted there.
#
# The formulas against the functions, over some hundred settings:

# %%
checked = transposed = 0
settings = itertools.product(range(5, 10), (1, 2, 3), (1, 2, 3), (0, 1), (1, 2))
for size, kernel, stride, padding, dilation in settings:
    w_ones = np.ones((1, 1, kernel, kernel))
    y = mg.conv2d(np.ones((1, 1, size, size)), w_ones, None, stride, padding, dilation)
    assert y.shape[2] == size_after(size, kernel, stride, padding, dilation)
    checked += 1
    for extra in range(stride):
        back = mg.conv_transpose2d(y, w_ones, None, stride, padding, extra, 1, dilation)
        assert back.shape[2] == size_before(y.shape[2], kernel, stride, padding, dilation, extra)
        assert size_after(back.shape[2], kernel, stride, padding, dilation) == y.shape[2]
        transposed += 1
print(f"{checked} convolutions and {transposed} transposed ones have the sizes of the formulas")

# %% [markdown]
# ## 5. The closed triple
#
# Multiply the result of a convolution by any numbers $y$ of its shape, and add everything up:
#
# $$T(x, w, y) = \sum_{n, o, c, i, j, u, v} y_{n o i j} \; w_{o c u v} \; x_{n, c, i + u, j + v}$$
#
# This one number is linear in $x$, in $w$ and in $y$. So its derivative by one of them contains the other two only, and
# there are three such derivatives:
#
# | by | from | what it does | called |
# |---|---|---|---|
# | $y$ | $x$, $w$ | the filter looks, at every place | `mg.conv2d(x, w)` |
# | $x$ | $y$, $w$ | every place paints the filter | `mg.conv_transpose2d(y, w)` |
# | $w$ | $x$, $y$ | each tap adds up what lay under it, times $y$ | `mg.conv2d_weight(x, w.shape, y)` |
#
# Each of the three, multiplied by what it is the derivative by and added up, gives $T$ back.

# %%
rng = np.random.default_rng(1)
shapes = [(2, 3, 6, 5), (4, 3, 3, 2), (2, 4, 4, 4)]
x, w, y = (rng.standard_normal(shape) for shape in shapes)
windows = np.lib.stride_tricks.sliding_window_view(x, (3, 2), axis=(2, 3))
print(f"T, the sum itself           {np.einsum('noij,ocuv,ncijuv->', y, w, windows):.12f}")
print(f"<y, conv2d(x, w)>           {(y * mg.conv2d(x, w)).sum():.12f}")
print(f"<x, conv_transpose2d(y, w)> {(x * mg.conv_transpose2d(y, w)).sum():.12f}")
print(f"<w, conv2d_weight(x, y)>    {(w * mg.conv2d_weight(x, w.shape, y)).sum():.12f}")

# %% [markdown]
# Now let one of the three be an op in a network, for example `conv2d`, and let $y$ be the upstream gradient. Then $T$
# is what the rest of the network looks like from here, and the two rules of `conv2d` are the derivatives of $T$ by $x$
# and by $w$: the other two maps. The same holds for `conv_transpose2d` and for `conv2d_weight`. So the backward pass
# of a convolution needs nothing but convolutions, and neither does the backward pass of the backward pass.
#
# `create_graph=True` records it. White is the forward pass, violet the backward pass.

# %%
x, w = mg.tensor(x, requires_grad=True), mg.tensor(w, requires_grad=True)
out = mg.conv2d(x, w)
upstream = mg.tensor(y, requires_grad=True)
by_x, by_w = mg.grad(out, (x, w), upstream, create_graph=True)
mg.graph([out, by_x, by_w])

# %% [markdown]
# **Predict.** Now we differentiate `by_w`, which is a `conv2d_weight` of `x` and `upstream`, by both of them. Which two
# violet boxes will there be?

# %%
ones = mg.tensor(np.ones(w.shape))
again_by_x, again_by_upstream = mg.grad(by_w, (x, upstream), ones, create_graph=True)
mg.graph([by_w, again_by_x, again_by_upstream])

# %% [markdown]
# That makes six rules of one line each, and derivatives of every order. The judge of notebook 06 agrees:

# %%
small_x, small_w = rng.standard_normal((1, 2, 4, 4)), rng.standard_normal((2, 2, 3, 3))
small_y = rng.standard_normal((1, 2, 2, 2))
for name, f, arrays in [
    ("conv2d", lambda x, w: mg.conv2d(x, w), (small_x, small_w)),
    ("conv_transpose2d", lambda y, w: mg.conv_transpose2d(y, w), (small_y, small_w)),
    ("conv2d_weight", lambda x, y: mg.conv2d_weight(x, (2, 2, 3, 3), y), (small_x, small_y)),
]:
    print(f"{name:<17} {mg.gradcheck(f, arrays)}")
    print(f"{'':<17} {mg.gradgradcheck(f, arrays)}")

# %% [markdown]
# A second derivative that is used: how the gradient by the weights changes when one moves in the direction $v$. With
# $L(w) = \sum \text{softplus}(x * w)$ and $*$ for the convolution, the gradient is `conv2d_weight` of $x$ and of
# $\sigma(x * w)$. Its derivative in the direction $v$ is, as $\sigma' = \sigma (1 - \sigma)$, a `conv2d_weight` again,
# and inside of it there is a `conv2d` of $v$. `mg.hvp` finds it by itself: a **Hessian-vector product**.

# %%
v = rng.standard_normal(small_w.shape)


def loss(w):
    return mg.softplus(mg.conv2d(small_x, w)).sum()


s = mg.sigmoid(mg.conv2d(small_x, small_w))
on_paper = mg.conv2d_weight(small_x, v.shape, s * (1 - s) * mg.conv2d(small_x, v))
by_engine = mg.hvp(loss, small_w, v)
print(f"largest number {abs(on_paper).max():.2f}, ", end="")
print(f"largest difference {abs(on_paper - by_engine.data).max():.0e}")

# %% [markdown]
# ## 6. Checkerboards
#
# Generators draw with transposed convolutions, and many of their images have a fine pattern like a checkerboard. The
# reason is in section 3: places paint, and paint adds up where they overlap. Give every place the same number, 1, and a
# filter of ones. What is painted is how often each pixel is reached.
#
# **Predict.** With the stride 2, does a filter of 3 x 3 reach all pixels equally often? And one of 4 x 4?
#
# The third way has no transposed convolution at all: first make the image twice as large by repeating pixels, then
# convolve with the stride 1. The second row does the same with random filters.


# %%
def transposed_3(x, w):
    return mg.conv_transpose2d(x, w[:, :, :3, :3], stride=2, padding=1, output_padding=1)


def transposed_4(x, w):
    return mg.conv_transpose2d(x, w, stride=2, padding=1)


def resized(x, w):
    return mg.conv2d(F.interpolate(x, scale_factor=2), w[:, :, :3, :3], padding=1)


WAYS = {
    "transposed, 3 x 3": transposed_3,
    "transposed, 4 x 4": transposed_4,
    "resize, then 3 x 3": resized,
}
flat = np.ones((1, 1, 5, 5))
figure, axes = plt.subplots(2, 3, figsize=(9, 6.2))
for column, (name, way) in zip(axes.T, WAYS.items(), strict=True):
    draw(column[0], way(flat, np.ones((1, 1, 4, 4)))[0, 0], name, numbers=11)
    random = np.random.default_rng(3).uniform(0, 1, (1, 1, 4, 4))
    draw(column[1], way(flat, random)[0, 0], numbers=0)
axes[0, 0].set_ylabel("filter of ones")
axes[1, 0].set_ylabel("random filter")
plt.show()

# %% [markdown]
# Leave the borders aside, where the filter sticks out. With 3 x 3 and the stride 2, pixels are reached once, twice
# or four times, because 3 is not a multiple of 2. With 4 x 4 all are reached four times, so similar taps paint evenly.
# But neighbours are reached by four *different* ones of the sixteen taps, and the random filter shows it. After
# resizing, an even image stays even with every filter.
#
# Can a filter make up for it? It can, where the taps that share a pixel have the same sum at every pixel. Unevenness
# is here the standard deviation of the pixels by their root mean square, 0 if all are equal.


# %%
def unevenness(way, w):
    inside = way(flat, w)[0, 0, 2:-2, 2:-2]
    return inside.std() / np.sqrt((inside**2).mean())


tent = np.zeros((1, 1, 4, 4))
tent[0, 0, :3, :3] = np.outer([1, 2, 1], [1, 2, 1])  # once 4, twice 2, or four times 1
rng = np.random.default_rng(0)
random = rng.standard_normal((1000, 1, 1, 4, 4))
for name, way in WAYS.items():
    print(f"{name:<19} ones {unevenness(way, np.ones((1, 1, 4, 4))):.2f},", end=" ")
    print(f"random taps, mean of 1000 filters {np.mean([unevenness(way, w) for w in random]):.2f}")
print(f"transposed, 3 x 3, taps 1 2 1, 2 4 2, 1 2 1: {unevenness(transposed_3, tent):.2f}")

# %% [markdown]
# So a network with transposed convolutions starts uneven, whatever the size of its filters, and has to learn its way
# out. Where its size is a multiple of the stride, a filter of similar taps is even already. The DCGAN of this course
# uses 4 x 4 with the stride 2: for each small pixel that takes 16 products, and resizing with 3 x 3 takes 36.
#
# **Question.** Backward, a convolution with a stride paints, too. Which pixels of an image get more gradient than
# others from a discriminator whose first layer has 3 x 3 filters and the stride 2?
#
# ## 7. Exercises
#
# As in notebook 06, write the rule in the place of the `...`: `g` is the upstream gradient, `out` is the result, then
# come the inputs. Run the cell, and the check below it. Solutions are in the folder `solutions`.
#
# ### Exercise 1: patches
#
# im2col for images of 4 x 4, as in section 2. A pixel in the middle stands in all four rows, a pixel in the corner in
# one.


# %%
def patches(x):
    return np.array([x[i : i + 3, j : j + 3].ravel() for i, j in np.ndindex(2, 2)])


def patches_vjp(g, out, x):
    return ...


# %%
mg.check_vjp(patches, patches_vjp, np.random.default_rng(1).standard_normal((4, 4)))

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Start with zeros of the shape of `x`, and bring each row of `g` to where the row came from.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `zip(g, np.ndindex(2, 2))` gives each row with its place. A row has nine numbers, its place is a square of 3 x 3.
#
# </details>
# <details><summary>Hint 3</summary>
#
# What is right for a pixel that stands in four rows? This function is known as *col2im*, and is one half of a
# transposed convolution. The other half is a matrix product.
#
# </details>
#
# ### Exercise 2: a layer that looks
#
# A convolution that halves its image: 6 x 6 becomes 3 x 3. Return the gradients of the image and of the filters, by
# the functions of section 5.


# %%
def look(x, w):
    return mg.conv2d(x, w, stride=2, padding=1)


def look_vjp(g, out, x, w):
    return ..., ...


# %%
rng = np.random.default_rng(2)
mg.check_vjp(look, look_vjp, (rng.standard_normal((2, 2, 6, 6)), rng.standard_normal((3, 2, 3, 3))))

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# In the table of section 5, `g` takes the place of $y$. Stride and padding are the same in all three.
#
# </details>
# <details><summary>Hint 2</summary>
#
# The gradient of the image has the image's shape. Which sizes does a convolution of these settings take to 3 x 3?
#
# </details>
# <details><summary>Hint 3</summary>
#
# Without `output_padding` one gets 5 x 5. The plot of section 4 shows which one leads to 6 x 6.
#
# </details>
#
# ### Exercise 3: a layer that paints
#
# The layer of the DCGAN: it doubles its image, 2 x 2 becomes 4 x 4. Return the gradients of what it is given and of the
# filters.


# %%
def paint(y, w):
    return mg.conv_transpose2d(y, w, stride=2, padding=1)


def paint_vjp(g, out, y, w):
    return ..., ...


# %%
rng = np.random.default_rng(3)
mg.check_vjp(paint, paint_vjp, (rng.standard_normal((2, 3, 2, 2)), rng.standard_normal((3, 2, 4, 4))))

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Which of $x$, $w$ and $y$ does a transposed convolution make? That is the one that `g` stands for now.
#
# </details>
# <details><summary>Hint 2</summary>
#
# The transpose of a transpose is where you started.
#
# </details>
# <details><summary>Hint 3</summary>
#
# For the filters: the large image comes first in `conv2d_weight`, the small one last. Here `g` is the large one.
#
# </details>
#
# ### Exercise 4: the gradient of the filters, as a layer
#
# And the third map, with the stride 1 and no padding. Return the gradients of both images.


# %%
def meet(x, y):
    return mg.conv2d_weight(x, (3, 2, 3, 3), y)


def meet_vjp(g, out, x, y):
    return ..., ...


# %%
rng = np.random.default_rng(4)
mg.check_vjp(meet, meet_vjp, (rng.standard_normal((2, 2, 4, 4)), rng.standard_normal((2, 3, 2, 2))))

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# `g` has the shape (3, 2, 3, 3). What in the sum $T$ has that shape?
#
# </details>
# <details><summary>Hint 2</summary>
#
# The gradient looks at the images, or paints on them, as if it were a filter.
#
# </details>
#
# ### All together
#
# Made ops of an engine, your rules of exercises 2 to 4 can be differentiated once more. They are made of minigrad's
# functions, so nobody has to write another one. A rule that is missing, or wrong, is reported.

# %%
rng = np.random.default_rng(5)
x, w, y = (rng.standard_normal(shape) for shape in [(1, 2, 6, 6), (3, 2, 3, 3), (1, 3, 4, 4)])
rules = [(look, look_vjp, (x, w)), (paint, paint_vjp, (y, w)), (meet, meet_vjp, (x, y))]
for f, rule, arrays in rules:
    op = mg.primitive(f)
    op.defvjps(*(lambda *inputs, rule=rule, i=i: rule(*inputs)[i] for i in range(2)))
    try:
        print(f.__name__, "-", mg.gradcheck(op, arrays))
        print(f.__name__, "-", mg.gradgradcheck(op, arrays))
    except Exception as error:  # of your rule, whatever it is
        print(f"{f.__name__} - {error}")

# %% [markdown]
# ## On to PyTorch
#
# | here | there |
# |---|---|
# | `mg.conv2d`, `mg.conv_transpose2d` | `torch.nn.functional.conv2d`, `conv_transpose2d` |
# | `mg.conv2d_weight` | `torch.nn.grad.conv2d_weight` |
# | `nn.Conv2d`, `nn.ConvTranspose2d` | the same, and the weights fit |
# | `im2col`, exercise 1 | `torch.nn.functional.unfold`, `fold` |
#
# ## What to take along
#
# - A convolution is a filter at every place; it is a product of the matrix of patches with the filters; it is a
#   product of one matrix, in which nine numbers stand again and again, with the image.
# - The transpose of that matrix is the transposed convolution. It paints, it is the backward pass, and it is not the
#   inverse.
# - With a stride, several sizes lead to one. `output_padding` says which of them to go back to.
# - `conv2d`, `conv_transpose2d` and `conv2d_weight` are the three derivatives of one sum. Each one's rules are the
#   other two, to every order.
# - A transposed convolution whose filter is not a multiple of the stride reaches some pixels more often than others:
#   that is the checkerboard. Resizing first avoids it.
