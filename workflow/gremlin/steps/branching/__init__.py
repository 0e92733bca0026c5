"""Steps that go several ways, or the same way several times."""
