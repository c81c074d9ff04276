# %% [markdown]
# # The theory of GANs, checked by numbers
#
# The paper of 2014 proves a few things about its game: which discriminator is the best, what that makes of the
# generator's task, and where training should end. You have seen these proofs, or will. Here each statement is computed
# from both of its sides, and drawn. Then come formulas that are often printed wrong: you will type them in, see where
# they fail, and repair them.
#
# 0. [What is compared](#0.-What-is-compared): two densities, $V$, and six ways to say how far apart they are
# 1. [The best discriminator](#1.-The-best-discriminator): $D^* = p / (p + q)$
# 2. [What its value says](#2.-What-its-value-says): $C(G) = -\log 4 + 2\,\mathrm{JSD}$
# 3. [Straight down](#3.-Straight-down): $C$ is convex, and descent on $q$ itself goes to $p$
# 4. [With parameters](#4.-With-parameters): where the argument stops
# 5. [Two losses](#5.-Two-losses): one dies far from the data, the other grows
# 6. [Round and round](#6.-Round-and-round): the smallest GAN there is
# 7. [Other labels, other losses](#7.-Other-labels,-other-losses): smoothing, least squares, Wasserstein
# 8. [Formulas as printed](#8.-Formulas-as-printed): six exercises, and more mistakes
# 9. [Questions](#9.-Questions)
#
# You need densities, expectations and logarithms. All logarithms are natural ones, so what they measure is in *nats*.
# Where it says **Predict**, write your answer down before you run the next cell. Section 7 solves linear programs with
# SciPy, which comes with `pip install -e ".[notebooks]"`. The paper is Goodfellow et al., *Generative Adversarial
# Nets*; others are named where they are used.

# %%
import matplotlib.pyplot as plt
import numpy as np

import minigrad as mg
from gan.data import Discrete, Normal, Uniform
from gan.objectives import named
from gan.theory import (
    LOG_4,
    best_value,
    chi_square,
    descent,
    dirac,
    duality,
    errata,
    jsd,
    kl,
    optimal_discriminator,
    optimal_logits,
    optimum,
    other_losses,
    propositions,
    reverse_kl,
    sampled_value,
    slopes,
    total_variation,
    value,
    wasserstein,
)
from gan.viz import theory as draw
from minigrad import nn


def wide():
    """A figure with room for two pictures side by side."""
    return plt.figure(figsize=(8.5, 3.0))


def narrow():
    """A figure with room for one."""
    return plt.figure(figsize=(5.5, 2.6))


def check(statements):
    """Prints statements, each with its two sides and their difference; all of them must hold."""
    print(f"{'':56s}{'left':>11s}    {'right':>10s}  difference")
    for statement in statements:
        print(statement)
    assert all(statement.holds for statement in statements)


# %% [markdown]
# ## 0. What is compared
#
# Write $p$ for the density of the data, $p_{\text{data}}$ in the paper, and $q$ for that of the samples, $p_g$ in the
# paper. Both players of the game care about
#
# $$V(D, G) = \mathbb{E}_{x \sim p} \log D(x) + \mathbb{E}_{x \sim q} \log\bigl(1 - D(x)\bigr)$$
#
# where $D(x)$ is the probability that $x$ is real. $D$ wants $V$ to be large, $G$ wants it to be small. Throughout this
# section $p = N(0, 1)$ and $q = N(2,\, 1.3^2)$.

# %%
p, q = Normal(), Normal(2.0, 1.3)
x = np.linspace(-4.0, 7.0, 400)

plt.plot(x, p.density(x), "k:", linewidth=2, label="p, the data")
plt.plot(x, q.density(x), "C2", linewidth=2, label="q, the samples")
plt.plot(x, optimal_discriminator(p, q, x), "C0", linewidth=2, label="D* = p/(p + q)")
plt.xlabel("x")
plt.legend()
plt.show()

# %% [markdown]
# The blue curve is the discriminator that section 1 is about. It says $\frac{1}{2}$ where $p$ and $q$ cross. Its $V$ is
# an integral, which `value` computes to many digits. In a training there are only samples. They give a mean, and a mean
# of $n$ samples is off by about its *standard error*, $\mathrm{sd} / \sqrt{n}$.
#
# **Predict.** A hundred times as many samples: how many more digits are right?

# %%
exact = value(p, q, lambda x: optimal_discriminator(p, q, x))
rng = np.random.default_rng(0)
print(f"V(D*, G) = {exact:.5f}\n\n     n   from samples   standard error   off by, in standard errors")
for n in (100, 10_000, 1_000_000):
    real, fake = (optimal_logits(p, q, source.sample(n, rng)) for source in (p, q))
    estimate = sampled_value(real, fake)
    off = (estimate.value - exact) / estimate.standard_error
    print(f"{n:8d} {estimate.value:12.5f} {estimate.standard_error:14.5f} {off:14.1f}")
    assert abs(off) < 4

