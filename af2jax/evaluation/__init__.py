"""A data set through a network, scored and compared, as numbers and verdicts; `report/` makes pages of them."""
