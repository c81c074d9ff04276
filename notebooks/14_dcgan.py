# %% [markdown]
# # A DCGAN learns to draw
#
# The game of notebook 11 with images in the place of numbers. In 2015 it was hard to make this game work with
# convolutions, until Radford, Metz and Chintala found a handful of rules. A network that keeps them is called a DCGAN.
# Here one learns to draw digits while you look on, in less than half a minute. Then you break the rules.
#
# 1. [The data](#1.-The-data)
# 2. [Two networks](#2.-Two-networks), layer by layer, and where each size comes from
# 3. [The rules, and why](#3.-The-rules,-and-why)
# 4. [Play](#4.-Play): a whole training, seen as it goes
# 5. [What the numbers say](#5.-What-the-numbers-say), and what they do not
# 6. [Between two images](#6.-Between-two-images): the straight way, and a better one
# 7. [Break the rules](#7.-Break-the-rules): two experiments, and some of your own
# 8. [Questions](#8.-Questions)
#
# You need the game (notebook 11) and convolutions (notebook 07). Where it says **Predict**, write your answer down
# before you run the next cell. The paper is Radford et al., *Unsupervised Representation Learning with Deep
# Convolutional Generative Adversarial Networks*, 2016.

# %%

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import HTML, display

import gan
import minigrad as mg
from gan.data import Glyphs
from gan.judge import train_classifier
from gan.metrics import classifier_score
from gan.models import dcgan
from gan.viz import Recording, between, grid, joined, text
from minigrad import nn, optim

# %% [markdown]
# ## 1. The data
#
# Digits from eleven fonts, each moved, turned, leaned and thickened a little. They are drawn as they are asked for, so
# no two minibatches are alike. An image is an array (1, 16, 16) of numbers from $-1$, black, to $1$, white.

# %%
DATA = Glyphs(size=16)

looking = np.random.default_rng(0)  # for what is looked at; the training draws its own
REAL = DATA.sample(32, looking)
NOISE = looking.standard_normal((500, 100)).astype(np.float32)
print(REAL.shape, REAL.dtype, REAL.min(), REAL.max())
grid(REAL, 8)

# %% [markdown]
# ## 2. Two networks
#
# The generator begins with 100 random numbers and ends with an image. The discriminator goes the way back, from an
# image to one number $s$, and $D = \sigma(s)$ is how likely it thinks that the image is real. `norm` is what stands
# after a convolution; you will exchange it later.

# %%
WIDTH = 16  # channels where the image has half its size; the paper's networks have 128


def new_generator(rng, norm=nn.BatchNorm2d):
    network = nn.Sequential(
        nn.Unflatten(1, (100, 1, 1)),
        nn.ConvTranspose2d(100, 2 * WIDTH, 4, bias=False),
        norm(2 * WIDTH),
        nn.ReLU(),
        nn.ConvTranspose2d(2 * WIDTH, WIDTH, 4, stride=2, padding=1, bias=False),
        norm(WIDTH),
        nn.ReLU(),
        nn.ConvTranspose2d(WIDTH, 1, 4, stride=2, padding=1, bias=False),
        nn.Tanh(),
    )
    network.noise_size = 100
    dcgan.initialize(network, rng=rng)
    return network


def new_discriminator(rng, norm=nn.BatchNorm2d):
    network = nn.Sequential(
        nn.Conv2d(1, WIDTH, 4, stride=2, padding=1, bias=False),
        nn.LeakyReLU(0.2),
        nn.Conv2d(WIDTH, 2 * WIDTH, 4, stride=2, padding=1, bias=False),
        norm(2 * WIDTH),
        nn.LeakyReLU(0.2),
        nn.Conv2d(2 * WIDTH, 1, 4, bias=False),
        nn.Flatten(),
    )
    dcgan.initialize(network, rng=rng)
    return network


# %% [markdown]
# **Predict.** The generator's second convolution gets 4 x 4 numbers in each channel. It has 4 x 4 filters, the stride
# 2 and the padding 1. How large is what comes out?


# %%
def print_shapes(network, x):
    print(f"{'input':18s} {x.shape!s:18s} weights")
    for i in range(len(network)):
        x = network[i](x)
        weights = sum(p.data.size for p in network[i].parameters())
        print(f"{type(network[i]).__name__:18s} {x.shape!s:18s} {weights or '':7}")
    print()


print_shapes(new_generator(0), NOISE[:64])
print_shapes(new_discriminator(0), REAL)

# %% [markdown]
# A transposed convolution goes from the height $H$ to $(H - 1)\,\text{stride} - 2\,\text{padding} + K$, a convolution
# from $H$ to $\lfloor (H + 2\,\text{padding} - K) / \text{stride} \rfloor + 1$. With $K = 4$, stride $2$ and padding
# $1$, the one doubles every size and the other halves it:

# %%
filters = np.ones((1, 1, 4, 4))
for H in (4, 8, 16, 32):
    x = np.ones((1, 1, H, H))
    up, down = (f(x, filters, stride=2, padding=1).shape[2] for f in (mg.conv_transpose2d, mg.conv2d))
    print(f"from {H:2d} up to {up:2d}, down to {down:2d}")
    assert up == (H - 1) * 2 - 2 * 1 + 4
    assert down == (H + 2 * 1 - 4) // 2 + 1

# %% [markdown]
# So 64 x 64 pixels need two more such layers, and nothing else changes. `gan.models.dcgan` makes these networks for any
# size and width:

# %%
for mine, theirs in [
    (new_generator(0), dcgan.Generator(16, width=WIDTH, rng=0)),
    (new_discriminator(0), dcgan.Discriminator(16, width=WIDTH, rng=0)),
]:
    assert all((a.data == b.data).all() for a, b in zip(mine.parameters(), theirs.parameters()))


# %% [markdown]
# ## 3. The rules, and why
#
# | rule of the paper | why |
# |---|---|
# | strided convolutions, no pooling | the network learns itself how to shrink and to grow an image |
# | no hidden fully connected layers | they would have most of the weights, and know nothing of places |
# | batch normalisation, but not at $G$'s end and $D$'s start | it keeps signals and gradients alive, as you will see |
# | ReLU in $G$, tanh at its end | tanh ends where the data end, at $-1$ and $1$ |
# | LeakyReLU in $D$ | with ReLU, what is below zero passes no gradient on to the image, and so none to $G$ |
# | weights from $N(0, 0.02)$; Adam with $\beta_1 = 0.5$ | found by trying |
#
# The third rule can be seen before any training. Weights from $N(0, 0.02)$ are small. What becomes of a signal that
# passes through several layers of them? Here is a layer that does all that batch normalisation does except to
# normalise: it has a scale and a shift for each channel, to be learned.