# %% [markdown]
# One more digit. So $V$ from a batch is a rough number.
#
# Now the distances: Kullback-Leibler, the same the other way round, Jensen-Shannon, Pearson's chi-square, total
# variation, and Wasserstein. With $m = \frac{1}{2}(p + q)$:
#
# | | | |
# |---|---|---|
# | KL | $\mathrm{KL}(p \,\Vert\, q) = \mathbb{E}_p \log \frac{p}{q}$ | infinite if $q$ misses a part of $p$ |
# | reverse KL | $\mathrm{KL}(q \,\Vert\, p)$ | infinite if $p$ misses a part of $q$ |
# | JSD | $\frac{1}{2}\mathrm{KL}(p \,\Vert\, m) + \frac{1}{2}\mathrm{KL}(q \,\Vert\, m)$ | from $0$ to $\log 2$ |
# | chi-square | $\int (p - q)^2 / q$ | grows fastest |
# | total variation | $\frac{1}{2} \int \lvert p - q \rvert$ | from $0$ to $1$ |
# | Wasserstein | $W_1$: mass times distance, to make $q$ of $p$ | has the unit of $x$ |
#
# **Predict.** $U(0, 1)$ has nothing in common with $U(2, 3)$, nor with $U(5, 6)$. Which of the six distances tell the
# two pairs apart?

# %%
DISTANCES = {
    "KL": kl,
    "rev. KL": reverse_kl,
    "JSD": jsd,
    "chi^2": chi_square,
    "TV": total_variation,
    "W1": wasserstein,
}
PAIRS = {
    "N(0,1), N(0,1)": (Normal(), Normal()),
    "N(0,1), N(1,1)": (Normal(), Normal(1.0)),
    "N(0,1), N(3,1)": (Normal(), Normal(3.0)),
    "N(0,1), N(0,4)": (Normal(), Normal(0.0, 2.0)),
    "U(0,1), U(-1,2)": (Uniform(0.0, 1.0), Uniform(-1.0, 2.0)),
    "U(0,1), U(2,3)": (Uniform(0.0, 1.0), Uniform(2.0, 3.0)),
    "U(0,1), U(5,6)": (Uniform(0.0, 1.0), Uniform(5.0, 6.0)),
}

table = {name: [distance(*pair) for distance in DISTANCES.values()] for name, pair in PAIRS.items()}
print(f"{'p, q':16s}" + "".join(f"{name:>10s}" for name in DISTANCES))
for name, numbers in table.items():
    print(f"{name:16s}" + "".join(f"{number:10.4f}" for number in numbers))

near, far = np.array(table["U(0,1), U(2,3)"]), np.array(table["U(0,1), U(5,6)"])
assert np.isclose(near, far).tolist() == [True, True, True, True, True, False]
assert np.isclose(near[2], np.log(2.0))
assert np.argmax(table["N(0,1), N(3,1)"]) == 3
assert np.allclose(table["N(0,1), N(0,1)"], 0.0)

# %% [markdown]
# Only $W_1$ knows how far apart they are. The others say: apart. Keep this in mind for section 7.
#
# ## 1. The best discriminator
#
# **Proposition 1.** For a fixed $G$, $V(D, G)$ is largest for $\displaystyle D^*(x) = \frac{p(x)}{p(x) + q(x)}$.
#
# *Why.* $V = \int p \log D + q \log(1 - D) \, \mathrm{d}x$, and $D$ may choose each $D(x)$ freely. So look at one $x$,
# and call $a = p(x)$, $b = q(x)$, $y = D(x)$. The slope of $f(y) = a \log y + b \log(1 - y)$ is
# $\frac{a}{y} - \frac{b}{1 - y}$. It falls all the way, and is zero at $y = \frac{a}{a + b}$: there $f$ is largest.
#
# In the next cell the maximum is found from the slope alone, by halving an interval. Autodiff gives the slope, and
# nobody tells it the formula.

# %%
rng = np.random.default_rng(0)
check(propositions.pointwise_maximum(*rng.uniform(0.01, 5.0, (2, 100))).statements())

y = np.linspace(0.01, 0.99, 99)
for i, (a, b) in enumerate([(1.0, 1.0), (3.0, 1.0), (0.5, 2.0)]):
    plt.plot(y, a * np.log(y) + b * np.log(1.0 - y), f"C{i}", label=f"a = {a:g}, b = {b:g}")
    best = propositions.pointwise_maximum(np.array([a]), np.array([b])).y
    plt.plot(best, a * np.log(best) + b * np.log(1.0 - best), f"C{i}o", markersize=7)
