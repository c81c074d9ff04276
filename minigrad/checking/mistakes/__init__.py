"""The mistakes that are known, each a hypothesis that is tested against numbers.

The numeric gradient of a ``Case`` is what the rule should give, for several upstream gradients at once, so that a
coincidence with one of them does not count. A hypothesis looks at one input. It predicts what the mistake would have
made of the right gradient and compares that with what was given; or it repairs the mistake, by calling the rule again
with other arguments, and compares the result with what is right. It returns a sentence for the student, or None where
it does not fit.
"""
