"""Values that every query language shares: numbers, dates and durations, and how large a value may grow.

What is equal, what comes first and what a sum is differ between the languages and stand with each.
"""