plt.xlabel("y")
plt.ylabel("a log y + b log(1 − y)")
plt.ylim(-7, -1)
plt.legend()
plt.show()

# %% [markdown]
# A network is not free to choose each $D(x)$. It also sees samples only, never $p$ or $q$. Does it come to $D^*$?
# Freeze the generator $G(z) = 2 + 1.3\, z$, whose samples have the density $q$ of section 0, and let $D$ alone take
# steps.
#
# **Predict.** To the left of $-4$ there are hardly any data, and hardly any samples. What will $D$ say there? And what
# does $D^*$ say at $-8$? Mind that $q$ is the wider one.

# %%
wider = nn.Linear(1, 1)
nn.init.constant_(wider.weight, 1.3)
nn.init.constant_(wider.bias, 2.0)

trained = propositions.trained_discriminator(p, wider, seed=0)
check(trained.statements())
ends = [np.interp(-8.0, trained.x, d) for d in (trained.d, trained.d_star)]
print(f"At -8, D says {ends[0]:.2f}, and D* {ends[1]:.2f}.")
assert ends[0] > 0.9 > 0.2 > ends[1]

draw.trained_discriminator(wide(), trained)
plt.show()

# %% [markdown]
# Where there are samples, the dashed curve lies on the broad one. To the left of the grey part $D$ is sure, and
# wrong: nobody has been there, nothing told it what to say, and $V$ does not mind. A generator that goes there gets
# bad advice.
#
# On the right, $V(D, G)$ rises to a ceiling and never goes through it. That is what *largest* means, and a check for
# your own code: a $V$, computed exactly, above the ceiling is a bug.
#
# ## 2. What its value says
#
# The height of the ceiling depends on $G$ alone. The paper calls it $C(G) = V(D^*, G)$.
#
# **Theorem 1.** $\displaystyle C(G) = -\log 4 + 2\,\mathrm{JSD}(p \,\Vert\, q)$. So it is least where $q = p$, and
# nowhere else, and there it is $-\log 4$.
#
# *Why.* With $m = \frac{1}{2}(p + q)$ the best discriminator is $D^* = \frac{p}{2m}$, and $1 - D^* = \frac{q}{2m}$. So
#
# $$C(G) = \mathbb{E}_p \log \frac{p}{2m} + \mathbb{E}_q \log \frac{q}{2m} = -2 \log 2 + \mathrm{KL}(p \,\Vert\, m) +
# \mathrm{KL}(q \,\Vert\, m)$$
#
# The two $\mathrm{KL}$ are twice the $\mathrm{JSD}$. A $\mathrm{KL}$ is never below $0$, and is $0$ for equal densities
# only.
#
# The next cell computes $C$ and the JSD for forty $q = N(\mu, 1)$, each from its own definition, and fits a line.
# **Predict** its slope and where it starts. Where does it end, when data and samples have nothing in common?

# %%
mu = np.linspace(-4.0, 4.0, 40)
found = propositions.criterion(Normal(), [Normal(m) for m in mu])
check(found.statements())

draw.criterion(wide(), mu, found)
plt.show()

disjoint = best_value(Uniform(0.0, 1.0), Uniform(2.0, 3.0))
print(f"C for U(0, 1) and U(2, 3): {disjoint:.6f}, and -log 4 + 2 log 2 = {-LOG_4 + 2 * np.log(2):.6f}")
assert abs(disjoint) < 1e-9

# %% [markdown]
# The red line is a formula that is often printed, with a factor missing. It starts at the same point, so whoever checks
# it at $q = p$ only finds nothing wrong. Section 8 has more of this kind.
#
# ## 3. Straight down
#
# **Proposition 2.** If at each step $D$ is the best one, and $q$ takes a small step down $V(D^*, G)$, then $q$ goes
# to $p$.
#
# *Why.* Fix a $D$. Then $V$ is *linear* in $q$, as $q$ stands in one expectation only. $C$ is the largest of all these
# linear functions, and the largest of linear functions is convex: it has one valley. At each $q$, the slope of $C$
# is that of the function which is the largest there, which is $V$ with $D^*$ held fixed. So the steps go down a convex
# function, whose lowest point is $q = p$.
#
# A distribution on four things is four numbers, so all of this can be computed: the Hessian of $C$ by autodiff, twice,
# and descent on the four numbers themselves, without a network.

# %%
p4 = np.array([0.1, 0.2, 0.3, 0.4])
check(descent.convexity(p4).statements())

path = descent.descend(p4, start=np.array([0.7, 0.1, 0.1, 0.1]))
check(path.statements())

draw.descent(wide(), path)
plt.show()

