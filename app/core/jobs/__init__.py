"""Background work: the job's row is the queue, and who holds its lease does it."""
