"""What a data set is and what threatens a result that is made of it, as numbers and findings; no page."""