# %% [markdown]
# ## 4. With parameters
#
# A generator has no $q$ to take steps on. It has parameters, and a step changes $q$ at all $x$ together. $C$ is
# convex in $q$, but as a function of the parameters it need not be, and the argument stops.
#
# An example: the data have two modes, 70 % at $2$ and 30 % at $-2$. The samples are $N(\mu,\, 0.6^2)$ and $\mu$ is all
# that can be learned. $D$ is the best at each step.
#
# **Predict.** Where does descent end from $\mu = 4.5$, and where from $\mu = -4.5$?

# %%
two_ends = descent.parametrised_descent(starts=(4.5, -4.5))
check(two_ends.statements())

draw.parametrised(wide(), two_ends)
plt.show()

# %% [markdown]
# From the left, $\mu$ stays in the smaller mode, although $D$ is perfect. Nothing was wrong with the proof. It is about
# another descent.
#
# ## 5. Two losses
#
# $G$ wants $V$ to be small, and its part of $V$ is $\mathbb{E}_q \log(1 - D)$, the **saturating** loss. The paper
# advises $-\mathbb{E}_q \log D$ instead, the **non-saturating** loss. What do they go down, when $D$ is the best one?
# With $D^*$ held fixed, the slopes by $\mu$ are
#
# $$\frac{\mathrm{d}}{\mathrm{d}\mu} \, \mathbb{E}_q \log(1 - D^*) = \frac{\mathrm{d}}{\mathrm{d}\mu} \, 2\,\mathrm{JSD}
# \qquad\qquad
# \frac{\mathrm{d}}{\mathrm{d}\mu} \, \bigl(-\mathbb{E}_q \log D^*\bigr) =
# \frac{\mathrm{d}}{\mathrm{d}\mu} \, \bigl(\mathrm{KL}(q \,\Vert\, p) - 2\,\mathrm{JSD}\bigr)$$
#
# *Why.* The first is section 3: the slope of $C$ is that of $V$ with $D^*$ held fixed. For the second, note that
# $\frac{1 - D^*}{D^*} = \frac{q}{p}$, so $-\log D^* = \log \frac{q}{p} - \log(1 - D^*)$. The last term has the slope
# $-2\,\mathrm{JSD}$ as before, and $\log \frac{q}{p}$ that of $\mathrm{KL}(q \,\Vert\, p)$ (Arjovsky and Bottou 2017,
# theorem 2.5).
#
# The data are $N(0, 1)$ and the generator is $G(z) = \mu + z$. The thin lines come from autodiff through the losses,
# the broad ones from integrals of the divergences.
#
# **Predict.** The samples start far away, at $\mu = 8$. Which loss brings them home?

# %%
both = slopes.generator_slopes(np.linspace(0.0, 8.0, 81))
check(both.statements())
check(slopes.generator_slopes(np.linspace(0.0, 8.0, 81), std=0.8).statements())  # KL(p || q) would do no longer

draw.slopes(plt.figure(figsize=(8, 3.2)), both)
plt.show()
print(f"At mu = 8 the slopes are {both.saturating[-1]:.6f} and {both.non_saturating[-1]:.2f}.")
assert abs(both.non_saturating[1] / both.saturating[1] - 1.0) < 0.1
assert both.non_saturating[-1] > 1000.0 * both.saturating[-1]

# %% [markdown]
# Near $\mu = 0$ the slopes are alike, and far away they differ by a factor of thousands. The non-saturating loss keeps
# pushing. The price is that it goes down something odd: a divergence *minus* twice another one.
#
# ## 6. Round and round
#
# So far $D$ was the best one at each moment. In a training both learn, and neither is finished. The smallest game in
# which this can be seen is the **Dirac GAN** (Mescheder et al. 2018): all data are $0$, $G$ makes a single number
# $\theta$, and $D(x) = \sigma(\psi x)$. Everything is in two numbers, and the game is over at $\theta = \psi = 0$.
#
# Near there $D \approx \frac{1}{2}$, and with learning rate $h$ one *simultaneous* step of both players is
#
# $$\begin{pmatrix} \theta \\ \psi \end{pmatrix} \leftarrow
# \begin{pmatrix} 1 & h/2 \\ -h/2 & 1 \end{pmatrix} \begin{pmatrix} \theta \\ \psi \end{pmatrix}$$
#
# *Why it runs away.* The matrix turns, and it also stretches: the new point is $\sqrt{1 + h^2/4}$ times as far from the
# end as the old one. If the players take *turns*, as in Algorithm 1, the determinant is exactly $1$: the point goes
# round on an ellipse, for ever. A penalty on $D$'s slope at the data, called $R_1$, pulls $\psi$ to $0$, and with it
# everything.
#
# The three games below are played by the training loop `gan.train`, as every other game in this course.
#
# **Predict.** Which of the three arrives at the star?

# %%
check(dirac.play().statements())

