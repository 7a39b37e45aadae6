"""Who may call: tokens, the checker that knows them, and the resource that asks it."""
