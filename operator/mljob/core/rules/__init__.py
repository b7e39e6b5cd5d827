"""The rules of `decide`, one policy a module. Each: `(facts, now) -> Decision | None`; None: not mine."""
