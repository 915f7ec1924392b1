"""The imageflow image engine for any Python program, whatever machine it is on."""
