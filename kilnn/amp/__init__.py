"""Mixed precision: autocast and the scaling of losses."""

from kilnn.amp.autocast_mode import (
    autocast as autocast,
    clear_autocast_cache as clear_autocast_cache,
    custom_bwd as custom_bwd,
    custom_fwd as custom_fwd,
    get_autocast_dtype as get_autocast_dtype,
    is_autocast_available as is_autocast_available,
    is_autocast_cache_enabled as is_autocast_cache_enabled,
    is_autocast_enabled as is_autocast_enabled,
    set_autocast_cache_enabled as set_autocast_cache_enabled,
    set_autocast_dtype as set_autocast_dtype,
    set_autocast_enabled as set_autocast_enabled,
)
from kilnn.amp.grad_scaler import GradScaler as GradScaler
