"""The doors: the only code that meets the outside world; no rules live here."""
