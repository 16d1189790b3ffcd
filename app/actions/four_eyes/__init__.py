"""Four eyes: what could do great harm waits until a second administrator agrees."""
