"""What can be done in the swarm: verbs by noun. They run inside a transaction that a door or a flow has bound."""
