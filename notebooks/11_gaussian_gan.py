# %% [markdown]
# # A GAN learns a Gaussian, move by move
#
# Two networks play against each other. The *generator* $G$ turns noise into numbers that should look like the data.
# The *discriminator* $D$ looks at a number and says how likely it is to be real. Each learns from the other's
# mistakes. With data that are single numbers, all of the game fits into one picture, and everything in the picture can
# be computed exactly.
#
# 1. [The game](#1.-The-game): $V(D, G)$, and Algorithm 1
# 2. [The picture](#2.-The-picture): Figure 1 of the 2014 paper, element by element
# 3. [Play](#3.-Play): one move at a time, with buttons
# 4. [A whole training](#4.-A-whole-training): with a player that also works on a page without Python
# 5. [Four experiments](#5.-Four-experiments): what $D$ converges to, which loss, how many steps, what theory allows
# 6. [Questions](#6.-Questions)
#
# You need to know what a probability density is and how a network learns from a gradient. The paper is Goodfellow et
# al., *Generative Adversarial Nets*, 2014.

# %%
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import HTML

import gan
from gan.data import Normal
from gan.theory import LOG_4, GeneratedDistribution
from gan.viz import Figure1, LiveGame, Observer, Recording
from minigrad import nn, optim

# %% [markdown]
# ## 1. The game
#
# The data have the density $p_{\text{data}}$, here the normal distribution with mean $4$ and standard deviation $0.5$.
# The noise $z$ has the density $p_z$, here the standard normal distribution. Both players care about one number, in
# which $D(x)$ is the probability that $x$ is real:
#
# $$V(D, G) = \mathbb{E}_{x \sim p_{\text{data}}} \log D(x) + \mathbb{E}_{z \sim p_z} \log\bigl(1 - D(G(z))\bigr)$$
#
# $D$ wants $V$ to be large: $D(x)$ near $1$ for data, near $0$ for what $G$ makes. $G$ wants it to be small.
# A $D$ that knows nothing says $\frac{1}{2}$ to everything, and then $V = 2 \log \frac{1}{2} = -\log 4 \approx -1.386$.
#
# **Algorithm 1** of the paper plays in rounds:
#
# > $k$ times: draw a minibatch of noise and one of data, and let $D$ take one step **up** $V$.<br>
# > Once: draw a minibatch of noise, and let $G$ take one step **down** its own loss.
#
# $G$'s own loss can be its part of $V$, $\;\mathbb{E} \log(1 - D(G(z)))$, which is called *saturating*, or, as
# the paper advises, $\;-\mathbb{E} \log D(G(z))$, which is called *non-saturating*. Experiment 5.2 shows why.
#
# Both networks are small:

# %%
DATA = Normal(4.0, 0.5)


def new_game(rng, k=5, generator=None):
    """An untrained game; k is the number of steps that D takes in a round."""
    generator = generator or nn.MLP([1, 16, 16, 1], nn.Softplus, rng=rng)
    discriminator = nn.MLP([1, 32, 32, 1], nn.Tanh, rng=rng)
    return gan.two_player(
        generator,
        discriminator,
        "non-saturating",
        k,
        optimizer=lambda parameters: optim.Adam(parameters, lr=4e-3, betas=(0.5, 0.999)),
    )


LiveGame(new_game, DATA, seed=0)

