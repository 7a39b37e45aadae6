"""Commands that outlive a call: their handles, their output, their retention."""
