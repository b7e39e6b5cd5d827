"""Pure decisions. Nothing here reads a clock, talks to a network or imports anything but `mljob.api`."""
