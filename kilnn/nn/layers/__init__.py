"""The layers, by family: `kilnn.nn` names them all."""