# %% [markdown]
# ## 2. The picture
#
# This is the game before anybody has moved, drawn as in Figure 1 of the paper. On the left:
#
# | in the picture | what it is |
# |---|---|
# | black, dotted | $p_{\text{data}}(x)$, the density of the data |
# | **green** curve | $p_g(x)$, the density of $x = G(z)$ |
# | **blue, dashed** | $D(x)$, the discriminator as it is now |
# | thin blue | $D^* = p_{\text{data}} / (p_{\text{data}} + p_g)$, the best discriminator against this $G$ |
# | green arrows | from $z$, below, to $x = G(z)$, above; each stands for the same share of the noise |
# | **orange** arrows | $-\,\mathrm{d}L_G/\mathrm{d}x$: which way and how hard $G$'s loss pushes each sample |
#
# The green curve is no histogram. It is computed by change of variables: each $z$ that $G$ takes to $x$ contributes
# its density, thinned out by as much as $G$ stretches the line there, and autograd gives the slope $G'$:
#
# $$p_g(x) = \sum_{z \,:\, G(z) = x} \frac{p_z(z)}{|G'(z)|}$$
#
# So where the green arrows crowd together, $p_g$ is high. Where $G$ turns back, $G'$ is $0$ and the green
# curve shoots up without bound; you will see that early in the game.
#
# On the right is how the game came to this moment. From top to bottom: $V(D, G)$, with the most that any $D$ can reach
# against this $G$, which is $V(D^*, G) = -\log 4 + 2\,\mathrm{JSD}$; the losses of the last minibatches; and the
# Jensen-Shannon divergence $\mathrm{JSD}(p_{\text{data}}, p_g)$, which is $0$ when $G$ has won and $\log 2 \approx
# 0.693$ when data and samples have nothing in common.

# %% [markdown]
# ## 3. Play
#
# Run the cell and press the buttons. **step D** and **step G** are one step of one player, **step both** is one round
# of Algorithm 1: $k$ steps of $D$, then one of $G$. A sentence says what each move did. The loss, $k$ and the
# learning rate may be changed at any time and count from the next move on. The slider at the bottom goes back
# through all moments so far; it only shows them, and the next move goes on from the newest. **reset** starts again.
#
# Some moves have been made already, and each has left its sentence. Things to try:
#
# 1. Press **reset**, then **step D** again and again. What does the dashed curve come to look like?
# 2. When $D$ is sure, switch the loss of $G$. What happens to the orange arrows?
# 3. Now **step G**. Which way do the samples go, and what does that do to $V$?
# 4. Press **100 rounds** until green lies on black. What is $D$ then? Who has won?
#
# (Where no Python runs, as on a web page, the buttons are missing and you see a picture of the newest moment.)

# %%
live = LiveGame(new_game, DATA, seed=0)
print(live.step_discriminator(40))
print(live.step_generator())
print(live.step_both(30))
live.controls()

# %% [markdown]
# ## 4. A whole training
#
# Here is a game of 600 rounds with $k = 5$, looked at 33 times. The player needs no Python: press **Play**, or go
# through the moments with the slider or the arrow keys.

# %%
ROUNDS, LOOKS = 600, 33

rng = np.random.default_rng(0)
game = new_game(rng)
observer = Observer(game, DATA)
moments = set(np.linspace(0, ROUNDS, LOOKS).round().astype(int))
snapshots = []


def look(done, losses):
    if done in moments:
        snapshots.append(observer.snapshot(done, losses))


gan.train(game, DATA, ROUNDS, seed=rng, callback=look, progress=False)

figure, recording, pictures = Figure1(ROUNDS), Recording(), []
for i in range(LOOKS):
    figure.draw(snapshots[: i + 1])
    pictures.append(figure.picture())
    recording.add(pictures[i], f"round {snapshots[i].round}")
HTML(recording.player())

# %%
end = snapshots[-1]
print(f"data:      mean {DATA.mean:.3f}, standard deviation {DATA.std:.3f}")
print(f"generated: mean {end.mean:.3f}, standard deviation {end.std:.3f}, JSD {end.jsd:.4f} nat")
print(f"V(D, G) = {end.value:.4f}, and -log 4 = {-LOG_4:.4f}")
assert end.jsd < 0.05
assert np.abs(end.d_star - 0.5)[end.p_data > 0.2].max() < 0.15

# %% [markdown]
# Four of these moments, the left half of the picture only. First $D$ learns where the data are, and the arrows carry
# the samples there. Then $G$ has to find the right shape, and to stop turning back. In the end $p_g$ lies on
# $p_{\text{data}}$, $D^*$ is close to $\frac{1}{2}$ where the data are, and all that is left for $D$ is to say
# $\frac{1}{2}$.


