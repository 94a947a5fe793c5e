"""kilnn.distributions: draws, densities, entropies, divergences."""

from kilnn.distributions import constraints as constraints, kl as kl, transforms as transforms
from kilnn.distributions.continuous import (
    Cauchy as Cauchy,
    Exponential as Exponential,
    Gumbel as Gumbel,
    HalfNormal as HalfNormal,
    Laplace as Laplace,
    Normal as Normal,
    Uniform as Uniform,
)
from kilnn.distributions.discrete import (
    Bernoulli as Bernoulli,
    Binomial as Binomial,
    Categorical as Categorical,
    Geometric as Geometric,
    Multinomial as Multinomial,
    OneHotCategorical as OneHotCategorical,
    OneHotCategoricalStraightThrough as OneHotCategoricalStraightThrough,
    Poisson as Poisson,
)
from kilnn.distributions.distribution import Distribution as Distribution
from kilnn.distributions.gamma import (
    Beta as Beta,
    Chi2 as Chi2,
    Dirichlet as Dirichlet,
    Gamma as Gamma,
    StudentT as StudentT,
)
from kilnn.distributions.kl import kl_divergence as kl_divergence, register_kl as register_kl
from kilnn.distributions.multivariate import MultivariateNormal as MultivariateNormal
from kilnn.distributions.transformed import (
    Independent as Independent,
    LogNormal as LogNormal,
    MixtureSameFamily as MixtureSameFamily,
    TransformedDistribution as TransformedDistribution,
)
from kilnn.distributions.transforms import (
    AbsTransform as AbsTransform,
    AffineTransform as AffineTransform,
    ComposeTransform as ComposeTransform,
    ExpTransform as ExpTransform,
    IndependentTransform as IndependentTransform,
    PowerTransform as PowerTransform,
    SigmoidTransform as SigmoidTransform,
    SoftmaxTransform as SoftmaxTransform,
    SoftplusTransform as SoftplusTransform,
    TanhTransform as TanhTransform,
    Transform as Transform,
    identity_transform as identity_transform,
)