from_afar = dirac.play(h=0.2, steps=150, start=(1.0, 0.0))
assert np.hypot(*from_afar.simultaneous[-1]) < (1.0 + 0.25 * from_afar.h**2) ** (150 / 2)

draw.dirac(wide(), from_afar)
plt.show()

# %% [markdown]
# The steps in the picture start far from the end, where $D$ is not quite $\frac{1}{2}$, so that the orange curve
# grows a little slower than the formula. The numbers above are from a start very near to it. A smaller $h$ helps less
# than one hopes: each step stretches less, and each turn takes more steps.

# %%
for h in (0.4, 0.2, 0.1):
    turn = round(2.0 * np.pi / np.arctan(0.5 * h))  # steps
    path = dirac.dirac_trajectory(h, turn, (1e-3, 0.0), simultaneous=True)
    growth = np.hypot(*path[-1]) / np.hypot(*path[0])
    print(f"h = {h}: {turn:4d} steps are a turn, which stretches by {growth:.3f}")
    assert np.isclose(growth, (1.0 + 0.25 * h * h) ** (0.5 * turn), rtol=1e-4)
    assert growth > 1.1

# %% [markdown]
# ## 7. Other labels, other losses
#
# **Smoothed labels.** Label the data $\alpha = 0.9$ instead of $1$, so that $D$ is never quite sure (Salimans et al.
# 2016). At one $x$, $D$ then makes $\alpha p \log y + ((1 - \alpha)\, p + q) \log(1 - y)$ large, which is section 1
# with other $a$ and $b$. So $D^* = \alpha \frac{p}{p + q}$. **Predict:** what does it say when $q = p$?
#
# **Least squares.** LSGAN (Mao et al. 2017) labels data $1$ and samples $-1$, and $D$ makes
# $\frac{1}{2} \mathbb{E}_p (D - 1)^2 + \frac{1}{2} \mathbb{E}_q (D + 1)^2$ small. At one $x$ the slope
# $p\,(y - 1) + q\,(y + 1)$ is zero at $D^* = \frac{p - q}{p + q}$. If $G$ wants $D$ to say $0$, then twice what is left
# is a chi-square:
#
# $$2\, C(G) = \int (p + q) \Bigl(\frac{p - q}{p + q}\Bigr)^2 \mathrm{d}x =
# \int \frac{\bigl(2q - (p + q)\bigr)^2}{p + q}\, \mathrm{d}x = \chi^2 \text{ of } 2q \text{ from } p + q$$

# %%
data, samples = Normal(), Normal(1.0)  # equal at 0.5
grid = np.append(0.5, np.linspace(-3.0, 4.0, 71))
check(other_losses.label_smoothing(data.density(grid), samples.density(grid), alpha=0.9))

squares = other_losses.least_squares(data, samples)
check(squares.statements())

grid = grid[1:]
draw.other_discriminators(wide(), grid, data.density(grid), samples.density(grid), squares)
plt.show()

# %% [markdown]
# With smoothed labels $D$ is undecided at $0.45$. Whoever looks for $\frac{1}{2}$ at the end of such a training looks
# for the wrong number.
#
# **Two lines.** The data lie on a vertical line in the plane, the samples on a parallel one at the distance $\theta$
# (Arjovsky et al. 2017, example 1). The lines have no point in common, unless $\theta = 0$. **Predict:** what do
# $\mathrm{JSD}$ and $W_1$ look like as functions of $\theta$?

# %%
lines = duality.parallel_lines(np.linspace(-1.0, 1.0, 21))
check(lines.statements())

draw.parallel_lines(plt.figure(figsize=(7, 3.2)), lines)
plt.show()

# %% [markdown]
# The JSD is flat but for one point, so that it has no slope to go down, and $C$ with it. $W_1$ points the way from
# anywhere.
#
# **Two sides of $W_1$.** It is the cost of the cheapest plan that carries the mass of $p$ to $q$. Kantorovich and
# Rubinstein (1958) found that the same number comes from a function $f$ whose slope is nowhere steeper than $1$:
#
# $$W_1(p, q) = \min_{\text{plans}} \; \text{mass} \times \text{distance}
# = \max_{\lvert f(x) - f(y) \rvert \le \lvert x - y \rvert} \mathbb{E}_p f - \mathbb{E}_q f$$
#
# *Why one half of it is easy.* A plan moves mass from $x$ to $y$ and pays $\lvert x - y \rvert$ for it, which is at
# least $f(x) - f(y)$. Summed over the plan: no $f$ sees more than any plan costs. That they meet is the theorem. A
# WGAN's critic looks for this $f$.

# %%
before, after = Discrete([0, 3, 7], [0.5, 0.2, 0.3]), Discrete([1, 2, 4, 5], [0.3, 0.2, 0.2, 0.3])
pair = duality.three_ways(before, after)
check(pair.statements())
check(duality.wasserstein_of_normals(shift=3.0))