# %%
def left_halves(pictures):
    halves = Recording()
    for picture in pictures:
        halves.add(picture.crop((0, 0, 515, 480)), "")
    return halves.strip(range(len(pictures)))


left_halves([pictures[i] for i in (0, 2, 6, LOOKS - 1)])

# %% [markdown]
# ## 5. Four experiments
#
# ### 5.1 Left alone, $D$ finds $D^*$
#
# Proposition 1 of the paper: for a fixed $G$, the $D$ that makes $V$ largest is
# $D^* = p_{\text{data}} / (p_{\text{data}} + p_g)$. To see it, take a generator $G(z) = 4 + \frac{1}{4} z$, which makes
# samples in the right place but too close together, and let only $D$ move.
#
# How far is $D$ from $D^*$? The table shows the largest distance $\max_x |D(x) - D^*(x)|$ over all $x$ with
# $p_{\text{data}}(x) + p_g(x) > 10^{-3}$. Elsewhere $D$ sees no samples, and nothing tells it what to say.

# %%
narrow = nn.Linear(1, 1)
nn.init.constant_(narrow.weight, 0.25)
nn.init.constant_(narrow.bias, 4.0)


def distance(now):
    return np.abs(now.d - now.d_star)[now.p_data + now.p_g > 1e-3].max()


frozen = LiveGame(lambda rng: new_game(rng, generator=narrow), DATA, batch_size=256)
for learning_rate, steps in [(0.01, 100), (0.01, 200), (0.01, 300), (0.001, 400)]:
    frozen.lr = learning_rate
    frozen.step_discriminator(steps)

print("steps of D   max |D - D*|   V(D, G)   V(D*, G)")
for now in frozen.snapshots:
    print(f"{now.round:10d} {distance(now):14.3f} {now.value:9.3f} {-LOG_4 + 2 * now.jsd:10.3f}")
assert distance(frozen.snapshots[-1]) < 0.1
frozen

# %% [markdown]
# The dashed curve lies on the thin one, and $V$ has reached its maximum for this $G$. $D$ had to learn a
# dip: where the samples crowd, a number is more likely to be one of them than to be real. The orange arrows point out
# of the dip: a step of $G$ would spread the samples.
#
# ### 5.2 Why the paper advises against its own loss
#
# Before the first move of $G$ the samples are far from the data. Train $D$ alone for 100 steps, until it is sure, and
# compare the two losses of the *same* networks. Write $D = \sigma(s)$. Then the derivatives are
#
# $$\frac{\partial}{\partial s} \log(1 - D) = -D \qquad\qquad \frac{\partial}{\partial s} (-\log D) = -(1 - D)$$
#
# and for samples that $D$ is sure about, $D(G(z)) \approx 0$: the first vanishes and the second does not.

# %%
far = LiveGame(new_game, DATA, seed=0)
print(far.step_discriminator(100))
far.loss = "saturating"
print(far.sentence())

steep, flat = far.snapshots[-2:]
ratio = np.abs(steep.push).mean() / np.abs(flat.push).mean()
print(f"Samples have D(G(z)) = {np.interp(flat.g_z, flat.x, flat.d).mean():.4f} on average.")
print(f"The non-saturating loss pushes them {ratio:.0f} times as hard as the saturating one.")
assert ratio > 50

left_halves([far.show(-2), far.show(-1)])

# %% [markdown]
# Look at the row of orange arrows: long with the non-saturating loss on the left, gone with the saturating one on
# the right. This is at the start of the game, when $G$ needs advice most. Both losses have the same
# goal and push in the same direction; only the strength differs.
#
# ### 5.3 Why $D$ moves more often
#
# The orange arrows are only as good as $D$. How close is $D$ to the best it could be? The *gap*
# $V(D^*, G) - V(D, G)$ says so: it is $0$ for $D = D^*$. Here are two games from the same start, one with
# $k = 1$ and one with $k = 5$.


