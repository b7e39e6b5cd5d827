"""The loop: view, work queue, gather, decide, apply, mirror, resync. Talks to the world through `ports`."""
