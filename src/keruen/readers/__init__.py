"""Readers: one publisher, one module, one function from a file to claims. A reader rejects; it never repairs."""