f_before, f_after = pair.transport.potential_p, pair.transport.potential_q
moved = pair.transport.plan > 1e-9
assert np.allclose((f_before[:, None] - f_after)[moved], abs(before.values[:, None] - after.values)[moved])

draw.duality(wide(), pair)
plt.show()

# %% [markdown]
# Left, a dot's size is its mass, and a band is mass that is moved. Right, $f$ goes down by exactly $1$ for each $1$
# that mass moves: from $0$ to $2$ and from $3$ to $4$ to the right, from $7$ to $5$ to the left. It is of no use for
# $f$ to be less steep there, and it may not be steeper.
#
# ## 8. Formulas as printed
#
# All of the following has stood in lecture notes, slides or posts. Most of it is right at $q = p$, where all is said
# and done, and wrong elsewhere.
#
# In each exercise, **type the printed formula** in the place of the `...`, and run the cell and the check below it. The
# check draws your curve beside what is *measured*, by a computation that uses neither the printed formula nor the
# right one; what lies between them is red. Then **repair the formula** until there is no red left. Say why it was wrong
# before you look at the hints. Solutions are in the folder `solutions`.
#
# The data are $p = N(0, 1)$ and the samples $q = N(\mu, 1)$; your function gets $\mu$. The next cell has what you need.

# %%
P = Normal()
X = np.linspace(-10.0, 10.0, 2001)


def E(density, f):
    """The mean of f, whose density is given; both are arrays on the grid X."""
    return np.trapezoid(density * f, X)


def measured_c(mu):
    """C(G): the largest V that any D has, found at each x of the grid from the slope of V alone."""
    return optimum.highest_value(P, Normal(mu), X)


def measured_descent(mu):
    """How far down the non-saturating loss leads from mu to 0: its slopes, by autodiff, added up."""
    place, weight = np.polynomial.legendre.leggauss(20)
    way = [slopes.loss_slope(named("non-saturating"), m) for m in 0.5 * mu * (1.0 + place)]
    return 0.5 * mu * (weight @ way)


def measured_squares(mu):
    """Twice C(G) of LSGAN: what the best D, found at each x from the slope of its loss, leaves for G."""
    return other_losses.least_squares(P, Normal(mu)).criterion


# %% [markdown]
# ### Exercise 1: C and the JSD
#
# Printed: $\;C(G) = \mathrm{JSD}(p \,\Vert\, q) - \log 4$
#
# It is the red line of section 2. `jsd(P, q)` and `LOG_4` are what you need. At which $\mu$ is it right?


# %%
def c_by_jsd(mu):
    q = Normal(mu)
    return ...


# %%
print(draw.compare(narrow(), c_by_jsd, measured_c))
plt.show()

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Far away $C$ goes to $0$, and the JSD to $\log 2$. Does the printed formula?
#
# </details>
# <details><summary>Hint 2</summary>
#
# In the proof of section 2, how many $\mathrm{KL}$ are there, and how many halves has the JSD?
#
# </details>
#
# ### Exercise 2: the value of the best D
#
# Printed: $\;V(D^*, G) = \mathbb{E}_p \log D^* + \mathbb{E}_p \log(1 - D^*)$
#
# `p`, `q` and `d` are arrays of densities and of $D^*$ on the grid, and `E(p, np.log(d))` is $\mathbb{E}_p \log D^*$.
# Type the formula and look at it: where would a $G$ go that goes down this curve?


# %%
def v_of_best(mu):
    p, q = P.density(X), Normal(mu).density(X)
    d = p / (p + q)
    return ...


# %%
print(draw.compare(narrow(), v_of_best, measured_c))
plt.show()

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Who judges what in the game? $D$ is shown two kinds of numbers.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Where $q = p$ it does not matter over which density a mean is taken. That is why nobody noticed.
#
# </details>
#
# ### Exercise 3: C by two KL
#
# Printed: $\displaystyle \;C(G) = -\log 4 + \mathrm{KL}\Bigl(p \,\Big\Vert\, \frac{q + q}{2}\Bigr) +
# \mathrm{KL}\Bigl(q \,\Big\Vert\, \frac{p + q}{2}\Bigr)$
#
# `kl(p, q, X)` is the divergence of densities on the grid.


# %%
def c_by_kl(mu):
    p, q = P.density(X), Normal(mu).density(X)
    return ...


# %%
print(draw.compare(narrow(), c_by_kl, measured_c))
plt.show()

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Data and samples have the same rights in $V$. Do they in the formula?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Both densities are compared with the same third one. What is it called in section 2?
#
# </details>
#
# ### Exercise 4: units
#
# Printed: $\displaystyle \;C(G) = -\log 4 + 2 \cdot \mathrm{JSD}, \quad
# \mathrm{JSD} = \tfrac{1}{2}\, \mathbb{E}_p \log_2 \frac{p}{m} + \tfrac{1}{2}\, \mathbb{E}_q \log_2 \frac{q}{m}$
#
# Each half may stand in a good book. `np.log2` is the logarithm to base 2.


