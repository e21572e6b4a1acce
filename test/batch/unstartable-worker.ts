/** A worker of a broken installation: it ends before it can take a task. */
process.exit(1);
