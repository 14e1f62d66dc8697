"""What a workload is made of, and what its energy adds up to from measured cells."""
