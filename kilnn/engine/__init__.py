"""Recording, compiling and running. JAX is loaded here, and kept out of garbage collections before more is loaded."""

import jax

from kilnn.engine.startup import start

start()
