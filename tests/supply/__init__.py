"""The supply: which binary fits, where it is, and how it gets there."""
