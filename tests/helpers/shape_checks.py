"""What checks arguments and results against their annotations, where `--check-shapes` is given."""

from beartype import BeartypeConf, beartype

# for type checkers, too, an int is a float
checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
