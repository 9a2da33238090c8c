// A test process that outlives a killed run would keep the servers that it has started alive. Vitest replaces
// process.exit, so it ends by a signal.
if (process.connected === true && process.listenerCount('disconnect') === 0) {
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
}
