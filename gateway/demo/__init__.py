"""`tradepost demo`: a venue that shows itself, over its own HTTP API."""
