# %% [markdown]
# # The theory of GANs, checked by numbers: solutions
#
# The exercises of the notebook with the same name, solved: for each exercise what was wrong, the formula as it should
# be, and the same check. There are other ways to write the right formulas. The check accepts all of them.

# %%
import matplotlib.pyplot as plt
import numpy as np

from gan.data import Normal
from gan.objectives import named
from gan.theory import LOG_4, chi_square, jsd, kl, optimum, other_losses, slopes
from gan.viz import theory as draw


def narrow():
    """A figure with room for one."""
    return plt.figure(figsize=(5.5, 2.6))


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
# The proof ends with two $\mathrm{KL}$, and the JSD is the mean of the two: half their sum. So a factor of $2$ is
# missing. At $\mu = 0$ the JSD is $0$, and a factor does not show.


# %%
def c_by_jsd(mu):
    q = Normal(mu)
    return 2 * jsd(P, q) - LOG_4


# %%
print(draw.compare(narrow(), c_by_jsd, measured_c))
plt.show()

# %% [markdown]
# ### Exercise 2: the value of the best D
#
# The second mean is over the samples. As printed, the curve *falls* away from $\mu = 0$: a $G$ that goes down it runs
# away from the data, as far as it can.


# %%
def v_of_best(mu):
    p, q = P.density(X), Normal(mu).density(X)
    d = p / (p + q)
    return E(p, np.log(d)) + E(q, np.log(1 - d))


# %%
print(draw.compare(narrow(), v_of_best, measured_c))
plt.show()

# %% [markdown]
# ### Exercise 3: C by two KL
#
# $\frac{1}{2}(q + q)$ is nothing but $q$. In both places stands the mixture $m = \frac{1}{2}(p + q)$.


# %%
def c_by_kl(mu):
    p, q = P.density(X), Normal(mu).density(X)
    return -LOG_4 + kl(p, (p + q) / 2, X) + kl(q, (p + q) / 2, X)


# %%
print(draw.compare(narrow(), c_by_kl, measured_c))
plt.show()

# %% [markdown]
# ### Exercise 4: units
#
# A bit is $\log 2$ nats. A sum must not have one term in bits and another one in nats.


# %%
def c_in_units(mu):
    p, q = P.density(X), Normal(mu).density(X)
    m = (p + q) / 2
    return -LOG_4 + E(p, np.log(p / m)) + E(q, np.log(q / m))


# %%
print(draw.compare(narrow(), c_in_units, measured_c))
plt.show()

# %% [markdown]
# ### Exercise 5: what the non-saturating loss goes down
#
# It goes down $\mathrm{KL}(q \,\Vert\, p) - 2\,\mathrm{JSD}$, which is $2\,\mathrm{KL}(m \,\Vert\, p)$ with
# $m = \frac{1}{2}(p + q)$. The end is the same as that of the JSD, the way is another one: far away the curve gets
# steeper, and that of the JSD flat.


# %%
def goes_down(mu):
    q = Normal(mu)
    return kl(q, P) - 2 * jsd(P, q)


# %%
print(draw.compare(narrow(), goes_down, measured_descent))
plt.show()

# %% [markdown]
# ### Exercise 6: least squares
#
# The integral has $p + q$ below the fraction bar, so it is the chi-square of $2q$ from $p + q$. The other way round
# there is $2q$ below, and where $q$ is small it explodes.


# %%
def twice_c(mu):
    p, q = P.density(X), Normal(mu).density(X)
    return chi_square(2 * q, p + q, X)


# %%
print(draw.compare(narrow(), twice_c, measured_squares, mu=np.linspace(-1.5, 1.5, 25)))
plt.show()

# %% [markdown]
# ### All six as printed
#
# This is what you saw, if you typed what was printed. Each formula is right at $\mu = 0$, where $q = p$, and nowhere
# else.


# %%
def six_as_printed(mu):
    """What the printed formulas say, in the order of the exercises."""
    p, q = P.density(X), Normal(mu).density(X)
    d, m = p / (p + q), (p + q) / 2
    return (
        jsd(p, q, X) - LOG_4,
        E(p, np.log(d)) + E(p, np.log(1 - d)),
        -LOG_4 + kl(p, (q + q) / 2, X) + kl(q, (p + q) / 2, X),
        -LOG_4 + E(p, np.log2(p / m)) + E(q, np.log2(q / m)),
        2 * jsd(p, q, X),
        chi_square(p + q, 2 * q, X),
    )


mu = np.linspace(-1.5, 1.5, 13)
printed = np.transpose([six_as_printed(m) for m in mu])
measured = [measured_c] * 4 + [measured_descent, measured_squares]

figure = plt.figure(figsize=(9, 7.5))
for part, i in zip(figure.subfigures(3, 2).flat, range(6)):
    right = np.array([measured[i](m) for m in mu])
    draw.residual(part, mu, right, printed[i], ("measured", f"exercise {i + 1}"))
    assert mu[abs(printed[i] - right) < 1e-6] == [0.0]
plt.show()

# %% [markdown]
# ### The other claims above

# %%
_, falls, *_, explodes = six_as_printed(2.0)
assert falls < -LOG_4
assert explodes > 10 * twice_c(2.0)
p, q = P.density(X), Normal(2.0).density(X)
assert np.isclose(goes_down(2.0), 2 * kl((p + q) / 2, p, X))
assert goes_down(3.0) - goes_down(2.0) > goes_down(2.0) - goes_down(1.0)
assert jsd(P, Normal(3.0)) - jsd(P, Normal(2.0)) < jsd(P, Normal(2.0)) - jsd(P, Normal(1.0))