# %%
def c_in_units(mu):
    p, q = P.density(X), Normal(mu).density(X)
    m = (p + q) / 2
    return ...


# %%
print(draw.compare(narrow(), c_in_units, measured_c))
plt.show()

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Look at the right end. Can $C$ be above $0$? It is a mean of logarithms of probabilities.
#
# </details>
# <details><summary>Hint 2</summary>
#
# $\log 4$ is in nats, and so are the losses that a training prints. How many nats are a bit?
#
# </details>
#
# ### Exercise 5: what the non-saturating loss goes down
#
# Printed: "with the best $D$, the non-saturating loss minimises the JSD, too", that is, it goes down
# $2\,\mathrm{JSD}(p \,\Vert\, q)$
#
# The measured curve adds up the slopes of the loss on the way from $\mu$ to $0$. Your function returns the divergence
# that is said to be behind it, from `jsd(P, q)`, `kl(P, q)` and `kl(q, P)`.


# %%
def goes_down(mu):
    q = Normal(mu)
    return ...


# %%
print(draw.compare(narrow(), goes_down, measured_descent))
plt.show()

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 5 has the slope of this loss. The order of the two densities matters, though not for these $q$: try both.
#
# </details>
# <details><summary>Hint 2</summary>
#
# $-\log D^* = \log \frac{q}{p} - \log(1 - D^*)$. Of the second term you know what it goes down, and up with a minus.
#
# </details>
#
# ### Exercise 6: least squares
#
# Printed: $\;2\, C(G) = \chi^2$ of $p + q$ from $2q$
#
# The LSGAN paper divides a chi-square by the density that it writes first. In notes whose chi-square divides by the
# second, as most books have it, its formula is the wrong way round. `chi_square(a, b, X)` is
# $\int (a - b)^2 / b$ for arrays on the grid.


# %%
def twice_c(mu):
    p, q = P.density(X), Normal(mu).density(X)
    return ...


# %%
print(draw.compare(narrow(), twice_c, measured_squares, mu=np.linspace(-1.5, 1.5, 25)))
plt.show()

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# $D^*$ is between $-1$ and $1$, so $2\, C(G) = \int (p + q)\, D^{*2}$ is at most $2$.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Section 7 has the integral. What stands below the fraction bar?
#
# </details>
#
# ### More mistakes
#
# These are no curves. For each there are three numbers: by the printed sentence, by the right one, and measured.

# %%
others = [e for e in errata.ERRATA if "N(2, 1)" not in e.where]  # the exercises are about N(2, 1), too
print(f"{'':62s}   printed     right  measured")
for erratum in others:
    print(f"{erratum.printed:62s}" + "".join(f"{number:10.4f}" for number in erratum.parts()))
    print(f"   -> {erratum.right}   [{erratum.where}]")
    assert erratum.exposed

# %% [markdown]
# - *JSD of 1*: in bits. In nats it is $\log 2$.
# - *The losses at the end*: with $D = \frac{1}{2}$, $L_D = -V$ has two terms, $\log 2$ each; some programs take their
#   mean. The non-saturating $L_G$ ends at $\log 2$ and not at $0$. And each GAN has an end of
#   its own. No loss says that samples are good.
# - *The first term and G*: programs may go down both terms, but $\theta$ is in the second one only; see below.
# - *Labels of 0.9*, and *a weight of 0.95*: both move the undecided $D$, by different amounts.
# - *Clipped weights*: they bound the slope of the critic by some $K$, not by $1$. It finds $K\, W_1$ at most, and
#   nobody knows $K$.
# - *A sigmoid at the end of a critic*: then what it sees is never more than $1$, and $W_1$ has no bound.
# - *k steps of G*: it is $D$ that takes $k$ steps in a round of Algorithm 1, and $G$ takes one.
# - *Batch normalisation in a critic with a gradient penalty*: see below.
# - *Histograms*: see below.
#
# **The first term has no $G$.** Move the generator $G(z) = \theta + z$ a little, with $D$ as it is. **Predict** how
# much each term of $V$ changes.

# %%
rng = np.random.default_rng(0)
real, z = (P.sample(1000, rng) for _ in range(2))


def terms(theta):
    """E log D(x) and E log(1 - D(G(z))), for the D that is best against N(2, 1)."""
    d_real, d_fake = (optimal_discriminator(P, Normal(2.0), points) for points in (real, theta + z))
    return np.array([np.log(d_real).mean(), np.log(1.0 - d_fake).mean()])


