"""From published outcomes and recorded runs to the classifier's numbers."""
