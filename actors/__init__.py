"""The actors of the exchange, their vocabulary and their pure cores."""