# %%
def play(k, rounds=300, every=20, seed=0):
    """The rounds looked at, with the gap and the JSD then."""
    rng = np.random.default_rng(seed)
    game = new_game(rng, k)
    seen = []

    def look(done, losses):
        if done % every == 0:
            made = GeneratedDistribution(game.generator, game.prior)
            jsd = made.jsd(DATA)
            seen.append((done, -LOG_4 + 2 * jsd - made.value(game.discriminator, DATA), jsd))

    gan.train(game, DATA, rounds, seed=rng, callback=look, progress=False)
    return np.array(seen).T


slow, fast = play(k=1), play(k=5)
_, axes = plt.subplots(1, 2, figsize=(9, 3))
for k, (rounds, gap, jsd), color in [(1, slow, "C3"), (5, fast, "C0")]:
    print(f"k = {k}, after {rounds[-1]:.0f} rounds: gap {gap[-1]:.3f}, JSD {jsd[-1]:.3f}")
    axes[0].plot(rounds, gap, color, label=f"k = {k}")
    axes[1].plot(rounds, jsd, color, label=f"k = {k}")
for ax, title in zip(axes, ["the gap V(D*, G) − V(D, G)", "JSD(p_data, p_g)"]):
    ax.set(title=title, xlabel="round", ylim=(0, None))
    ax.legend()
plt.show()
assert (slow[1:, -1] > 3 * fast[1:, -1]).all()

# %% [markdown]
# With $k = 1$ the discriminator cannot keep up. The gap stays wide, so that the arrows say little about where
# the data are, and $G$ stops getting better. With $k = 5$ the gap closes and $G$ gets there.
#
# ### 5.4 What theory allows
#
# No discriminator can beat $D^*$, so at every moment of every game
#
# $$V(D, G) \;\le\; V(D^*, G) = -\log 4 + 2\,\mathrm{JSD}(p_{\text{data}}, p_g)$$
#
# Both sides have been computed all along, in different ways: the left one by integrating the logarithms of what the
# network $D$ says, the right one from the two densities. Let us check all moments of this notebook.

# %%
moves = {"section 3": live.snapshots, "section 4": snapshots, "5.1": frozen.snapshots, "5.2": far.snapshots}
for name, seen in moves.items():
    gaps = np.array([-LOG_4 + 2 * now.jsd - now.value for now in seen])
    print(f"{name:10s} {len(seen):3d} moments, the gap is between {gaps.min():.4f} and {gaps.max():.4f}")
    assert gaps.min() > -1e-6
assert -LOG_4 + 2 * frozen.snapshots[-1].jsd - frozen.snapshots[-1].value < 0.02

# %% [markdown]
# The gap is never below $0$, and it is near $0$ where $D$ is near $D^*$, as at the end of 5.1. So a low $V$ can mean
# two things: a good generator, or a poor discriminator. The picture tells them apart, $V$ alone does not.

# %% [markdown]
# ## 6. Questions
#
# 1. At the end of section 4, $D$ says about $\frac{1}{2}$ where the data are. Why is that a sign of success, and
#    why is an untrained $D$, which says the same, none? Which curve on the right tells them apart?
# 2. In 5.1 the best discriminator is $D^*(4) = \frac{1}{3}$ in the middle of the data. Derive it from the two
#    densities at $x = 4$.
# 3. The saturating loss pushes far less in 5.2. Yet play section 3 with it, from **reset** on: $G$ moves all the same.
#    What does Adam do to small gradients? What would plain gradient descent do?
# 4. In 5.3, the game with $k = 5$ gave $D$ five times as many steps. Does the game with $k = 1$ catch up if it
#    gets five times as many rounds? Guess first, then change the cell.
# 5. Draw a $G$ for which the green curve shoots up at $x = 3$ and is $0$ to the left of it. How many $z$
#    lead to $x = 3.5$?