# %%
class ScaleAndShift(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.weight = nn.Parameter(np.ones((1, channels, 1, 1), np.float32))
        self.bias = nn.Parameter(np.zeros((1, channels, 1, 1), np.float32))

    def forward(self, x):
        return x * self.weight + self.bias


# %% [markdown]
# **Predict.** The generator gets noise of standard deviation 1. How strongly do the images of an untrained
# generator differ from each other, with batch normalisation and without?


# %%
def spread(network, x):
    """How much different images differ after each layer: the mean standard deviation of its outputs."""
    x, spreads = mg.tensor(x), []
    for i in range(len(network)):
        x = network[i](x)
        spreads.append(x.detach().numpy().std(axis=0).mean())
    return spreads


normalised, plain = (spread(new_generator(0, norm), NOISE) for norm in (nn.BatchNorm2d, ScaleAndShift))
print("after            normalised    plain")
for i, layer in enumerate(new_generator(0)):
    print(f"{type(layer).__name__:16s} {normalised[i]:10.4f} {plain[i]:8.4f}")
assert normalised[-1] > 10 * plain[-1]

# %% [markdown]
# Each plain convolution makes the signal weaker. With nothing to bring it back to size 1, next to nothing of
# the noise is left in the image. Backward, it goes the same way with the gradients. Here is what arrives at the
# generator's first weights from its loss, $-\log D(G(z))$:

# %%
for norm in (nn.BatchNorm2d, ScaleAndShift):
    untrained, judge = new_generator(0, norm), new_discriminator(1, norm)
    mg.softplus(-judge(untrained(NOISE[:64]))).mean().backward()
    print(f"{norm.__name__:15s} {np.abs(untrained[1].weight.grad).mean():.1e}")

# %% [markdown]
# ## 4. Play
#
# We need somebody who says how good the images are, and the losses will not do (section 5). So let a small classifier
# learn to read real digits, and show it images of the generator. The *classifier score* is high when each image is
# clearly some digit, and all digits come up: $1$ at worst, $10$ at best.

# %%
classifier = train_classifier(DATA, steps=400, progress=False)


def score(images):
    return classifier_score(classifier.look(images)[1])


real_score = score(DATA.sample(500, looking))
print(f"score of real images: {real_score:.2f}")
assert real_score > 9

# %% [markdown]
# The next cell has all of a training: two networks, Adam for each, and every 25 rounds a look. The noise is the same
# each time we look, so you see what becomes of the same images.


# %%
def draw(generator, noise):
    """What the generator makes of noise, in use: batch normalisation takes its running means."""
    generator.eval()
    with mg.no_grad():
        images = generator(noise).numpy()
    generator.train()
    return images


def play(rounds, *, norm=nn.BatchNorm2d, lr=1e-3, beta1=0.5, seed=0):
    """A whole training; the images are shown as they change."""
    rng = np.random.default_rng(seed)
    game = gan.two_player(
        new_generator(rng, norm),
        new_discriminator(rng, norm),
        optimizer=lambda parameters: optim.Adam(parameters, lr=lr, betas=(beta1, 0.999)),
    )
    recording = Recording(grid(REAL, 8))
    screen = display("...", display_id=True)

    def look(done, losses):
        if done % 25:
            return None
        images = draw(game.generator, NOISE)
        picture = grid(images[:32], 8)
        recording.add(picture, f"round {done}")
        screen.update(joined([text(f"round {done}"), picture], down=True))
        return {**game.confidence(), "score": score(images)}

    history = gan.train(game, DATA, rounds, batch_size=32, seed=rng, callback=look, progress=False)
    return game.generator, history, recording


# %% [markdown]
# Run it and look. First there is a pale patch in the middle, then there are strokes, then digits; the paper around them
# turns black last.

# %%
generator, history, recording = play(400)
first, last = history["score"][[0, -1]]
print(f"score: {first:.2f} at first, {last:.2f} at the end, and {real_score:.2f} of real images")
assert last > 3

# %% [markdown]
# The same once more, to go through at your own pace. The player needs no Python.

# %%
HTML(recording.player())

# %% [markdown]
# Half a minute has its limits: some of these are digits, and some are nearly. The paper trains wider networks with
# three million photographs. `python examples/dcgan.py` takes larger images, wider networks, five minutes, and in
# the end the average of the generators of the last rounds.
#
# ## 5. What the numbers say
#
# **Predict.** When images become better, what does the loss of the generator do?

# %%
seen = ~np.isnan(history["score"])
rounds = history["round"]
_, axes = plt.subplots(1, 3, figsize=(11, 3))
for name, color in (("generator", "C2"), ("discriminator", "C0")):
    axes[0].plot(rounds, history[name], color, linewidth=0.8, label=name)
for name, color in (("D(x)", "C0"), ("D(G(z)) before", "C2"), ("D(G(z)) after", "C1")):
    axes[1].plot(rounds[seen], history[name][seen], color, marker=".", label=name)
axes[1].axhline(0.5, color="0.6", linestyle="--", linewidth=1)
axes[2].plot(rounds[seen], history["score"][seen], "C3", marker=".", label="score")
axes[2].axhline(real_score, color="0.6", linestyle="--", linewidth=1, label="real images")
for ax, title in zip(axes, ["losses", "mean of D", "classifier score"]):
    ax.set(title=title, xlabel="round", ylim=(0, None))
    ax.legend(fontsize=8)
plt.show()

print("rounds      loss of D  loss of G   D(x)  D(G(z))  score")
for start in range(1, 401, 100):
    part = slice(start, start + 100)
    columns = ("discriminator", "generator", "D(x)", "D(G(z)) before", "score")
    loss_d, loss_g, real, made, mean_score = (np.nanmean(history[name][part]) for name in columns)
    print(f"{start:3d} to {start + 99} {loss_d:10.2f} {loss_g:10.2f} {real:6.2f} {made:8.2f} {mean_score:6.2f}")

# %% [markdown]
# The score rises from the first to the last; the loss of the generator does not tell. A loss is not the distance to a
# goal here: each player's depends on how good the *other one* is at the time, and a generator whose images get better
# meets a discriminator that gets better.
#
# But together the numbers say how the game stands. `game.confidence()` has the mean of $D$ over the real images of the
# last round, and over its generated ones before and after the generator's step, which makes them look more real to
# $D$. Early, $D$ gives real images far more than generated ones. Then the
# two means approach each other, and the loss of $D$ rises. At the end of the game, by theory, both means would be
# $\frac{1}{2}$, and the losses $2 \log 2 \approx 1.39$ and $\log 2 \approx 0.69$.
#
# ## 6. Between two images
#
# If the generator had only learned single images by heart, then between two of them there would be nothing. So let us
# go from one noise vector to another and look at what is on the way. Which way? The straight one is
# $(1 - t)\,z_0 + t\,z_1$.
#
# **Predict.** Noise of 100 normal numbers has a length near $\sqrt{100} = 10$. How long is it halfway between two such
# vectors?


# %%
def straight(start, end, steps):
    t = np.linspace(0, 1, steps, dtype=np.float32)[:, None]
    return (1 - t) * start[:, None] + t * end[:, None]


starts, ends = NOISE[:3], NOISE[3:6]
rows = []
for name, way in (("straight", straight), ("on the sphere", between)):
    noise = way(starts, ends, 8).reshape(-1, 100)
    lengths = [f"{length:.1f}" for length in np.linalg.norm(noise, axis=1)]
    rows += [text(f"{name}; the length of the noise"), grid(draw(generator, noise), 8, labels=lengths)]
joined(rows, down=True)

# %% [markdown]
# Two random vectors of many dimensions are nearly at right angles, so halfway the straight way has lost nearly
# a third of its length. Such short noise never came up in training:

# %%
print(f"lengths of {len(NOISE)} noise vectors: {np.linalg.norm(NOISE, axis=1).min():.1f} at least")
print("halfway          length    white pixels")
for name, way in (("straight", straight), ("on the sphere", between)):
    noise = way(NOISE[:250], NOISE[250:], 3)[:, 1]
    white = (draw(generator, noise) > 0).mean()
    print(f"{name:15s} {np.linalg.norm(noise, axis=1).mean():7.1f} {white:12.1%}")
white = (draw(generator, NOISE) > 0).mean()
print(f"{'all noise':15s} {np.linalg.norm(NOISE, axis=1).mean():7.1f} {white:12.1%}")

# %% [markdown]
# Halfway on the straight way the strokes get thin and break. The way on the sphere keeps to lengths that the generator
# knows. In both, one digit turns into another without a jump, by way of things that are no digits.
#
# Noise can be added and subtracted, too: `python examples/latent.py` computes bold 8 - thin 8 + thin 1.
#
# ## 7. Break the rules
#
# ### 7.1 Without normalisation
#
# **Predict.** `ScaleAndShift` for batch normalisation, in both networks, and 250 rounds. What will you see?

# %%
_, no_norm, _ = play(250, norm=ScaleAndShift)

# %% [markdown]
# ### 7.2 Adam as it comes
#
# Adam's usual $\beta_1$ is $0.9$: each step goes along a mean of about the last ten gradients. With $0.5$ it is the
# last two.
#
# **Predict.** Why could a long memory be bad in a game, when it is good for learning alone?

# %%
_, long_memory, _ = play(250, beta1=0.9)

# %%
print("after 250 rounds      score    D(x)   D(G(z))")
for name, run in (("all rules", history), ("no normalisation", no_norm), ("beta1 = 0.9", long_memory)):
    print(f"{name:18s} {run['score'][250]:8.2f} {run['D(x)'][250]:7.2f} {run['D(G(z)) before'][250]:9.2f}")
    assert run is history or run["score"][250] < history["score"][250]

# %% [markdown]
# Without normalisation the images are blots, and many look alike. With the long memory, $D$ tells real from generated
# without effort, and 32 different noises become stripes of much the same kind: the generator has *collapsed*. One
# explanation is that it runs where the discriminator was weak some rounds ago, and is still on its way when that has
# changed.
#
# ### 7.3 Your own
#
# `play(250, ...)` takes other settings. Predict, then try:
#
# 1. `lr=2e-4`, which is what the paper recommends. Look at the grid and at the score. What is it that so short
#    a training lacks? And `lr=1e-2`?
# 2. Another `seed`, twice. How much do scores differ that differ by nothing but chance? What does that mean for the
#    comparison above?
# 3. Only one network without normalisation. Which of the two needs it more? (Change `play`.)
# 4. ReLU in the place of LeakyReLU in the discriminator, `nn.LeakyReLU(0.0)`.
# 5. Weights from $N(0, 0.2)$: after `dcgan.initialize`, write
#    `for p in network.parameters(): p.data *= 10 if p.ndim == 4 else 1`. Does normalisation make up for it?
#
# ## 8. Questions
#
# 1. How many convolutions has the generator for 64 x 64 pixels, and how many channels at 4 x 4, if the width stays as
#    it is? Check with `print_shapes(dcgan.Generator(64, width=WIDTH), NOISE[:1])`.
# 2. The convolutions have no bias. Why would one be useless right before batch normalisation?
# 3. Real and generated images go through the discriminator as two batches, so each kind is normalised by its own mean
#    and variance. What would $D$ see at once if they were one batch?
# 4. Why is the classifier score of a generator that draws one perfect 7, again and again, just 1? And which failure
#    of a generator does the score not notice?
# 5. The paper's noise is uniform in $[-1, 1]$. Does the straight way lead to noise that never came up there, too?
#
# <details><summary>Answers</summary>
#
# 1. Five, and 128.
# 2. Normalisation subtracts the mean of each channel, and with it any constant.
# 3. Whatever distinguishes the generated images as a whole, such as being paler. Of its own batch, the mean is taken
#    away. $D$ would have it easier, and the generator would get less from it.
# 4. $p(y|x)$ is the same for all images, so it is $p(y)$, and the divergence between the two is 0. A generator that
#    knows only ten images by heart, one of each class, has the full score.
# 5. Yes. A number that is uniform in $[-1, 1]$ has the variance $\frac{1}{3}$, the mean of two has $\frac{1}{6}$: the
#    length falls from about 5.8 to 4.1.
#
# </details>
