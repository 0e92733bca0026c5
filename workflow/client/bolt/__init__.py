"""Databases that speak Bolt, for runs of a workflow over one: what they hold comes in, what is learnt goes back."""
