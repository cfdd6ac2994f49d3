//! Stories of executions, with a fake provider and fake objects.
