"""Steps from value to value: maps, texts, lists, numbers, dates."""
