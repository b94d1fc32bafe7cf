"""What the notebooks are checked with."""

#: Fixed, so that the outputs of notebooks stay the same. `redelivery grade` draws another one each time.
DEFAULT_SEED = 8
