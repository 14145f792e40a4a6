"""The actor engine: durable mailboxes on pykka and multiprocessing. Nothing in it knows what an order is."""