by_theta = (terms(2.0 + 1e-4) - terms(2.0 - 1e-4)) / 2e-4
print(f"slopes by theta: {by_theta[0]:.4f} and {by_theta[1]:.4f}")
assert by_theta[0] == 0.0
assert abs(by_theta[1]) > 0.1

# %% [markdown]
# **A gradient penalty needs the slope of $D$ at each point by itself.** Programs take the gradient of the *sum* of all
# $D(x_i)$ instead, which is the same if no $D(x_i)$ depends on another $x_j$. Here are all slopes
# $\partial D(x_i) / \partial x_j$ of two critics at three points. **Predict:** which of the two is diagonal?

# %%
points = np.array([[-1.0], [0.5], [2.0]])
plain = nn.Sequential(nn.Linear(1, 4, rng=0), nn.Tanh(), nn.Linear(4, 1, rng=1)).double()
normed = nn.Sequential(nn.Linear(1, 4, rng=0), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 1, rng=1)).double()

by_plain, by_normed = (mg.jacobian(critic, points).data.reshape(3, 3) for critic in (plain, normed))
for name, table in {"plain": by_plain, "with batch normalisation": by_normed}.items():
    print(f"{name}:\n{table.round(3)}\n  gradient of the sum {table.sum(axis=0).round(3)}")
assert np.allclose(by_plain, np.diag(np.diag(by_plain)))
assert not np.allclose(by_normed.sum(axis=0), np.diag(by_normed), atol=0.1)

# %% [markdown]
# With batch normalisation all points of a batch share their mean and their variance, so the gradient of the sum is not
# the slope at any point. A critic with a penalty takes layer normalisation instead.
#
# **Batches are small.** $V$ of a batch of 64 is no $V(D^*, G)$, but off by about its standard error.

# %%
Q = Normal(2.0)
real, fake = (optimal_logits(P, Q, source.sample(2000, rng, size=64)) for source in (P, Q))
batches = [sampled_value(*batch) for batch in zip(real, fake)]
values, errors = np.array([(batch.value, batch.standard_error) for batch in batches]).T
print(f"V(D*, G) = {best_value(P, Q):.3f}; 2000 batches of 64 say {values.mean():.3f} on average,")
print(f"from {values.min():.2f} to {values.max():.2f}; they spread by {values.std():.3f},")
print(f"and their standard errors are {errors.mean():.3f} on average")
assert abs(values.mean() - best_value(P, Q)) < 4.0 * values.std() / np.sqrt(2000)
assert abs(values.std() / errors.mean() - 1.0) < 0.1

# %% [markdown]
# **Histograms see differences where there are none.** Take $n$ points of the same distribution twice, count them in
# 30 x 30 cells, and compute the JSD of the two histograms. It should be $0$. **Predict** it for $n = 150$.

# %%
edges = np.linspace(-3.0, 3.0, 31)
found = []
for n in (150, 1500, 15_000, 150_000):
    one, two = (np.histogram2d(*rng.standard_normal((2, n)), bins=(edges, edges))[0] for _ in range(2))
    found.append(jsd(one / one.sum(), two / two.sum()))
    print(f"n = {n:6d}: JSD {found[-1]:.4f}")
assert found[0] > 0.4
assert found[-1] < 0.01

# %% [markdown]
# With 150 points the two samples hardly share a cell, and the histograms are two thirds of the way to $\log 2$, which
# would be nothing in common. A JSD that comes from samples needs its $n$ beside it. In this course it comes from
# densities.
#
# ## 9. Questions
#
# 1. In the picture of section 1, $D^*$ goes down to the left of $-4$, where there are almost no samples. What would a
#    generator have to do for $D$ to learn about it?
# 2. You train a discriminator and print $V(D, G)$, and one batch gives a value above $C(G)$. Is it a bug? How would you
#    find out?
# 3. Theorem 1 says that $C$ is least at $q = p$ only. Why does that not say that training gets there? Name two things
#    that are assumed in section 3 and are not so in a training.
# 4. In section 5 the non-saturating loss goes down $\mathrm{KL}(q \,\Vert\, p) - 2\,\mathrm{JSD}$. Show that it is
#    $2\,\mathrm{KL}(m \,\Vert\, p)$ with $m = \frac{1}{2}(p + q)$, so that it is never below $0$.
# 5. In section 6, start the game with $R_1$ far away, at $(3, 0)$. Does it still arrive? And with a larger $h$, or a
#    larger penalty?
# 6. Draw the best potential for $p$ at $0$ and $q$ at $3$, all mass in one point each. How much freedom is there beyond
#    these two points? What does that say about a critic where there are no samples?
# 7. Which of the printed formulas would a check at $q = p$ have found? What is a better place to check a formula?
