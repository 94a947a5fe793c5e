"""The ground floor: dtypes, devices, shapes, flags, errors and host random numbers. Knows no tensor and no trace."""
